from __future__ import annotations

import time

import pytest

from trunkline.web.forwarded import parse_forwarded


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("", []),
        (" , ,", []),
        ("for=192.0.2.43", [{"for": "192.0.2.43"}]),
        ("For=a;PROTO=http ; by=b", [{"for": "a", "proto": "http", "by": "b"}]),
        ('for="[2001:db8::1]:80", for=b', [{"for": "[2001:db8::1]:80"}, {"for": "b"}]),
        ('for="a\\"b,c;d"', [{"for": 'a"b,c;d'}]),
        ('for=""', [{"for": ""}]),
        ("for=a;;by=b;", [{"for": "a", "by": "b"}]),
        # Damage: what stood before it is kept, and the element keeps its place.
        ("for=a;by, for=b", [{"for": "a"}, {"for": "b"}]),
        ("for = a, for=b", [{}, {"for": "b"}]),
        ("for=[::1], for=b c, for=d", [{}, {}, {"for": "d"}]),
        ('for="open, for=b', [{}, {"for": "b"}]),
        ('for="open, for="real"', [{}, {"for": "real"}]),
        ("bad", [{}]),
    ],
)
def test_elements(value: str, elements: list[dict[str, str]]) -> None:
    assert [dict(element) for element in parse_forwarded([value])] == elements


def test_several_fields_make_one_row_that_cannot_be_changed() -> None:
    first, second = parse_forwarded(["for=a", "for=b"])
    assert (first["for"], second["for"]) == ("a", "b")
    with pytest.raises(TypeError):
        first["for"] = "c"  # type: ignore[index]  # the type says so too


@pytest.mark.parametrize("piece", ['a="', ",", ";", 'a="\\",', "a ", " ", 'a="\\"', "a=b,"])
def test_a_long_field_takes_linear_time(piece: str) -> None:
    started = time.perf_counter()
    parse_forwarded([piece * (200_000 // len(piece))])
    assert time.perf_counter() - started < 2  # it takes some 0.2 s; quadratic time would take minutes
