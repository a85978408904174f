"""Static files over real sockets: what is served, and that nothing outside the directory ever is."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.serving import Serving, parse_head, serving
from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.routing.static import StaticResource

SECRET = b"secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory to serve, beside a file that is not to be."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"a")
    (root / "below" / "b c.txt").write_bytes(b"b")
    (root / "inside").symlink_to("a.txt")
    (root / "outside").symlink_to("../secret.txt")
    (root / "outside-directory").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture
async def served(root: Path) -> AsyncIterator[Serving]:
    app = Application()
    app.router.add_static("/s", root)
    app.router.add_static("/listed", root, show_index=True)
    app.router.add_static("/linked", root, follow_symlinks=True)
    async with serving(app) as served:
        yield served


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/s/a.txt", b"a"),
        ("/s/a.txt?v=1", b"a"),
        ("/s/%61%2etxt", b"a"),
        ("/s/below/b%20c.txt", b"b"),
        ("/s/below%2Fb%20c.txt", b"b"),
        ("/s/inside", b"a"),
        ("/s/./a.txt", b"a"),
        ("/linked/outside", SECRET),
    ],
)
async def test_files_below_the_directory_are_served(served: Serving, target: str, body: bytes) -> None:
    assert (await served.get(target))[::2] == (200, body)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "below/../../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "%252e%252e/secret.txt",
        "%252e%252e%252fsecret.txt",
        "..%5csecret.txt",
        "..\\secret.txt",
        "below%5c..%5c..%5csecret.txt",
        "/{secret}",
        "%2f{secret}",
        "//{secret}",
        "{secret}",
        "a.txt%00",
        "%00",
        "outside",
        "outside/",
        "outside-directory/secret.txt",
        "outside-directory/root/../secret.txt",
        "..",
        "%2e%2e",
        "../root/a.txt",
        "below/../a.txt",
        "nothing",
        "a.txt/below",
        "n" * 300,
        "%ff",
        "%",
        "~root",
    ],
)
async def test_what_is_not_below_the_directory_is_404(served: Serving, root: Path, path: str) -> None:
    secret = str(root.parent / "secret.txt")
    status, _, body = await served.get("/s/" + path.replace("{secret}", secret))
    assert status == 404
    assert SECRET not in body


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e%2fsecret.txt", "below/../../secret.txt", "/etc/hostname"])
async def test_followed_links_are_the_only_way_out(served: Serving, path: str) -> None:
    assert (await served.get(f"/linked/{path}"))[0] == 404


@pytest.mark.parametrize("target", ["/s", "/s/", "/s/below", "/s/below/", "/s/fifo", "/linked/fifo"])
async def test_directories_and_fifos_are_403(served: Serving, target: str) -> None:
    assert (await served.get(target))[0] == 403


async def test_a_directory_is_listed_when_that_was_asked_for(served: Serving) -> None:
    for target in ("/listed", "/listed/"):
        status, fields, body = await served.get(target)
        assert (status, fields["content-type"]) == (200, "text/html; charset=utf-8")
        assert b'<a href="/listed/below">below/</a>' in body
    assert b'<a href="/listed/below/b%20c.txt">b c.txt</a>' in (await served.get("/listed/below"))[2]
    assert (await served.get("/listed/outside-directory"))[0] == 404


async def test_head_is_answered_without_a_body(served: Serving) -> None:
    async with await served.talk() as talk:
        talk.send(b"HEAD /s/a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        status, fields = parse_head(await talk.head())
        assert (status, fields["content-length"], await talk.rest()) == (200, "1", b"")


async def test_other_methods_are_405(served: Serving) -> None:
    status, fields, _ = await served.ask(b"DELETE /s/a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, set(fields["allow"].replace(" ", "").split(","))) == (405, {"GET", "HEAD"})


async def test_a_path_that_only_begins_like_the_prefix_is_another(served: Serving) -> None:
    assert (await served.get("/sa.txt"))[0] == 404


async def test_options_can_be_given_a_handler_once(root: Path) -> None:
    async def options(request: Request) -> Response:
        return Response(text="options")

    app = Application()
    resource = StaticResource("/s", root)
    resource.set_options_route(options)
    app.router.register_resource(resource)
    with pytest.raises(RuntimeError, match="already"):
        resource.set_options_route(options)
    async with serving(app) as served:
        assert (await served.ask(b"OPTIONS /s/a.txt HTTP/1.1\r\nHost: x\r\n\r\n"))[2] == b"options"


@pytest.mark.parametrize(
    ("filename", "link"),
    [
        ("a.txt", "/s/a.txt"),
        ("/a.txt", "/s/a.txt"),
        (Path("below") / "b c.txt", "/s/below/b%20c.txt"),
        ("é?#.txt", "/s/%C3%A9%3F%23.txt"),
        ("%41", "/s/%2541"),
    ],
)
def test_a_link_is_percent_encoded(root: Path, filename: str | Path, link: str) -> None:
    assert str(StaticResource("/s", root).url_for(filename=filename)) == link


A_HASH = "ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs="  # URL-safe base64 of SHA-256 of b"a"


@pytest.mark.parametrize("filename", ["a.txt", "inside"])
def test_a_version_is_the_hash_of_the_file(root: Path, filename: str) -> None:
    resource = StaticResource("/s", root, append_version=True)
    assert resource.url_for(filename=filename).query == {"v": A_HASH}
    assert not resource.url_for(filename=filename, append_version=False).query
    assert StaticResource("/s", root).url_for(filename=filename, append_version=True).query == {"v": A_HASH}


def test_a_changed_file_has_another_version(root: Path) -> None:
    resource = StaticResource("/s", root, append_version=True)
    before = resource.url_for(filename="a.txt")
    (root / "a.txt").write_bytes(b"changed")
    assert resource.url_for(filename="a.txt") != before


@pytest.mark.parametrize("filename", ["nothing", "below", "outside", "../secret.txt", "a\0", "n" * 300])
def test_what_cannot_be_served_has_no_version(root: Path, filename: str) -> None:
    assert not StaticResource("/s", root, append_version=True).url_for(filename=filename).query


def test_a_followed_link_has_a_version(root: Path) -> None:
    resource = StaticResource("/s", root, follow_symlinks=True, append_version=True)
    assert "v" in resource.url_for(filename="outside").query


@pytest.mark.parametrize(("name", "wrong"), [("nothing", "does not exist"), ("a.txt", "is not a directory")])
def test_only_a_directory_can_be_served(root: Path, name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        StaticResource("/s", root / name)


def test_a_resource_describes_itself(root: Path) -> None:
    resource = StaticResource("/s", root, name="files")
    resource.add_prefix("/app")
    info = resource.get_info()
    assert (resource.canonical, resource.name, len(resource)) == ("/app/s", "files", 2)
    assert (info["prefix"], info["directory"], list(info["routes"])) == ("/app/s", root, ["GET", "HEAD"])
    assert [route.method for route in resource] == ["GET", "HEAD"]
    assert str(resource.url_for(filename="a.txt")) == "/app/s/a.txt"
    assert repr(resource) == f"<StaticResource 'files' /app/s -> {root!r}>"
