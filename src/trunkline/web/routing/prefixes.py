"""Resources for whatever lies below a prefix or is asked of a host: the seats of sub-applications and static files.

A sub-application's resources carry the whole path, its prefix included, so its router sees the path as it came. What
a sub-application answers is final, its 404 as well.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from typing import Any, NoReturn, Protocol

from yarl import URL

from trunkline import hdrs
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.routing.resources import FoundResource, Resolved, ResourceInfo
from trunkline.web.routing.route_paths import Outline, encoded_form, matching_form, requested_path
from trunkline.web.routing.routes import AbstractRoute
from trunkline.wire.limits import MAX_MASKED_HOST_CHARS

_LABEL = re.compile(r"(?!-)[a-z\d*-]{1,63}(?<!-)", re.ASCII)  # RFC 1123 §2.1; "*" for masks
_DEFAULT_PORT = 80  # of http; RFC 9110 §4.2.1

# Any of `request`: Request stands above this module, and tests use stand-ins.


class Routes(Sized, Protocol):
    """All routes of a router."""

    def __iter__(self) -> Iterator[AbstractRoute]: ...


class SubRouter(Protocol):
    """What a sub-application's router must do."""

    must_be_awaited: bool

    def find_path(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo: ...

    async def resolve(self, request: Any) -> UrlMappingMatchInfo: ...

    def add_prefix(self, prefix: str) -> None: ...

    def routes(self) -> Routes: ...


class SubApp(Protocol):
    """What a sub-application must have."""

    @property
    def router(self) -> SubRouter: ...


class PrefixResource(FoundResource):
    """A resource for every path at `prefix` and below; "" is the root."""

    def __init__(self, prefix: str, *, name: str | None = None) -> None:
        if prefix and not prefix.startswith("/"):
            raise ValueError(f"prefix {prefix!r} does not begin with a slash; write {'/' + prefix!r}")
        super().__init__(name=name)
        self._set_prefix(encoded_form(prefix.rstrip("/")))

    def _set_prefix(self, prefix: str) -> None:
        self._prefix = prefix
        self._form = matching_form(prefix)

    @property
    def canonical(self) -> str:
        """The prefix, percent-encoded, without a slash at its end."""
        return self._prefix

    @property
    def outline(self) -> Outline:
        """The prefix's segments; anything may follow."""
        # One segment short, because the prefix itself matches as well.
        return Outline(tuple(self._form.split("/")[:-1]), is_open=True)

    def add_prefix(self, prefix: str) -> None:
        """Move the resource below `prefix`, which is percent-encoded."""
        self._set_prefix(prefix + self._prefix)

    def raw_match(self, prefix: str) -> bool:
        """Return False: a prefix is never used again for another route."""
        return False

    def rest_of(self, path: str) -> str | None:
        """Return what of `path`, in matching form, lies below the prefix; "" at the prefix; None elsewhere."""
        below = self._form + "/"
        if path.startswith(below):
            return path[len(below) :]
        return "" if path == self._form else None


class PrefixedSubAppResource(PrefixResource):
    """The seat of a sub-application below a prefix."""

    def __init__(self, prefix: str, app: SubApp) -> None:
        super().__init__(prefix)
        self._app = app
        app.router.add_prefix(self._prefix)

    @property
    def must_be_awaited(self) -> bool:
        """True when the sub-application's router must be."""
        return self._app.router.must_be_awaited

    def add_prefix(self, prefix: str) -> None:
        """Move the sub-application below `prefix`, which is percent-encoded."""
        super().add_prefix(prefix)
        self._app.router.add_prefix(prefix)

    def find(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo | None:
        """Return what the sub-application's router finds, its errors included; None when it is not responsible."""
        if not self.is_responsible(request, path):
            return None
        match_info = self._app.router.find_path(request, method, path)
        match_info.add_app(self._app)
        return match_info

    async def resolve(self, request: Any) -> Resolved:
        """Do as `find`, for a router that must be awaited."""
        if not self.is_responsible(request, requested_path(request._message)):
            return None, set()
        match_info = await self._app.router.resolve(request)
        match_info.add_app(self._app)
        return match_info, self.allowed_methods("")

    def is_responsible(self, request: Any, path: str) -> bool:
        """Tell whether a request for `path`, in matching form, is the sub-application's to answer."""
        return self.rest_of(path) is not None

    def allowed_methods(self, path: str) -> set[str]:
        """Return nothing: a sub-application refuses methods itself."""
        return set()

    def get_info(self) -> ResourceInfo:
        """Return the application and the prefix."""
        return {"app": self._app, "prefix": self._prefix}

    def url_for(self, *args: str, **kwargs: str) -> NoReturn:
        """Raise RuntimeError."""
        raise RuntimeError(".url_for() is not supported by sub-application root; ask a resource of its router")

    def __len__(self) -> int:
        return len(self._app.router.routes())

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(self._app.router.routes())

    def __repr__(self) -> str:
        return f"<PrefixedSubAppResource {self._prefix} -> {self._app!r}>"


class AbstractRuleMatching(ABC):
    """Tells which requests a `MatchedSubAppResource` answers."""

    @abstractmethod
    def match(self, request: Any) -> bool:
        """Tell whether the request is for the sub-application."""

    @property
    @abstractmethod
    def canonical(self) -> str:
        """The rule as text."""

    @abstractmethod
    def get_info(self) -> dict[str, str]:
        """Describe the rule, for people."""


class Domain(AbstractRuleMatching):
    """Requests for one host: at every port, unless the domain names one other than 80."""

    def __init__(self, domain: str) -> None:
        self._domain = _checked_domain(domain)
        self._pattern = re.compile(self._regex(*self._domain.split(":")))

    def _regex(self, host: str, port: str = r"\d*") -> str:
        return rf"{re.escape(host)}(:{port})" + ("?" if port == r"\d*" else "")

    @property
    def canonical(self) -> str:
        """The domain in lower case, as IDNA."""
        return self._domain

    def match(self, request: Any) -> bool:
        """Tell whether the request's authority is the domain."""
        return self.match_domain(_requested_authority(request))

    def match_domain(self, host: str) -> bool:
        """Tell whether `host`, with its port if it has one, is the domain."""
        return len(host) <= MAX_MASKED_HOST_CHARS and self._pattern.fullmatch(host.lower()) is not None

    def get_info(self) -> dict[str, str]:
        """Return the domain."""
        return {"domain": self._domain}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._domain}>"


class MaskDomain(Domain):
    """Requests for the hosts that a mask fits, in which `*` stands for any text."""

    def _regex(self, host: str, port: str = r"\d*") -> str:
        return super()._regex(host, port).replace(r"\*", "[^:]*")


class MatchedSubAppResource(PrefixedSubAppResource):
    """The seat of a sub-application that answers the requests which fit a rule, such as a domain."""

    def __init__(self, rule: AbstractRuleMatching, app: SubApp) -> None:
        super().__init__("", app)
        self._rule = rule

    @property
    def canonical(self) -> str:
        """The rule as text."""
        return self._rule.canonical

    def is_responsible(self, request: Any, path: str) -> bool:
        """Tell whether the request fits the rule."""
        return self._rule.match(request)

    def get_info(self) -> ResourceInfo:
        """Return the application and the rule."""
        return {"app": self._app, "rule": self._rule}

    def __repr__(self) -> str:
        return f"<MatchedSubAppResource {self._rule.canonical} -> {self._app!r}>"


def _requested_authority(request: Any) -> str:
    message = request._message
    if not message.target.startswith("/") and message.url.host:
        return str(message.url.authority)  # RFC 9112 §3.2.2: the target goes before the Host field
    return str(message.headers.get(hdrs.HOST, ""))


def _checked_domain(domain: str) -> str:
    """Return `domain` in the form that a Host field has it in; a port stays if it is not 80."""
    if not isinstance(domain, str):
        raise TypeError(f"Domain must be str; got {domain!r}")
    domain = domain.rstrip(".").lower()
    if not domain:
        raise ValueError("Domain cannot be empty; write example.org or *.example.org")
    if "://" in domain:
        raise ValueError(f"Scheme not supported: {domain!r}; write the domain alone")
    url = URL(f"http://{domain}")
    host = url.raw_host or ""
    if not all(map(_LABEL.fullmatch, host.split("."))):
        raise ValueError(f"Domain not valid: {domain!r}; write labels of letters, digits and hyphens, or * in a mask")
    return host if url.port == _DEFAULT_PORT else f"{host}:{url.port}"
