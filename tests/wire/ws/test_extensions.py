"""The agreement on permessage-deflate, from both sides."""

import pytest
from hypothesis import given, strategies as st
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.headers import parse_extension

from trunkline.wire.errors import BadHandshake
from trunkline.wire.ws.extensions import DeflateTerms, accept_deflate, choose_deflate, offer_deflate

CHOSEN = {
    "permessage-deflate": DeflateTerms(),
    "permessage-deflate; client_max_window_bits": DeflateTerms(),
    "permessage-deflate; client_max_window_bits=10": DeflateTerms(client_window_bits=10),
    "permessage-deflate; server_max_window_bits=9": DeflateTerms(server_window_bits=9),
    'permessage-deflate; server_max_window_bits="10"': DeflateTerms(server_window_bits=10),
    "permessage-deflate;server_no_context_takeover;client_no_context_takeover": DeflateTerms(
        server_keeps_context=False, client_keeps_context=False
    ),
    "x-foo, permessage-deflate": DeflateTerms(),
    'x-foo; a="b, permessage-deflate", permessage-deflate; server_max_window_bits=12': DeflateTerms(12),
    "permessage-deflate; client_max_window_bits=20, permessage-deflate": DeflateTerms(),
    "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=11": DeflateTerms(11),
}

DECLINED = [
    "",
    "x-webkit-deflate-frame",
    "PERMESSAGE-DEFLATE",
    "permessage-deflate; foo",
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=8",
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_max_window_bits=010",
    "permessage-deflate; server_max_window_bits=+10",
    "permessage-deflate; server_max_window_bits=１０",
    "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
    "permessage-deflate; server_no_context_takeover=1",
    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    "permessage-deflate;;",
    'permessage-deflate; server_max_window_bits="10',
    "foo;;;,=",
]


@pytest.mark.parametrize(("offer", "terms"), CHOSEN.items())
def test_the_first_offer_that_can_be_met_is_chosen(offer: str, terms: DeflateTerms) -> None:
    assert choose_deflate([offer]) == terms


@pytest.mark.parametrize("offer", DECLINED)
def test_offers_that_are_malformed_or_cannot_be_met_are_declined(offer: str) -> None:
    assert choose_deflate([offer]) is None


def test_several_fields_are_one_list() -> None:
    assert choose_deflate(["x-foo", "permessage-deflate; server_max_window_bits=9"]) == DeflateTerms(9)


@given(st.text(alphabet='permessage-deflate;=," \t10x', max_size=300))
def test_any_field_is_taken_or_declined(value: str) -> None:
    choose_deflate([value])


def test_a_long_field_is_read_in_linear_time() -> None:
    assert choose_deflate(['permessage-deflate; a="' * 100_000]) is None
    assert choose_deflate(["permessage-deflate;" + " " * 100_000 + "x y"]) is None


bits = st.integers(9, 15)
all_terms = st.builds(DeflateTerms, st.none() | bits, st.none() | bits, st.booleans(), st.booleans())


@given(all_terms)
def test_an_answer_says_what_was_agreed_upon(terms: DeflateTerms) -> None:
    agreed = accept_deflate([terms.render()], offered_bits=15)
    assert agreed is not None
    assert (
        agreed.render()
        == DeflateTerms(
            terms.server_window_bits,
            terms.client_window_bits or 15,
            terms.server_keeps_context,
            terms.client_keeps_context,
        ).render()
    )


@given(bits, st.booleans(), bits, st.booleans())
def test_websockets_answers_our_offer(offered: int, keeps: bool, server_bits: int, server_keeps: bool) -> None:
    name, params = parse_extension(offer_deflate(offered, keeps_context=keeps))[0]
    factory = ServerPerMessageDeflateFactory(not server_keeps, False, server_bits, None)
    answered, extension = factory.process_request_params(params, [])
    answer = "; ".join([name, *(key if value is None else f"{key}={value}" for key, value in answered)])
    terms = accept_deflate([answer], offered_bits=offered, keeps_context=keeps)
    assert terms is not None
    assert terms.window_bits(is_server=True) == extension.local_max_window_bits
    assert terms.client_window_bits == min(offered, extension.remote_max_window_bits)
    assert terms.server_keeps_context is not extension.local_no_context_takeover
    assert keeps or not terms.client_keeps_context


@given(st.booleans(), st.booleans(), bits, bits)
def test_websockets_takes_our_answer(server_forgets: bool, client_forgets: bool, server: int, client: int) -> None:
    factory = ClientPerMessageDeflateFactory(server_forgets, client_forgets, server, client)
    offered = factory.get_request_params()
    offer = "; ".join(["permessage-deflate", *(key if value is None else f"{key}={value}" for key, value in offered)])
    terms = choose_deflate([offer])
    assert terms is not None
    extension = factory.process_response_params(parse_extension(terms.render())[0][1], [])
    assert extension.remote_max_window_bits == terms.window_bits(is_server=True)
    assert extension.local_max_window_bits == terms.window_bits(is_server=False)


@pytest.mark.parametrize("bits", [0, 8, 16])
def test_a_window_that_zlib_does_not_have_is_never_offered(bits: int) -> None:
    with pytest.raises(ValueError, match="wanted 9 to 15"):
        offer_deflate(bits)


def test_no_answer_is_no_compression() -> None:
    assert accept_deflate([], offered_bits=15) is None


def test_an_extension_that_was_not_offered_is_refused() -> None:
    with pytest.raises(BadHandshake, match="'permessage-deflate', which was not offered"):
        accept_deflate(["permessage-deflate"], offered_bits=0)


@pytest.mark.parametrize(
    "answer",
    [
        "x-foo",
        "permessage-deflate, x-foo",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; foo",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=99",
    ],
)
def test_an_answer_that_is_none_to_our_offer_is_refused(answer: str) -> None:
    with pytest.raises(BadHandshake):
        accept_deflate([answer], offered_bits=15)


def test_a_window_of_8_bits_is_fine_for_what_we_receive() -> None:
    terms = accept_deflate(["permessage-deflate; server_max_window_bits=8"], offered_bits=15)
    assert terms == DeflateTerms(8, 15)
