"""The index: its order is that of aiohttp, and it leaves few candidates however many resources there are."""

import pytest

from trunkline.web.routing.dynamic_resource import DynamicResource
from trunkline.web.routing.resources import PlainResource, Resource
from trunkline.web.routing.route_index import RouteIndex


def indexed(*paths: str) -> RouteIndex:
    index = RouteIndex()
    for path in paths:
        index.add(resource_for(path))
    return index


def resource_for(path: str) -> Resource:
    return DynamicResource(path) if "{" in path else PlainResource(path)


def asked(index: RouteIndex, path: str) -> list[str]:
    return [resource.canonical for resource in index.candidates(path)]


def test_longer_beginnings_are_asked_first_and_equal_ones_in_order_of_registration() -> None:
    index = indexed("/{a}", "/a/{b}", "/{a}/b", "/a/b", "/a/{c}")
    assert asked(index, "/a/b") == ["/a/b", "/a/{b}", "/a/{c}", "/{a}", "/{a}/b"]


def test_a_slash_at_the_end_is_a_segment_of_its_own() -> None:
    assert asked(indexed("/a", "/a/{b:.*}", "/a/"), "/a/") == ["/a/", "/a", "/a/{b}"]


@pytest.mark.parametrize("path", ["*", "", "h:80", "//", "/a//b/"])
def test_any_path_may_be_asked_for(path: str) -> None:
    assert asked(indexed("/a"), path) in ([], ["/a"])


MANY = [
    ("/r{}", "/r7"),
    ("/r{}/{{id}}", "/r7/x"),
    ("/{{tenant}}/r{}", "/acme/r7"),
    ("/{{tenant}}/r{}/{{id}}", "/acme/r7/x"),
    (r"/{{tenant:\d+}}/r{}", "/1/r7"),
    ("/{{tenant}}/x/y/r{}", "/acme/x/y/r7"),
    ("/{{tenant}}/r{}/{{tail:.*}}", "/acme/r7/x/y/z"),
]


@pytest.mark.parametrize(("template", "path"), MANY)
def test_of_a_thousand_resources_one_is_asked(template: str, path: str) -> None:
    index = indexed(*(template.format(i) for i in range(1000)))
    assert asked(index, path) == [resource_for(template.format(7)).canonical]


def test_order_of_registration_holds_among_many_of_different_shapes() -> None:
    others = [f"/{{a}}/y{i}" for i in range(20)]
    paths = ["/{a}/x", "/{a}/{b}", "/{a:.*}", *others, "/{b}/x", "/{a}/{b}/x", "/p-{a}/x"]
    assert asked(indexed(*paths), "/1/x") == ["/{a}/x", "/{a}/{b}", "/{a}", "/{b}/x", "/p-{a}/x"]


def test_a_path_of_slashes_costs_no_more_than_the_index_is_deep() -> None:
    index = indexed("/a/{b}", "/{c:.*}")
    assert asked(index, "/" * 8000) == ["/{c}"]
    assert asked(index, "/a" * 4000) == ["/a/{b}", "/{c}"]


def test_a_removed_resource_is_found_no_more() -> None:
    index = RouteIndex()
    resources = [resource_for(f"/{{a}}/r{i}") for i in range(20)]
    for resource in resources:
        index.add(resource)
    assert asked(index, "/x/r3") == ["/{a}/r3"]
    index.remove(resources[3])
    assert asked(index, "/x/r3") == []
    index.add(resources[3])
    assert asked(index, "/x/r3") == ["/{a}/r3"]
