"""`View`: a handler as a class, with one method for each HTTP method that it answers.

The module is not named `view`, for it would hide the function `web.view`.
"""

from collections.abc import Generator
from typing import Any, NoReturn

from trunkline import hdrs
from trunkline.abc import AbstractView
from trunkline.web.exceptions import HTTPMethodNotAllowed
from trunkline.web.request import Request
from trunkline.web.stream_response import StreamResponse


class View(AbstractView):
    """Base of class-based views; `async def get(self)` and so on answer `self.request`."""

    @property
    def request(self) -> Request:
        """The request to answer."""
        request: Request = self._request
        return request

    def __await__(self) -> Generator[Any, None, StreamResponse]:  # Any: awaitables of all kinds pass through
        return self._answer().__await__()

    async def _answer(self) -> StreamResponse:
        method = self.request.method
        # Looked up in the table first: the peer must not call whatever attribute it can name.
        answer = getattr(self, method.lower(), None) if method in hdrs.METH_ALL else None
        if answer is None:
            self._refuse()
        response: StreamResponse = await answer()
        return response

    def _refuse(self) -> NoReturn:
        raise HTTPMethodNotAllowed(
            self.request.method, {method for method in hdrs.METH_ALL if hasattr(self, method.lower())}
        )
