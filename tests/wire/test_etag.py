"""Entity tags against RFC 9110 §8.8.3."""

import pytest

from trunkline.wire.etag import ETag, matches_strongly, matches_weakly, parse_etags, render_etag

A = ETag("a")
B = ETag("b")
WEAK_A = ETag("a", is_weak=True)


@pytest.mark.parametrize(
    ("field", "etags"),
    [
        ('"a"', (A,)),
        ('W/"a"', (WEAK_A,)),
        ('"a", "b"', (A, B)),
        ('"a","b"\t, W/"a"', (A, B, WEAK_A)),
        ('"a",,"b",', (A, B)),
        (', "a" ,', (A,)),
        ('""', (ETag(""),)),
        ('"a,b"', (ETag("a,b"),)),
        ('"é"', (ETag("é"),)),
        ("*", (ETag("*"),)),
        (" * ", (ETag("*"),)),
        ("", ()),
    ],
)
def test_a_list_of_tags_is_read(field: str, etags: tuple[ETag, ...]) -> None:
    assert parse_etags(field) == etags


@pytest.mark.parametrize(
    ("field", "etags"),
    [
        ("a", ()),
        ('"a', ()),
        ('"a b"', ()),
        ('w/"a"', ()),
        ('"a"b', ()),
        ('"a" "b"', ()),
        ('"a";"b"', ()),
        ('*, "a"', ()),
        ('"a", *', (A,)),
        ('"a", b, "b"', (A,)),
        ('"a\x7f"', ()),
    ],
)
def test_reading_ends_at_the_first_damaged_member(field: str, etags: tuple[ETag, ...]) -> None:
    assert parse_etags(field) == etags


def test_a_long_damaged_list_takes_linear_time() -> None:
    assert parse_etags('"a",' * 100_000 + '"' * 100_000) == (A,) * 100_000


@pytest.mark.parametrize(
    ("etag", "field"),
    [(A, '"a"'), (WEAK_A, 'W/"a"'), (ETag(""), '""'), (ETag("*"), "*"), (ETag("*", is_weak=True), 'W/"*"')],
)
def test_a_tag_is_rendered(etag: ETag, field: str) -> None:
    assert render_etag(etag) == field


@pytest.mark.parametrize("value", ['a"b', "a b", "a\r\nb", "a\x7f", '"a"'])
def test_a_tag_that_would_leave_its_quotes_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="without them"):
        render_etag(ETag(value))


@pytest.mark.parametrize(
    ("etag", "other", "strongly", "weakly"),
    [  # the table of RFC 9110 §8.8.3.2, and *
        (WEAK_A, WEAK_A, False, True),
        (WEAK_A, ETag("b", is_weak=True), False, False),
        (WEAK_A, A, False, True),
        (A, A, True, True),
        (A, ETag("*"), True, True),
    ],
)
def test_comparison(etag: ETag, other: ETag, strongly: bool, weakly: bool) -> None:
    assert matches_strongly(etag, [B, other]) is strongly
    assert matches_weakly(etag, [B, other]) is weakly


def test_nothing_matches_an_empty_list() -> None:
    assert not matches_strongly(A, ())
    assert not matches_weakly(A, ())
