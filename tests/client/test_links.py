import time

import pytest
from yarl import URL

from trunkline.client.links import parse_links

BASE = URL("http://example.com/dir/page")


def as_dicts(*fields: str) -> dict[str, dict[str, object]]:
    return {name: dict(link) for name, link in parse_links(fields, BASE).items()}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("<http://a.example/2>; rel=next", {"next": {"rel": "next", "url": URL("http://a.example/2")}}),
        ('<b>; rel="next"', {"next": {"rel": "next", "url": URL("http://example.com/dir/b")}}),
        ("</b>", {"/b": {"url": URL("http://example.com/b")}}),
        ('</b>; REL=Next; Title="a, b; c"', {"Next": {"rel": "Next", "title": "a, b; c", "url": URL("http://example.com/b")}}),
        ('</b>; rel="a \\"b\\""', {'a "b"': {"rel": 'a "b"', "url": URL("http://example.com/b")}}),
        ("<>; rel=self", {"self": {"rel": "self", "url": BASE}}),
        ("</b>;;rel=next;", {"next": {"rel": "next", "url": URL("http://example.com/b")}}),
        ("no link at all", {}),
        ("<unclosed; rel=next", {}),
        ("<http://[>; rel=next, </b>; rel=last", {"last": {"rel": "last", "url": URL("http://example.com/b")}}),
        ("<//h[::1]@//h/h>; rel=next", {}),
        ("<//[:-2]:>; rel=next", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_link_field_is_taken_apart(field: str, expected: dict[str, dict[str, object]]) -> None:
    assert as_dicts(field) == expected


def test_several_links_come_in_one_field_or_in_several() -> None:
    expected = {
        "next": {"rel": "next", "url": URL("http://example.com/2")},
        "last": {"rel": "last", "url": URL("http://example.com/9")},
    }
    assert as_dicts("</2>; rel=next, </9>; rel=last") == expected
    assert as_dicts("</2>; rel=next", "</9>; rel=last") == expected


def test_links_of_the_same_relation_are_all_kept() -> None:
    links = parse_links(["</2>; rel=next, </3>; rel=next"], BASE)
    assert [link["url"].path for link in links.getall("next")] == ["/2", "/3"]  # type: ignore[union-attr]  # a URL


@pytest.mark.parametrize("unit", [" ", "<", '<a>\\"', '<a>"', '<a>;x="', "<a>,", ";"])
def test_a_hostile_field_is_looked_through_once(unit: str) -> None:
    def cost(length: int) -> float:
        began_at = time.process_time()
        for _ in range(4):
            parse_links([(unit * length)[:length]], BASE)
        return time.process_time() - began_at

    assert cost(32_000) < max(10 * cost(8_000), 0.1)  # four times as long; sixteen times when it was quadratic
