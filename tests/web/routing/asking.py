"""Requests and handlers for the tests of routing."""

from typing import Any

from trunkline.testing.mocked_request import make_mocked_request
from trunkline.web.request import Request
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.routing.routes import Handler

# Any: Application has a router, and stand-ins have no more than that.


def named(name: str) -> Handler:
    """Make a handler that answers with its name."""

    async def handler(request: object) -> str:
        return name

    return handler


def asking(line: str, host: str = "h") -> Request:
    """Make the request of a line such as `GET /path`."""
    method, _, target = line.partition(" ")
    return make_mocked_request(method, target, {"Host": host} if host else {})


async def outcome(app_or_router: Any, line: str, host: str = "h") -> str:
    """Tell what a request finds: the handler's name and the values, or the status and the methods allowed.

    Both ways of asking, with and without awaiting, must find the same.
    """
    router = getattr(app_or_router, "router", app_or_router)
    awaited = await described(await router.resolve(asking(line, host)))
    match_info = router.find(asking(line, host))
    if match_info is not None:
        assert await described(match_info) == awaited
    return awaited


async def described(match_info: UrlMappingMatchInfo) -> str:
    error = match_info.http_exception
    if error is not None:
        return " ".join([str(error.status), *sorted(getattr(error, "allowed_methods", ()))])
    return " ".join([str(await match_info.handler(None)), *(f"{k}={v}" for k, v in match_info.items())])
