"""Where a request goes: its URL and the parts of it, and who it comes from (RFC 9112 §3.2)."""

from abc import abstractmethod
from functools import cached_property
from typing import Any

from multidict import MultiDictProxy
from yarl import URL

from trunkline import hdrs
from trunkline.wire.received import ReceivedHead


class RequestTarget:
    """The target of one request, with what the connection adds to it. `clone` may replace some of it."""

    _message: ReceivedHead
    _scheme: str | None = None
    _host: str | None = None
    _remote: str | None = None

    @abstractmethod
    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: as the transport's
        """Return what the transport knows under `name`."""

    @property
    def scheme(self) -> str:
        """`https` over TLS, else `http`, unless `clone` replaced it."""
        if self._scheme is not None:
            return self._scheme
        # Not as in a target in absolute form: a client must not make a plain connection look like a secure one.
        return "https" if self.get_extra_info("sslcontext") else "http"

    @property
    def secure(self) -> bool:
        """True when the scheme is https."""
        return self.scheme == "https"

    @property
    def host(self) -> str:
        """The host asked for, with its port if one was given: `clone`'s, the target's, the Host field's, or our own."""
        if self._host is not None:
            return self._host
        if self._message.authority is not None:
            return self._message.authority  # RFC 9112 §3.2.2: then the Host field does not count
        host = self._message.host
        if host is None:
            host = self._message.headers.get(hdrs.HOST)
        if host is not None:
            return host
        sockname = self.get_extra_info("sockname")
        return str(sockname[0]) if isinstance(sockname, tuple) else ""

    @property
    def remote(self) -> str | None:
        """The client's address, unless `clone` replaced it."""
        if self._remote is not None:
            return self._remote
        peername = self.get_extra_info("peername")
        if isinstance(peername, (list, tuple)):
            return str(peername[0])
        return None if peername is None else str(peername)

    @cached_property
    def url(self) -> URL:
        """The absolute URL."""
        url = self._message.url
        if self._message.method == hdrs.METH_CONNECT:
            return url  # an authority, and nothing else
        # Not by join(), to which a path that begins with "//" is another host.
        return URL.build(
            scheme=self.scheme,
            authority=self.host,
            path=url.raw_path,
            query_string=url.raw_query_string,
            fragment=url.raw_fragment,
            encoded=True,
        )

    @cached_property
    def rel_url(self) -> URL:
        """The URL without scheme and host."""
        url = self._message.url
        if not url.absolute:
            return url
        return URL.build(path=url.raw_path or "/", query_string=url.raw_query_string, encoded=True)

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return self.rel_url.path

    @property
    def raw_path(self) -> str:
        """The target as it came, percent-encoded."""
        return self._message.target

    @property
    def path_qs(self) -> str:
        """The path and the query, percent-encoded."""
        target = self._message.target
        # Messages of test doubles have other things there.
        return target if isinstance(target, str) and target.startswith("/") else str(self.rel_url)

    @property
    def query(self) -> "MultiDictProxy[str]":
        """The parameters of the query, decoded."""
        return self.rel_url.query

    @property
    def query_string(self) -> str:
        """The query, decoded."""
        return self.rel_url.query_string
