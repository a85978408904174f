"""What each kind of `allow` lets pass, address by address."""

import random
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Any

import pytest

from trunkline.abc import ResolveResult
from trunkline.transport.errors import ConnectError, NotAllowed
from trunkline.transport.policy import policy_of


def addresses(*hosts: str, port: int = 80) -> list[ResolveResult]:
    return [ResolveResult(hostname="a.test", host=host, port=port, family=0, proto=0, flags=0) for host in hosts]


def passed(allow: object, *hosts: str, port: int = 80) -> list[str]:
    try:
        return [found["host"] for found in policy_of(allow).allowed("a.test", port, addresses(*hosts, port=port))]
    except NotAllowed:
        return []


PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2001:200::1", "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00::1", "3ffe::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1%1",
)  # fmt: skip

NOT_PUBLIC = (
    ("0.0.0.0", "this host"),
    ("0.255.255.255", "this host"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "carrier"),
    ("100.100.100.200", "carrier"),  # Alibaba's metadata
    ("100.127.255.255", "carrier"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("168.63.129.16", "Azure"),
    ("169.254.0.0", "link-local"),
    ("169.254.169.254", "link-local"),  # metadata of most clouds
    ("169.254.170.2", "link-local"),  # of AWS's containers
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "protocols"),  # Oracle's metadata
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.0", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "this host"),
    ("::1", "loopback"),
    ("::1%1", "loopback"),
    ("::127.0.0.1", "not global unicast"),  # IPv4-compatible
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:a9fe:a9fe", "link-local"),
    ("::ffff:0:127.0.0.1", "not global unicast"),  # IPv4-translated
    ("64:ff9b::10.0.0.1", "private"),
    ("64:ff9b::169.254.169.254", "link-local"),
    ("64:ff9b:1::8.8.8.8", "not global unicast"),  # NAT64 within a network
    ("100::1", "not global unicast"),
    ("2001::1", "protocols"),
    ("2001:0:7f00:1::", "protocols"),  # Teredo
    ("2001:1ff:ffff::", "protocols"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("2002:808:808::", "6to4"),
    ("3fff::1", "documentation"),
    ("4000::1", "not global unicast"),
    ("5f00::1", "not global unicast"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),  # AWS's metadata
    ("fd20:ce::254", "private"),  # Google's
    ("fe80::1", "link-local"),
    ("fe80::1%1", "link-local"),
    ("fec0::1", "not global unicast"),
    ("ff02::1", "multicast"),
)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_lets_an_address_of_the_internet_pass(host: str) -> None:
    assert passed("public", host) == [host]


@pytest.mark.parametrize(("host", "why"), NOT_PUBLIC)
def test_public_refuses_special_addresses_and_says_why(host: str, why: str) -> None:
    with pytest.raises(NotAllowed, match=rf"{re.escape(host)} is .*{why}"):
        policy_of("public").allowed("a.test", 80, addresses(host))


def test_what_we_call_public_is_global_to_python_too() -> None:
    chance = random.Random(6)
    for _ in range(20_000):
        ip: Any = IPv4Address(chance.getrandbits(32)) if chance.random() < 0.7 else IPv6Address(chance.getrandbits(128))
        if passed("public", str(ip)):
            assert (ip.is_global, ip.is_multicast) == (True, False), ip


@pytest.mark.parametrize(
    ("allow", "hosts"),
    [
        ("10.1.0.0/16", ["10.1.2.3", "::ffff:10.1.2.3"]),
        ("10.1.2.3", ["10.1.2.3", "::ffff:10.1.2.3"]),
        (IPv4Network("10.1.0.0/16"), ["10.1.2.3", "::ffff:10.1.2.3"]),
        (["10.0.0.1", "fd00::/8"], ["10.0.0.1", "fd00::1"]),
        (("public", "10.0.0.1"), ["10.0.0.1", "8.8.8.8"]),
        ({"public"}, ["8.8.8.8"]),
        ("::/0", ["fd00::1"]),
        (lambda host, ip, port: ip == ip_address("10.0.0.1"), ["10.0.0.1"]),
        (["fd00::1", lambda host, ip, port: ip.is_global], ["fd00::1", "8.8.8.8"]),
        ([], []),
    ],
)
def test_an_address_passes_that_any_rule_lets_pass(allow: object, hosts: list[str]) -> None:
    assert passed(allow, "10.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "8.8.8.8") == hosts


def test_a_function_is_told_host_address_and_the_port_that_is_connected_to() -> None:
    asked: list[object] = []

    def allow(host: str, ip: object, port: int) -> bool:
        asked.append((host, ip, port))
        return True

    policy_of(allow).allowed("a.test", 80, addresses("::ffff:127.0.0.1", "fe80::1%1", port=22))
    assert asked == [("a.test", IPv4Address("127.0.0.1"), 22), ("a.test", IPv6Address("fe80::1"), 22)]


@pytest.mark.parametrize("answer", [None, 1, "yes"])
def test_a_function_that_does_not_say_true_or_false_is_an_error(answer: object) -> None:
    with pytest.raises(TypeError, match="wanted True or False"):
        policy_of(lambda *_: answer).allowed("a.test", 80, addresses("8.8.8.8"))


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "010.0.0.1", "", "[::1]"])
def test_what_a_resolver_returns_must_be_an_address_whatever_is_allowed(host: str) -> None:
    assert passed(lambda *_: True, host) == []


def test_the_error_names_every_address_and_every_reason() -> None:
    with pytest.raises(ConnectError) as caught:
        policy_of(["public", "192.168.7.0/24"]).allowed("a.test", 80, addresses("10.0.0.1", "::1"))
    assert str(caught.value) == (
        "cannot connect to a.test:80: not allowed: "
        "10.0.0.1 is private (RFC 1918) and is in none of the networks allowed; "
        "::1 is loopback (RFC 4291) and is in none of the networks allowed "
        "(the connector's allow= decides; extend it if this is meant)"
    )


def by_name(host: str, ip: object, port: int) -> bool:
    return ip is None


@pytest.mark.parametrize(
    ("allow", "host", "why"),
    [
        ("public", "8.8.8.8", None),
        ("public", "2606:4700::1", None),
        ("public", "10.0.0.1", "private"),
        ("public", "::ffff:10.0.0.1", "private"),
        ("public", "fe80::1%1", "link-local"),
        ("public", "a.test", "resolved by the proxy"),
        ("8.8.8.0/24", "a.test", "resolved by the proxy"),
        ("8.8.8.0/24", "8.8.8.8", None),
        (by_name, "a.test", None),
        (by_name, "8.8.8.8", "refused by the function"),
        (["public", by_name], "a.test", None),
        (["public", by_name], "10.0.0.1", "private"),
        ("public", "ü.test", "resolved by the proxy"),
    ],
)
def test_behind_a_proxy_literals_are_judged_and_names_need_a_function(
    allow: object, host: str, why: str | None
) -> None:
    policy = policy_of(allow)
    if why is None:
        policy.check_behind_proxy(host, 443)
    else:
        with pytest.raises(NotAllowed, match=why):
            policy.check_behind_proxy(host, 443)


@pytest.mark.parametrize(
    ("allow", "error", "match"),
    [
        ("private", ValueError, "'private', which is neither 'public' nor a network"),
        ("10.0.0.1/8", ValueError, "host bits"),
        (["public", "a.test"], ValueError, "'a.test'"),
        (True, TypeError, "a bool"),
        (b"public", TypeError, "a bytes"),
        ([1], TypeError, "an? int; pass 'public'"),
    ],
)
def test_what_is_no_rule_is_refused_at_once(allow: object, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        policy_of(allow)
