"""Plain and dynamic resources: which paths they match, and the links to them."""

import re
from typing import Any

import pytest
from yarl import URL

from tests.web.routing.asking import asking, named
from trunkline.web.exceptions import HTTPNotFound
from trunkline.web.routing.dynamic_resource import DynamicResource
from trunkline.web.routing.resources import PlainResource, Resource
from trunkline.web.routing.route_paths import Outline, matching_form
from trunkline.web.routing.routes import SystemRoute

# path of the resource, path of the request, values
MATCHES: list[tuple[str, str, dict[str, str] | None]] = [
    ("/d/{name}", "/d/foo", {"name": "foo"}),
    ("/d/{name}", "/d/foo%2Fbar", {"name": "foo/bar"}),
    ("/d/{name}", "/d/foo%2fbar", {"name": "foo/bar"}),
    ("/d/{name}", "/d/foo/bar", None),
    ("/d/{name}", "/d/foo%20bar", {"name": "foo bar"}),
    ("/d/{name}", "/d/foo+bar", {"name": "foo+bar"}),
    ("/d/{name}", "/d/foo%2Bbar", {"name": "foo+bar"}),
    ("/d/{name}", "/d/%25", {"name": "%"}),
    ("/d/{name}", "/d/%2525", {"name": "%25"}),
    ("/d/{name}", "/d/%252F", {"name": "%2F"}),
    ("/d/{name}", "/d/%", {"name": "%"}),
    ("/d/{name}", "/d/%zz", {"name": "%zz"}),
    ("/d/{name}", "/d/%FF", {"name": "%FF"}),
    ("/d/{name}", "/d/%E2%82%AC", {"name": "€"}),
    ("/d/{name}", "/d/a%00b", {"name": "a\0b"}),
    ("/d/{name}", "/d/", None),
    ("/d/{name}", "/d//", None),
    ("/d/{name}", "/d", None),
    ("/d/{name}", "/d/foo/", None),
    ("/d/{name}", "/d/..", {"name": ".."}),
    ("/d/{name}", "/d/%2e%2e", {"name": ".."}),
    ("/d/{name}", "/d/../x", None),
    ("/d/{name}", "/d/%7Bx%7D", None),
    ("/d/{name}/", "/d/foo/", {"name": "foo"}),
    ("/e/{name}.{ext}", "/e/a.b.c", {"name": "a.b", "ext": "c"}),
    ("/e/{name}.{ext}", "/e/a", None),
    (r"/n/{n:\d+}", "/n/12", {"n": "12"}),
    (r"/n/{n:\d+}", "/n/%31", {"n": "1"}),
    (r"/n/{n:\d+}", "/n/x", None),
    (r"/n/{n:\d{2,3}}/b", "/n/12/b", {"n": "12"}),
    (r"/n/{n:\d{2,3}}/b", "/n/1/b", None),
    ("/t/{tail:.*}", "/t/", {"tail": ""}),
    ("/t/{tail:.*}", "/t", None),
    ("/t/{tail:.*}", "/t/a/b", {"tail": "a/b"}),
    ("/t/{tail:.*}", "/t//a", {"tail": "/a"}),
    ("/m/pre-{n}", "/m/pre-1", {"n": "1"}),
    ("/m/pre-{n}", "/m/pre-", None),
    ("/{a}{b}", "/xyz", {"a": "xy", "b": "z"}),
    ("/lit(.)/{n}", "/lit(x)/1", None),
    ("/lit(.)/{n}", "/lit%28.%29/1", {"n": "1"}),
    ("/café/{n}", "/caf%C3%A9/1", {"n": "1"}),
    ("/caf%C3%A9/{n}", "/caf%c3%a9/1", {"n": "1"}),
    ("/a b/{n}", "/a%20b/1", {"n": "1"}),
    ("/a%2Fb/{n}", "/a%2fb/1", {"n": "1"}),
    ("/{n}?x", "/1%3Fx", {"n": "1"}),
    ("/{n:é}", "/%C3%A9", {"n": "é"}),
    ("/{a:(?P<b>x)?y}", "/y", {"a": "y", "b": ""}),
    ("/plain", "/plain", {}),
    ("/plain", "/pl%61in", {}),
    ("/plain", "/plain/", None),
    ("/plain", "//plain", None),
    ("/a b", "/a%20b", {}),
    ("/a%20b", "/a%20b", {}),
    ("/café", "/caf%c3%a9", {}),
    ("/x%2Fy", "/x%2fy", {}),
    ("/x%2Fy", "/x/y", None),
    ("/100%", "/100%25", {}),
    ("/a?b", "/a%3Fb", {}),
]  # fmt: skip


def resource_for(path: str) -> Resource:
    return DynamicResource(path) if "{" in path else PlainResource(path)


@pytest.mark.parametrize(("path", "requested", "values"), MATCHES)
def test_a_resource_matches_its_paths(path: str, requested: str, values: dict[str, str] | None) -> None:
    assert resource_for(path).match(matching_form(requested)) == values


@pytest.mark.parametrize(("path", "requested", "values"), [m for m in MATCHES if m[2] is not None])
def test_the_outline_fits_every_path_that_matches(path: str, requested: str, values: Any) -> None:
    outline = resource_for(path).outline
    segments = matching_form(requested).split("/")
    assert len(segments) > len(outline.segments) if outline.is_open else len(segments) == len(outline.segments)
    for constant, segment in zip(outline.segments, segments, strict=False):
        assert constant in (None, segment)


OUTLINES = [
    ("/a/{b}", ("", "a", None), False),
    ("/a/x-{b}/c", ("", "a", None, "c"), False),
    (r"/a/{b:\d+}/c", ("", "a", None, "c"), False),
    (r"/a/{b:[a-z0-9-]+}/c", ("", "a", None, "c"), False),
    (r"/a/{b:(x|y)?}/c", ("", "a", None, "c"), False),
    ("/a/{b:.*}/c", ("", "a"), True),
    ("/a/{b:[^/]+}/c", ("", "a"), True),
    ("/a/{b:[!-~]+}/c", ("", "a"), True),
    ("/a/{b:[--z]+}/c", ("", "a"), True),
    (r"/a/{b:\D+}/c", ("", "a"), True),
    ("/a/{b:x/y}", ("", "a"), True),
    ("/a/x{b:.*}", ("", "a"), True),
    ("/a/{b}/{c:.*}", ("", "a", None), True),
]


@pytest.mark.parametrize(("path", "segments", "is_open"), OUTLINES)
def test_a_part_that_may_hold_a_slash_opens_the_outline(
    path: str, segments: tuple[str | None, ...], is_open: bool
) -> None:
    assert DynamicResource(path).outline == Outline(segments, is_open)


BAD_PATHS = ["/{", "/}", "/{}", "/{a", "/a}", "/{1a}", "/{a:}", "/{a-b}", "/{ a }", "/{é}", "/{{a}}"]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_malformed_variable_part_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="Invalid path"):
        DynamicResource(path)


@pytest.mark.parametrize("path", ["/{a:(}", "/{a:[}", "/{a}/{a}"])
def test_a_malformed_regex_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="Bad pattern"):
        DynamicResource(path)


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ("x", "/a/x"), ("é", "/a/%C3%A9"), ("a b", "/a/a%20b"), ("%", "/a/%25"), ("%2F", "/a/%252F"), ("a+b", "/a/a+b"),
        ("?", "/a/%3F"), ("#", "/a/%23"), ("", "/a/"), ("a/b", "/a/a/b"), ("\\", "/a/%5C"), ('"', "/a/%22"),
        ("a%20b", "/a/a%2520b"), ("&=;~", "/a/&=;~"),
    ],
)  # fmt: skip
def test_a_link_has_its_values_percent_encoded(value: str, link: str) -> None:
    resource = DynamicResource("/a/{b:.*}")
    url = resource.url_for(b=value)
    assert url.raw_path == link
    assert resource.match(matching_form(url.raw_path)) == {"b": value}


@pytest.mark.parametrize(
    ("path", "link"),
    [("/é", "/%C3%A9"), ("/%C3%A9", "/%C3%A9"), ("/a b", "/a%20b"), ("/a%2Fb", "/a%2Fb"), ("/a?b", "/a%3Fb")],
)
def test_a_link_to_a_plain_resource_is_a_url(path: str, link: str) -> None:
    url = PlainResource(path).url_for()
    assert url.raw_path == link
    assert url == URL(link, encoded=True)


def test_a_link_wants_every_part() -> None:
    with pytest.raises(KeyError, match="b"):
        DynamicResource("/a/{b}").url_for()


def test_a_prefix_moves_matches_links_and_descriptions() -> None:
    plain, dynamic = PlainResource("/a"), DynamicResource("/b/{c}")
    for resource in (plain, dynamic):
        resource.add_prefix("/p%C3%A9")
    assert plain.match("/pé/a") == {}
    assert plain.url_for().raw_path == "/p%C3%A9/a"
    assert dynamic.match("/pé/b/1") == {"c": "1"}
    assert dynamic.match("/b/1") is None
    assert dynamic.url_for(c="1").raw_path == "/p%C3%A9/b/1"
    assert dynamic.canonical == "/p%C3%A9/b/{c}"
    assert dynamic.outline == Outline(("", "pé", "b", None), is_open=False)


def test_resources_describe_themselves() -> None:
    plain, dynamic = PlainResource("/a", name="n"), DynamicResource(r"/get/{num:^\d+}")
    assert plain.get_info() == {"path": "/a"}
    assert plain.canonical == "/a"
    assert repr(plain) == "<PlainResource 'n'  /a>"
    assert dynamic.get_info() == {"formatter": "/get/{num}", "pattern": re.compile(r"/get/(?P<num>^\d+)")}
    assert dynamic.canonical == "/get/{num}"
    assert repr(dynamic) == "<DynamicResource  /get/{num}>"


def test_a_method_has_one_route() -> None:
    resource = PlainResource("/a")
    get = resource.add_route("get", named("get"))
    with pytest.raises(RuntimeError, match="Added route will never be executed, method GET is already registered"):
        resource.add_route("GET", named("again"))
    anything = resource.add_route("*", named("any"))
    with pytest.raises(RuntimeError, match=r"method \* is already registered"):
        resource.add_route("PUT", named("late"))
    assert list(resource) == [get, anything]
    assert len(resource) == 2


def test_only_routes_of_resources_are_taken() -> None:
    with pytest.raises(TypeError, match="ResourceRoute"):
        PlainResource("/a").register_route(SystemRoute(HTTPNotFound()))  # type: ignore[arg-type]  # the error is tested


async def test_resolve_returns_the_match_and_the_methods_of_the_path() -> None:
    resource = PlainResource("/a")
    route = resource.add_route("GET", named("get"))
    match_info, methods = await resource.resolve(asking("GET /a"))
    assert match_info is not None
    assert match_info.route is route
    assert methods == {"GET"}
    assert await resource.resolve(asking("PUT /a")) == (None, {"GET"})
    assert await resource.resolve(asking("GET /b")) == (None, set())


async def test_an_exact_method_goes_before_the_wildcard() -> None:
    resource = PlainResource("/a")
    resource.add_route("GET", named("get"))
    resource.add_route("*", named("any"))
    for method, name in (("GET", "get"), ("FOO", "any")):
        match_info = resource.find(None, method, "/a")
        assert match_info is not None
        assert await match_info.handler(None) == name
