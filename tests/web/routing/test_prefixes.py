"""Sub-applications below prefixes and behind domains."""

from typing import Any

import pytest

from tests.web.routing.asking import asking, named, outcome
from tests.web.routing.test_router import OwnResource
from trunkline.web.app import Application
from trunkline.web.routing.prefixes import Domain, MaskDomain, PrefixedSubAppResource
from trunkline.wire.limits import MAX_MASKED_HOST_CHARS


def app_with(*lines: str) -> Application:
    """Make an application with a route for each line `METHOD /path`; its handler is named by the line."""
    app = Application()
    for line in lines:
        method, _, path = line.partition(" ")
        app.router.add_route(method, path, named(line))
    return app


def nested() -> Application:
    app = app_with("GET /s/x", "GET /{t:.*}", "PUT /s/only")
    app.add_subapp("/s/", app_with("GET /x", "GET /{v}", "GET /only"))
    app.add_subapp("/s/t", app_with("GET /y"))
    app.router.add_get("/s/late", named("late"))
    app.router.add_get("/s/{any}", named("any"))
    app.router.add_post("/s/x/{k}", named("deep"))
    return app


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("GET /s/x", "GET /s/x"),
        ("GET /s/only", "GET /only"),
        ("GET /s/late", "late"),
        ("GET /s/foo", "GET /{v} v=foo"),
        ("GET /s/foo%2Fbar", "GET /{v} v=foo/bar"),
        ("POST /s/x", "405 GET"),
        ("POST /s/x/1", "deep k=1"),
        ("PUT /s/only", "PUT /s/only"),
        ("GET /s", "404"),
        ("GET /s/", "404"),
        ("GET /sx", "GET /{t:.*} t=sx"),
        ("GET /s/a/b", "404"),
        ("GET /s/t/y", "GET /y"),
        ("GET /s/t/z", "404"),
        ("GET /%73/foo", "GET /{v} v=foo"),
        ("GET /s%2Ffoo", "GET /{t:.*} t=s/foo"),
    ],
)
async def test_what_a_sub_application_answers_below_its_prefix_is_final(line: str, found: str) -> None:
    assert await outcome(nested(), line) == found


def test_the_match_knows_the_sub_application() -> None:
    app, sub = Application(), app_with("GET /x")
    app.add_subapp("/s", sub)
    for line in ("GET /s/x", "GET /s/nothing"):
        match_info = app.router.find(asking(line))
        assert match_info is not None
        assert match_info.apps == (sub,)
        assert match_info.current_app is sub


async def test_nested_prefixes_add_up() -> None:
    app, sub, subsub = Application(), Application(), Application()
    subsub.router.add_get("/x/{y}", named("deep"), name="deep")
    sub.add_subapp("/b c", subsub)
    app.add_subapp("/é", sub)
    assert subsub.router["deep"].url_for(y="1").raw_path == "/%C3%A9/b%20c/x/1"
    assert await outcome(app, "GET /%C3%A9/b%20c/x/1") == "deep y=1"


def test_a_sub_application_describes_itself() -> None:
    sub = app_with("GET /x")
    resource = Application().add_subapp("/s/", sub)
    assert resource.canonical == "/s"
    assert resource.name is None
    assert resource.get_info() == {"app": sub, "prefix": "/s"}
    assert list(resource) == list(sub.router.routes())
    assert len(resource) == 1
    assert not resource.raw_match("/s")
    assert repr(resource) == f"<PrefixedSubAppResource /s -> {sub!r}>"
    with pytest.raises(RuntimeError, match="not supported by sub-application root"):
        resource.url_for()


def test_a_prefix_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="prefix 's' does not begin with a slash; write '/s'"):
        PrefixedSubAppResource("s", Application())


async def test_a_sub_application_with_a_resource_of_the_users_own_is_awaited() -> None:
    class Own(OwnResource):
        def add_prefix(self, prefix: str) -> None:
            self.canonical = prefix + self.canonical

    app, sub = Application(), app_with("GET /x")
    sub.router.register_resource(Own(next(iter(sub.router.routes()))))
    app.add_subapp("/s", sub)
    assert app.router.find(asking("GET /s/own/1")) is None
    assert await outcome(app, "GET /s/own/1") == "GET /x x=/s/own/1"
    assert await outcome(app, "GET /elsewhere") == "404"
    assert (await app.router.resolve(asking("GET /s/own/1"))).apps == (sub,)


HOSTS = [
    ("x.com", ["x.com", "X.com", "x.com:80", "x.com:8080"], ["", "x.com.", "a.x.com", "xxcom", "x.com:80:80"]),
    ("X.com", ["x.com"], []),
    ("x.com.", ["x.com"], []),
    ("x.com:80", ["x.com", "x.com:80"], ["y.com"]),
    ("x.com:8080", ["x.com:8080"], ["x.com", "x.com:80"]),
    ("é.com", ["xn--9ca.com"], []),
    ("1.2.3.4", ["1.2.3.4", "1.2.3.4:80"], ["1a2.3.4"]),
    ("*.x.com", ["a.x.com", "a.b.x.com", "A.x.com", "a.x.com:80", ".x.com"], ["x.com", "a.xxcom", "a:80.x.com"]),
    ("*.x.com:8080", ["a.x.com:8080"], ["a.x.com", "a.x.com:80"]),
    ("*", ["x", "x.com", "x:80"], []),
    ("a.*.c", ["a.b.c", "a.b.d.c"], ["a.c"]),
    ("*.*.x", ["a.b.x"], ["." * MAX_MASKED_HOST_CHARS + ".x"]),
]


@pytest.mark.parametrize(("domain", "inside", "outside"), HOSTS)
def test_a_domain_matches_its_hosts(domain: str, inside: list[str], outside: list[str]) -> None:
    rule = MaskDomain(domain) if "*" in domain else Domain(domain)
    assert [host for host in inside if not rule.match_domain(host)] == []
    assert [host for host in outside if rule.match_domain(host)] == []


@pytest.mark.parametrize(
    ("domain", "why"),
    [
        ("", "Domain cannot be empty"),
        ("http://x", "Scheme not supported"),
        *((domain, "Domain not valid") for domain in ("a b", "x_y.com", "-x", "x-.com", ".x.com", "[::1]")),
    ],
)
def test_a_malformed_domain_is_refused(domain: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Domain(domain)


def test_a_domain_is_text() -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match="Domain must be str"):
        Domain(wrong)


async def test_the_application_of_a_domain_is_asked_before_everything_else() -> None:
    app = app_with("GET /x", "GET /main")
    app.add_domain("h", app_with("GET /x", "GET /y"))
    app.add_domain("*", app_with("GET /z"))
    for host, line, found in (
        ("h", "GET /y", "GET /y"),
        ("h", "POST /x", "405 GET"),
        ("h", "GET /main", "404"),
        ("h", "GET /z", "404"),
        ("other", "GET /z", "GET /z"),
        ("other", "GET /x", "404"),
    ):
        assert await outcome(app, line, host) == found


async def test_other_hosts_find_the_main_application() -> None:
    app = app_with("GET /x")
    resource = app.add_domain("*.h", sub := app_with("GET /sub"))
    assert await outcome(app, "GET /x", host="h") == "GET /x"
    assert await outcome(app, "GET /sub", host="a.h") == "GET /sub"
    assert resource.canonical == "*.h"
    info = resource.get_info()
    assert info["app"] is sub
    assert info["rule"].get_info() == {"domain": "*.h"}
    assert repr(resource) == f"<MatchedSubAppResource *.h -> {sub!r}>"


async def test_a_target_with_a_host_goes_before_the_host_field() -> None:
    app = app_with("GET /x")
    app.add_domain("inner", app_with("GET /y"))
    assert await outcome(app, "GET http://inner/y", host="outer") == "GET /y"
    assert await outcome(app, "GET http://outer/x", host="inner") == "GET /x"


async def test_a_domain_within_a_sub_application_is_asked_below_its_prefix() -> None:
    app, sub = Application(), Application()
    sub.add_domain("h", app_with("GET /x"))
    app.add_subapp("/s", sub)
    assert await outcome(app, "GET /s/x") == "GET /x"
    assert await outcome(app, "GET /x") == "404"
