"""The middleware that corrects slashes: where it leads to, and where it leads to nowhere."""

from typing import Any

import pytest

from tests.web.routing.asking import asking
from trunkline.web.app import Application
from trunkline.web.exceptions import HTTPFound, HTTPMove, HTTPNotFound
from trunkline.web.middlewares import middleware, normalize_path_middleware
from trunkline.web.request import Request
from trunkline.web.response import Response


async def handler(request: Request) -> Response:
    return Response(text="answered")


async def answer(target: str, **options: Any) -> str:  # Any: those of the middleware
    """Return what is answered: "answered", "404", or where it is redirected to."""
    app = Application(middlewares=[normalize_path_middleware(**options)])
    for path in ("/s/", "/n", "/d/{x}/", "/e/{x}", "/p/{x:.*}"):
        app.router.add_get(path, handler)
    sub = Application()
    sub.router.add_get("/x/", handler)
    app.add_subapp("/sub", sub)
    app.freeze()
    try:
        response = await app._handle(asking(f"GET {target}"))
    except HTTPMove as redirect:
        return redirect.headers["Location"]
    except HTTPNotFound:
        return "404"
    assert isinstance(response, Response)
    return response.text or ""


APPEND: dict[str, bool] = {}
REMOVE = {"append_slash": False, "remove_slash": True}
MERGE = {"append_slash": False}
ONLY_APPEND = {"merge_slashes": False}
NOTHING = {"append_slash": False, "merge_slashes": False}

ANSWERS = [
    ("/s", APPEND, "/s/"),
    ("/s/", APPEND, "answered"),
    ("/n", APPEND, "answered"),
    ("/n/", APPEND, "404"),
    ("//s//", APPEND, "/s/"),
    ("///n", APPEND, "/n"),
    ("/d//a", APPEND, "/d/a/"),
    ("/d/a%2Fb", APPEND, "/d/a%2Fb/"),
    ("/d/a%2F%2Fb", APPEND, "/d/a%2F%2Fb/"),
    ("/s?a=1", APPEND, "/s/?a=1"),
    ("/s?a=%20&b=c/", APPEND, "/s/?a=%20&b=c/"),
    ("/s??", APPEND, "/s/??"),
    ("/sub/x", APPEND, "/sub/x/"),
    ("/e//a//", APPEND, "404"),
    ("/zz", APPEND, "404"),
    ("http://h/s", APPEND, "/s/"),
    ("/n/", REMOVE, "/n"),
    ("/n//", REMOVE, "/n"),
    ("/s", REMOVE, "404"),
    ("/e//a//", REMOVE, "/e/a"),
    ("/e/x//?a", REMOVE, "/e/x?a"),
    ("//s//", MERGE, "/s/"),
    ("/s", MERGE, "404"),
    ("/s", ONLY_APPEND, "/s/"),
    ("//s//", ONLY_APPEND, "404"),
    ("/s", NOTHING, "404"),
    ("/n/", NOTHING, "404"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "options", "answered"), ANSWERS)
async def test_a_path_that_differs_in_slashes_is_redirected(
    target: str, options: dict[str, bool], answered: str
) -> None:
    assert await answer(target, **options) == answered


@pytest.mark.parametrize("options", [APPEND, REMOVE, MERGE, ONLY_APPEND])
@pytest.mark.parametrize("target", ["//evil.example", "//evil.example/", "/\\evil.example/", "//e/x/"])
async def test_no_redirect_leads_to_another_host(target: str, options: dict[str, bool]) -> None:
    answered = await answer(target, **options)
    assert answered == "404" or (answered.startswith("/") and not answered.startswith(("//", "/\\")))


async def test_the_kind_of_redirect_is_chosen() -> None:
    app = Application(middlewares=[normalize_path_middleware(redirect_class=HTTPFound)])
    app.router.add_get("/s/", handler)
    app.freeze()
    with pytest.raises(HTTPFound):
        await app._handle(asking("GET /s"))


def test_slashes_are_not_both_appended_and_removed() -> None:
    with pytest.raises(AssertionError, match="Cannot both remove and append slash"):
        normalize_path_middleware(append_slash=True, remove_slash=True)


def test_a_middleware_is_marked_and_otherwise_itself() -> None:
    def function() -> None:
        """Do nothing."""

    assert middleware(function) is function
    assert vars(function) == {"__middleware_version__": 1}
