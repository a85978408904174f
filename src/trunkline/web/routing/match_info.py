"""`UrlMappingMatchInfo`: the route that a request found, the values from its path, and the applications on the way.

One is made for every request, so its state that most requests leave alone lives on the class.
"""

from collections.abc import Mapping
from typing import Any

from trunkline.abc import AbstractMatchInfo
from trunkline.web.exceptions import HTTPException
from trunkline.web.routing.routes import AbstractRoute, ExpectHandler, Handler, SystemRoute

# Applications are Any here: their class stands above this module, and tests use stand-ins.


class UrlMappingMatchInfo(dict[str, str], AbstractMatchInfo):
    """The values of a path's variable parts by name, and where they lead."""

    _apps: tuple[Any, ...] = ()
    _current_app: Any = None
    _is_frozen = False

    def __init__(self, match_dict: Mapping[str, str], route: AbstractRoute) -> None:
        if match_dict:
            self.update(match_dict)
        self._route = route

    @property
    def handler(self) -> Handler:
        """Answers the request."""
        return self._route.handler

    @property
    def route(self) -> AbstractRoute:
        """The route that was found."""
        return self._route

    @property
    def expect_handler(self) -> ExpectHandler:
        """Called before the handler when the request has an Expect field."""
        return self._route.handle_expect_header

    @property
    def http_exception(self) -> HTTPException | None:
        """The error to answer with; None when a route was found."""
        return None

    def get_info(self) -> Any:  # Any: a TypedDict of the resource's choice
        """Describe the match, for people."""
        return self._route.get_info()

    @property
    def apps(self) -> tuple[Any, ...]:
        """The applications on the way to the route, the outermost first."""
        return self._apps

    def add_app(self, app: Any) -> None:
        """Put `app` in front of `apps`; the first one added is the one whose route was found."""
        if self._is_frozen:
            raise RuntimeError("Cannot change apps stack after .freeze() call: the request is being handled already")
        if self._current_app is None:
            self._current_app = app
        self._apps = (app, *self._apps)

    @property
    def current_app(self) -> Any:
        """The application whose middleware or handler runs."""
        if self._current_app is None:
            raise RuntimeError("this match belongs to no application yet; an application adds itself in handling")
        return self._current_app

    @current_app.setter
    def current_app(self, app: Any) -> None:
        self._current_app = app

    def freeze(self) -> None:
        """Refuse further `add_app` calls."""
        self._is_frozen = True

    def __repr__(self) -> str:
        return f"<MatchInfo {dict.__repr__(self)}: {self._route!r}>"


class MatchInfoError(UrlMappingMatchInfo):
    """The match of a request that found no route: its handler raises `http_exception`."""

    def __init__(self, http_exception: HTTPException) -> None:
        super().__init__({}, SystemRoute(http_exception))
        self._exception = http_exception

    @property
    def http_exception(self) -> HTTPException:
        """The 404 or 405 to answer with."""
        return self._exception

    def __repr__(self) -> str:
        return f"<MatchInfoError {self._exception.status}: {self._exception.reason}>"
