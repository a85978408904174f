"""Accept-Encoding against RFC 9110 §12.5.3."""

import pytest

from trunkline.wire.negotiation import rank_codings

OFFERED = ("br", "zstd", "gzip")


@pytest.mark.parametrize(
    ("field", "ranked"),
    [
        ("", []),
        ("identity", []),
        ("compress, deflate", []),
        ("gzip", ["gzip"]),
        ("GZIP", ["gzip"]),
        ("gzip, br", ["br", "gzip"]),
        ("gzip;q=0.5, br;q=0.4", ["gzip", "br"]),
        ("gzip; q=1.000,zstd\t;\tq=0.9", ["gzip", "zstd"]),
        ("gzip;q=0, br", ["br"]),
        ("gzip;q=0.000", []),
        ("gzip;q=0.5, identity", []),
        ("gzip;q=0.5, identity;q=0.5", ["gzip"]),
        ("gzip, identity;q=0", ["gzip"]),
        ("*", []),
        ("gzip, *;q=0", ["gzip"]),
    ],
)
def test_codings_are_ranked_by_weight_then_by_our_order(field: str, ranked: list[str]) -> None:
    assert rank_codings(field, OFFERED) == ranked


@pytest.mark.parametrize("field", ["gzip;q=2", "gzip;q=-1", "gzip;q=nan", "gzip;q=", "gzip;level=1", "gzip;", "x gzip"])
def test_a_member_that_breaks_the_grammar_is_not_accepted(field: str) -> None:
    assert rank_codings(field, OFFERED) == []
