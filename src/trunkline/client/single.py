"""`request()`: one request with a session of its own, for scripts; services share a session."""

from types import TracebackType
from typing import Any

from trunkline.client.response import ClientResponse
from trunkline.client.session import ClientSession
from trunkline.ground.types import StrOrURL
from trunkline.pool.connector import BaseConnector
from trunkline.pool.tcp_connector import TCPConnector
from trunkline.wire.version import HttpVersion, UsualVersion


class SingleRequest:
    """A request that is sent when it is entered with `async with`, and whose session is closed at the end."""

    __slots__ = ("_arguments", "_connector", "_response", "_session", "_version")

    # Any: the arguments of ClientSession.request
    def __init__(self, version: HttpVersion, connector: BaseConnector | None, arguments: dict[str, Any]) -> None:
        self._version = version
        self._connector = connector
        self._arguments = arguments

    async def __aenter__(self) -> ClientResponse:
        connector = TCPConnector(force_close=True) if self._connector is None else self._connector
        self._session = ClientSession(
            version=self._version, connector=connector, connector_owner=self._connector is None
        )
        try:
            self._response = await self._session.request(**self._arguments)
        except BaseException:
            await self._session.close()
            raise
        return self._response

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._response.release()
        await self._session.close()


def request(
    method: str,
    url: StrOrURL,
    *,
    version: HttpVersion = UsualVersion,
    connector: BaseConnector | None = None,
    loop: object = None,
    **kwargs: Any,  # Any: see ClientSession.request
) -> SingleRequest:
    """Return a request to enter with `async with`; arguments as in `ClientSession.request`.

    connector: stays its owner's to close. loop: accepted.
    """
    return SingleRequest(version, connector, {"method": method, "url": url, **kwargs})
