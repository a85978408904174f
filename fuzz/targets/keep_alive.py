"""The Keep-Alive field: advice of a server, of which nothing may break or prolong anything (RFC 2068 §19.7.1.1)."""

from math import inf

from trunkline.wire.keep_alive import KeepAliveHint, parse_keep_alive, safe_idle_s


def check(data: bytes) -> None:
    """Nothing is raised, no hint is negative or longer than what was said, and two hints never add up."""
    text = data.decode("utf-8", "surrogateescape")
    first, _, second = text.partition("\n")
    hints = [hint for value in (first, second) if (hint := parse_keep_alive(value)) is not None]
    for hint in hints:
        _check_hint(hint)
    if len(hints) == 2:
        joined = hints[0].joined_with(hints[1])
        assert joined == hints[1].joined_with(hints[0])
        assert joined.idle_s <= hints[0].idle_s
        assert joined.requests_left <= hints[0].requests_left
    _check_number(len(data))


def _check_hint(hint: KeepAliveHint) -> None:
    assert 0 <= hint.idle_s <= inf
    assert 0 <= hint.requests_left <= inf
    assert hint != KeepAliveHint(), "a hint that says nothing"


def _check_number(timeout_s: int) -> None:
    hint = parse_keep_alive(f"timeout={timeout_s}, max={timeout_s}")
    assert hint == KeepAliveHint(safe_idle_s(timeout_s), timeout_s)
    assert hint.idle_s <= timeout_s
