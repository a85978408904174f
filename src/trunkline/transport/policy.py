"""Which addresses may be connected to: `TCPConnector(allow=…)`, against server-side request forgery.

Addresses are judged after resolution, whatever they were resolved from, and those that pass are what is connected to:
nothing is resolved again in between, so a name that changes its mind (DNS rebinding) gains nothing. What is public is
told by IANA's registries of special-purpose addresses (RFC 6890), written out here because those of Python's ipaddress
changed within its versions. What a proxy connects to has no address that we could see: unless the host is an address
itself, only a function may let it pass.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from trunkline.abc import ResolveResult
from trunkline.transport.errors import NotAllowed

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

# Tells why an address of a host, or a host whose address only a proxy will know, must not be connected to at a port;
# None: it may.
_Rule = Callable[[str, _Address | None, int], str | None]

# https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast (RFC 5771). The few addresses within that
# are reachable globally serve no HTTP.
_NOT_PUBLIC_IPV4: Final = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this host (RFC 1122)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("100.64.0.0/10", "a carrier's, behind its NAT (RFC 6598)"),
        ("127.0.0.0/8", "loopback (RFC 1122)"),
        ("168.63.129.16/32", "Azure's platform, as each virtual machine there sees it"),  # public by its number alone
        ("169.254.0.0/16", "link-local, where clouds keep metadata (RFC 3927)"),
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.0.0.0/24", "of protocols (RFC 6890)"),
        ("192.0.2.0/24", "for documentation (RFC 5737)"),
        ("192.88.99.0/24", "of 6to4 relays (RFC 7526)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "for documentation (RFC 5737)"),
        ("203.0.113.0/24", "for documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("240.0.0.0/4", "reserved (RFC 1112)"),
    )
)

# https://www.iana.org/assignments/iana-ipv6-special-registry. Outside of what is allocated for global unicast nothing
# is public; what has a name is here to be told by it.
_NOT_PUBLIC_IPV6: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "this host (RFC 4291)"),
        ("::1/128", "loopback (RFC 4291)"),
        ("2001::/23", "of protocols, Teredo among them (RFC 2928)"),
        ("2001:db8::/32", "for documentation (RFC 3849)"),
        ("2002::/16", "6to4, which hides an IPv4 address (RFC 7526)"),
        ("3fff::/20", "for documentation (RFC 9637)"),
        ("fc00::/7", "private (RFC 4193)"),
        ("fe80::/10", "link-local (RFC 4291)"),
        ("ff00::/8", "multicast (RFC 4291)"),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")  # RFC 4291 §2.4, as far as IANA has allocated it
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1


class Policy:
    """Passes what any of its rules lets pass."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = rules

    def allowed(self, host: str, port: int, addresses: Iterable[ResolveResult]) -> list[ResolveResult]:
        """Return those of the `addresses` of a host that may be connected to; raise NotAllowed if there are none."""
        passed: list[ResolveResult] = []
        refused: list[tuple[str, str]] = []
        for address in addresses:
            why = self._why_not_at(host, address)
            if why is None:
                passed.append(address)
            else:
                refused.append((address["host"], why))
        if not passed:
            raise NotAllowed(host, port, tuple(refused))
        return passed

    def check_behind_proxy(self, host: str, port: int) -> None:
        """Raise NotAllowed if no proxy may be asked to connect to `host`."""
        # What only looks like an address, such as 127.1, does not come this far: `client/target` refuses it.
        why = self._why_not(host, _parsed(host), port)
        if why is not None:
            raise NotAllowed(host, port, ((host, why),))

    def _why_not_at(self, host: str, address: ResolveResult) -> str | None:
        ip = _parsed(address["host"])
        if ip is None:  # from a resolver of the user's; the loop would resolve it, unseen by us
            return "is not an IP address"
        return self._why_not(host, ip, address["port"])

    def _why_not(self, host: str, ip: _Address | None, port: int) -> str | None:
        reasons: list[str] = []
        for rule in self._rules:
            why = rule(host, ip, port)
            if why is None:
                return None
            reasons.append(why)
        return " and ".join(reasons) or "is not in allow=, which is empty"


def policy_of(allow: object) -> Policy:
    """Return the policy that a connector's `allow` asks for; raise TypeError or ValueError if that is none."""
    listed = allow if _is_list(allow) else (allow,)
    assert isinstance(listed, Iterable)
    rules: list[_Rule] = []
    networks: list[_Network] = []
    for item in listed:
        if item == "public":
            rules.append(_why_not_public)
        elif isinstance(item, str | _Network):
            networks.append(_network(item))
        elif callable(item):
            rules.append(partial(_ask, item))
        else:
            raise TypeError(
                f"allow has a {type(item).__name__}; pass 'public', a network such as '10.1.0.0/16', "
                "a function of (host, ip, port) that returns a bool, or a list of those"
            )
    if networks:
        rules.append(partial(_why_outside, networks))
    return Policy(rules)


def _is_list(allow: object) -> bool:
    return isinstance(allow, Iterable) and not isinstance(allow, str | bytes | _Network) and not callable(allow)


def _network(item: str | _Network) -> _Network:
    try:
        return ip_network(item)
    except ValueError as error:
        raise ValueError(
            f"allow has {item!r}, which is neither 'public' nor a network such as '10.1.0.0/16': {error}"
        ) from error


# The rules.


def _why_not_public(host: str, ip: _Address | None, port: int) -> str | None:
    if ip is None:
        return "is resolved by the proxy, so that its address cannot be checked"
    if isinstance(ip, IPv6Address) and ip in _NAT64:  # it leads to the IPv4 address in its last 32 bits
        ip = IPv4Address(ip.packed[-4:])
    for network, name in _NOT_PUBLIC_IPV4 if isinstance(ip, IPv4Address) else _NOT_PUBLIC_IPV6:
        if ip in network:
            return f"is {name}"
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
        return "is not global unicast (RFC 4291)"
    return None


def _why_outside(networks: Sequence[_Network], host: str, ip: _Address | None, port: int) -> str | None:
    if ip is None:
        return "is resolved by the proxy, so that it cannot be looked up in the networks allowed"
    return None if any(ip in network for network in networks) else "is in none of the networks allowed"


def _ask(judge: Callable[..., object], host: str, ip: _Address | None, port: int) -> str | None:
    is_allowed = judge(host, ip, port)
    if not isinstance(is_allowed, bool):  # a coroutine, for one, would be true whatever it is about to say
        raise TypeError(f"allow's function returned a {type(is_allowed).__name__}; wanted True or False")
    return None if is_allowed else "is refused by the function in allow="


def _parsed(text: str) -> _Address | None:
    """Return the address that `text` is, without its zone; None if it is none.

    One that is IPv4 within IPv6 (RFC 4291 §2.5.5.2) is IPv4: so the operating system connects to it.
    """
    try:
        ip = ip_address(text.partition("%")[0])  # as the race takes it apart
    except ValueError:
        return None
    return (isinstance(ip, IPv6Address) and ip.ipv4_mapped) or ip
