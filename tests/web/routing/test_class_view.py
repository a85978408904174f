"""Class-based views: one method for each HTTP method, and 405 for the others."""

import pytest

from tests.web.routing.asking import asking
from trunkline.web.exceptions import HTTPMethodNotAllowed
from trunkline.web.response import Response
from trunkline.web.routing.class_view import View


class SomeView(View):
    async def get(self) -> Response:
        return Response(text=self.request.path)

    head = get

    async def brew(self) -> Response:
        return Response(text="not a method of HTTP")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_method_of_that_name_answers(method: str) -> None:
    response = await SomeView(asking(f"{method} /a"))
    assert isinstance(response, Response)
    assert response.text == "/a"


# A peer names the method, so it must not reach other attributes.
@pytest.mark.parametrize("method", ["POST", "BREW", "get", "REQUEST", "_ANSWER", "__INIT__", "__CLASS__"])
async def test_other_methods_are_refused_with_those_that_there_are(method: str) -> None:
    with pytest.raises(HTTPMethodNotAllowed) as caught:
        await SomeView(asking(f"{method} /a"))
    assert caught.value.allowed_methods == {"GET", "HEAD"}
    assert caught.value.headers["Allow"] == "GET,HEAD"


def test_a_view_has_its_request() -> None:
    request = asking("GET /a")
    assert SomeView(request).request is request
