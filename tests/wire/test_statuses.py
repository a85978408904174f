"""`RESPONSES`: phrases and meanings by status."""

from trunkline.wire.statuses import RESPONSES


def test_each_status_has_its_phrase_and_meaning() -> None:
    assert RESPONSES[200] == ("OK", "Request fulfilled, document follows")
    assert RESPONSES[404][0] == "Not Found"
    assert all(type(status) is int for status in RESPONSES)
