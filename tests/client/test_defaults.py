import pytest

from tests.client.recording import credentials
from trunkline.client.auth import BasicAuth
from trunkline.client.defaults import DefaultFields


def rendered(defaults: DefaultFields, *, with_auth: bool = False) -> dict[str, str] | None:
    blocks = defaults.blocks(with_auth=with_auth)
    return None if blocks is None else {name.lower(): value for block in blocks for name, value in block.pairs}


def fields(headers: dict[str, str] | None = None, auth: BasicAuth | None = None) -> DefaultFields:
    return DefaultFields(headers, None, auth)


def test_the_automatic_fields_are_added() -> None:
    block = rendered(fields())
    assert block is not None
    assert list(block) == ["accept", "accept-encoding", "user-agent"]
    assert block["accept"] == "*/*"


def test_the_block_is_rendered_once_and_again_after_a_change() -> None:
    defaults = fields({"X-A": "1"})
    first = defaults.blocks(with_auth=False)
    assert defaults.blocks(with_auth=False) is first
    defaults.headers["X-A"] = "2"
    assert rendered(defaults) == {**(rendered(fields()) or {}), "x-a": "2"}


def test_headers_are_a_copy_of_what_was_given() -> None:
    given = {"X-A": "1"}
    defaults = fields(given)
    given["X-A"] = "2"
    assert defaults.headers["x-a"] == "1"


def test_what_is_given_or_skipped_is_not_added() -> None:
    defaults = DefaultFields({"user-agent": "me"}, ["ACCEPT"], None)
    block = rendered(defaults)
    assert block is not None
    assert "accept" not in block
    assert block["user-agent"] == "me"


def test_credentials_are_in_a_block_of_their_own() -> None:
    defaults = fields(auth=credentials())
    assert "authorization" not in (rendered(defaults) or {})
    assert (rendered(defaults, with_auth=True) or {})["authorization"] == "Basic dTpw"


def test_connections_that_serve_once_are_announced() -> None:
    assert (rendered(DefaultFields(None, None, None, closes=True)) or {})["connection"] == "close"


@pytest.mark.parametrize("name", ["Host", "cookie", "Connection", "Content-Length", "Transfer-Encoding", "Expect"])
def test_fields_that_each_request_must_look_at_prevent_a_shared_block(name: str) -> None:
    assert fields({name: "x"}).blocks(with_auth=False) is None


def test_an_authorization_field_prevents_the_block_with_credentials() -> None:
    defaults = fields({"Authorization": "Bearer x"}, credentials())
    assert defaults.blocks(with_auth=True) is None
    assert (rendered(defaults) or {})["authorization"] == "Bearer x"
