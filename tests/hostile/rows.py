"""The bad input that Trunkline must stand, row by row, and the tests that show it, over sockets for each role.

A test is named "file::name", the file below `tests/`. `test_rows` checks that all of them exist. "refused" means: a
server answers 4xx or 501 and closes; a client raises a clear error and does not use the connection again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["client", "server"]
BOTH: Final[tuple[Role, ...]] = ("client", "server")
CLIENT: Final[tuple[Role, ...]] = ("client",)
SERVER: Final[tuple[Role, ...]] = ("server",)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of bad input. roles: which of ours it concerns; client, server: their tests over sockets."""

    id: str
    input: str
    required: str
    roles: tuple[Role, ...]
    client: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


_CLIENT_FRAMING = "client/test_misbehaving_framing.py::"
_CLIENT_HEADS = _CLIENT_FRAMING + "test_a_head_that_cannot_be_trusted_is_an_error"
_CLIENT_CHUNKS = _CLIENT_FRAMING + "test_a_bad_chunk_is_an_error_of_the_payload"
_SERVER_FRAMING = "web/test_misbehaving_framing.py::"
_SERVER_HEADS = _SERVER_FRAMING + "test_a_request_whose_end_is_not_sure_is_refused_and_the_connection_closed"
_SERVER_CHUNKS = _SERVER_FRAMING + "test_a_bad_chunk_fails_the_read_and_is_a_400"

FRAMING: Final = (
    Row(
        "both-framings",
        "Content-Length and Transfer-Encoding together",
        "server: 400 and close; client: Transfer-Encoding wins or an error, never reused",
        BOTH,
        client=(
            "hostile/test_client_framing.py::"
            "test_with_length_and_chunks_the_chunks_count_or_it_is_an_error_and_the_connection_goes",
            _CLIENT_FRAMING + "test_a_good_body_on_a_doubtful_connection_is_read_and_the_connection_closed",
        ),
        server=(_SERVER_HEADS,),
        units=("wire/h1/test_framing.py::test_a_request_with_both_framings_is_refused_in_either_order",),
    ),
    Row(
        "transfer-codings",
        "`xchunked`, `chunked, identity`, `chunked, chunked`, `TE :`, folded, in HTTP/1.0",
        "refused",
        BOTH,
        client=(_CLIENT_HEADS,),
        server=(_SERVER_HEADS,),
        units=("wire/h1/test_framing.py::test_a_transfer_coding_in_an_http_1_0_request_is_refused",),
    ),
    Row(
        "lengths",
        "Content-Length or chunk size `+5`, `5_0`, `0x5`, fullwidth digits, `-1`, 10^40, empty, unequal duplicates",
        "refused",
        BOTH,
        client=(_CLIENT_HEADS, _CLIENT_CHUNKS),
        server=(_SERVER_HEADS, _SERVER_CHUNKS),
        units=("wire/h1/test_request_head.py::test_a_content_length_that_is_not_one_number_is_refused_each_time",),
    ),
    Row(
        "chunk-syntax",
        "LF, CR or NUL in chunk extensions, bare-LF delimiters, bad trailers",
        "refused",
        BOTH,
        client=(_CLIENT_CHUNKS,),
        server=(
            _SERVER_CHUNKS,
            _SERVER_FRAMING + "test_behind_a_bad_chunk_that_nobody_reads_no_request_is_found",
        ),
        units=("wire/h1/test_chunked.py::test_a_malformed_body_is_refused_whole_byte_by_byte_and_however_split",),
    ),
    Row(
        "field-syntax",
        "bare CR, LF or NUL in a field, obs-fold, `Name :`, no colon",
        "refused",
        BOTH,
        client=(_CLIENT_HEADS,),
        server=(_SERVER_HEADS,),
        units=(
            "wire/h1/test_head.py::test_a_head_outside_the_grammar_is_refused_each_time",
            "wire/h1/test_request_head.py::test_a_field_line_outside_the_grammar_is_refused_each_time",
        ),
    ),
    Row(
        "request-lines",
        "Host missing, twice, `a/b`, `user@a`, `[::1`; two spaces in the request line; version `HTTP/2.0` on the wire",
        "400; of a response, an unknown version is an error",
        BOTH,
        client=(_CLIENT_HEADS,),
        server=(_SERVER_HEADS,),
        units=("wire/h1/test_request_head.py::test_a_host_that_is_no_host_is_refused_each_time",),
    ),
    Row(
        "bytes-for-nobody",
        "bytes after a body; a body after 204, 304, HEAD; bytes pushed on an idle connection",
        "never become the next message; connection closed",
        BOTH,
        client=(
            _CLIENT_FRAMING + "test_a_body_where_none_may_be_is_never_the_next_response",
            _CLIENT_FRAMING + "test_bytes_pushed_on_an_idle_connection_close_it",
            "hostile/test_client_framing.py::test_200_000_answers_to_one_request_are_one_answer",
        ),
        server=(
            _SERVER_FRAMING + "test_nothing_is_read_behind_a_request_that_says_close",
            _SERVER_FRAMING + "test_nothing_is_read_behind_connect",
            _SERVER_FRAMING + "test_garbage_behind_a_whole_request_is_refused_after_its_answer",
            "web/test_misbehaving_clients.py::test_a_body_that_was_not_asked_for_cannot_be_a_request",
        ),
        units=("conn/test_client_h1.py::test_bytes_for_nobody_close_the_connection",),
    ),
    Row(
        "own-length",
        "handler writes more or less than its Content-Length; streamed 204 with a body; user sets wrong "
        "Content-Length, or both framings",
        "never corrupt the next message: error to the author, connection closed",
        BOTH,
        client=(
            "client/test_misbehaving_uploads.py::"
            "test_fields_that_contradict_the_body_are_refused_before_anything_is_sent",
            "client/test_misbehaving_uploads.py::"
            "test_a_stream_that_does_not_fit_its_length_never_reaches_into_the_next_request",
        ),
        server=(
            "web/test_misbehaving_handlers.py::"
            "test_a_body_that_does_not_fit_its_length_ends_the_connection_and_the_author_is_told",
            "web/test_misbehaving_handlers.py::test_a_response_that_cannot_be_sent_is_a_500_and_the_author_told",
            "web/test_misbehaving_handlers.py::"
            "test_a_streamed_response_that_has_no_body_gets_none_and_the_author_is_told",
        ),
    ),
    Row(
        "late-chunk",
        "bad chunk or trailer after the reader began",
        "the read raises, 400 if nothing was sent, close; never hang",
        BOTH,
        client=("hostile/test_client_framing.py::test_a_bad_trailer_fails_a_reader_that_had_begun_and_never_hangs",),
        server=(_SERVER_CHUNKS, _SERVER_FRAMING + "test_a_bad_chunk_cuts_an_answer_that_has_begun"),
    ),
    Row(
        "injection",
        "a header, method, target, cookie, form field, reason, or WebSocket protocol with CR, LF, NUL, space or colon "
        "where not allowed; empty name or method",
        "ValueError at the call; nothing on the wire",
        BOTH,
        client=(
            "hostile/test_client_framing.py::"
            "test_what_would_start_a_line_raises_at_the_call_and_nothing_is_on_the_wire",
            "hostile/test_client_framing.py::"
            "test_what_is_empty_or_no_token_raises_at_the_call_and_nothing_is_on_the_wire",
            "hostile/test_client_framing.py::test_a_url_starts_no_line",
            "hostile/test_client_framing.py::test_the_name_of_a_form_field_or_file_starts_no_line_in_the_body",
        ),
        server=(
            "web/test_misbehaving_handlers.py::test_a_response_that_cannot_be_sent_is_a_500_and_the_author_told",
            "web/test_misbehaving_handlers.py::test_a_cookie_value_with_a_line_break_does_not_start_a_line",
            "web/test_websocket.py::test_a_subprotocol_that_is_no_token_is_refused_at_once",
        ),
        units=("body/test_forms.py::test_control_characters_are_refused_at_the_call",),
    ),
    Row(
        "response-encoding",
        "a response header that the server cannot encode",
        "500, not a dropped connection",
        SERVER,
        server=(
            "web/test_misbehaving_handlers.py::test_a_response_that_cannot_be_sent_is_a_500_and_the_author_told",
            "web/test_misbehaving_handlers.py::test_a_streamed_response_whose_head_cannot_be_sent_is_a_500",
        ),
    ),
)

_OURS = "hostile/test_client_credentials.py::"

CREDENTIALS: Final = (
    Row(
        "redirects",
        "redirect to another host, port or scheme (also a, evil, a; session-wide `auth=`)",
        "drop Authorization, Cookie, Proxy-Authorization",
        CLIENT,
        client=(
            _OURS + "test_a_redirect_to_another_origin_takes_no_credentials_and_neither_does_the_way_back",
            "client/test_redirect_credentials.py::test_credentials_stay_with_their_origin_even_if_the_chain_comes_back",
            "client/test_redirect_credentials.py::test_credentials_of_the_session_stay_with_their_origin",
        ),
    ),
    Row(
        "named-party",
        "CONNECT, `http://good:@evil/`, .netrc",
        "credentials go only to the party they name",
        CLIENT,
        client=(
            _OURS + "test_what_stands_before_the_at_sign_is_no_host_and_goes_to_the_host_behind_it_alone",
            _OURS + "test_connect_carries_what_is_for_the_proxy_and_the_origin_gets_the_rest",
            _OURS + "test_netrc_gives_credentials_to_the_host_that_it_names_alone",
        ),
        units=("client/test_netrc.py::test_an_entry_gives_the_credentials_of_its_host",),
    ),
    Row(
        "cookies",
        "cookie for a foreign domain, a public suffix (`co.uk`), `__Host-` and `__Secure-` rules broken, plain http "
        "overwriting a Secure cookie, 20,000 cookies",
        "refuse (RFC 6265bis); jar and logs bounded",
        CLIENT,
        client=(
            _OURS + "test_a_cookie_that_a_server_may_not_set_goes_nowhere",
            _OURS + "test_plain_http_overwrites_no_cookie_that_was_set_over_tls",
            _OURS + "test_20_000_cookies_leave_a_bounded_jar_a_bounded_field_and_a_bounded_log",
        ),
        units=("client/test_cookiejar.py::test_a_cookie_that_its_server_may_not_set_is_dropped",),
    ),
    Row(
        "url-hosts",
        "URL hosts `%00`, `%2f`, trailing space, `0x7f.1`, `2130706433`",
        "InvalidURL before any DNS",
        CLIENT,
        client=(
            _OURS + "test_a_host_that_is_none_is_an_invalid_url_and_no_name_is_looked_up",
            _OURS + "test_the_same_in_a_redirect_is_an_error_and_no_name_is_looked_up",
        ),
        units=("client/test_target.py::test_a_host_that_some_resolvers_read_as_an_address_is_refused",),
    ),
)

_WEBSOCKET = "hostile/test_websocket_rules.py::"

WEBSOCKET: Final = (
    Row(
        "websocket",
        "unmasked from a client, masked from a server, RSV bits, bad UTF-8, oversized, fragmented control, non-minimal "
        "length, close code 1005/1006/1015 on the wire, unrequested extension or protocol, POST or HTTP/1.0 upgrade, "
        "deflate bomb, drip",
        "refuse with 1002, 1007, 1009 or 400; bounded",
        BOTH,
        client=(
            _WEBSOCKET + "test_a_client_refuses_a_server_that_breaks_the_protocol",
            _WEBSOCKET + "test_a_client_refuses_what_it_did_not_offer",
            _WEBSOCKET + "test_a_bomb_is_refused_at_its_limit_in_little_memory_by_both",
            _WEBSOCKET + "test_a_drip_of_empty_fragments_takes_little_memory_of_a_client",
            _WEBSOCKET + "test_a_server_that_pings_and_never_reads_cannot_fill_the_clients_memory",
            _WEBSOCKET + "test_empty_pings_do_not_hold_the_loop_of_a_client",
            "client/test_ws_connect.py::test_an_answer_that_does_not_agree_raises_and_frees_the_connection",
        ),
        server=(
            _WEBSOCKET + "test_a_server_refuses_a_client_that_breaks_the_protocol",
            _WEBSOCKET + "test_a_server_agrees_to_nothing_that_it_does_not_have",
            _WEBSOCKET + "test_an_upgrade_that_is_none_is_a_400",
            _WEBSOCKET + "test_a_bomb_is_refused_at_its_limit_in_little_memory_by_both",
            _WEBSOCKET + "test_a_drip_of_empty_fragments_takes_little_memory_of_a_server",
            _WEBSOCKET + "test_a_frame_whose_bytes_never_come_holds_no_memory_for_them",
            _WEBSOCKET + "test_empty_pings_do_not_hold_the_loop_of_a_server",
            "web/test_websocket_closing.py::test_a_client_that_pings_and_never_reads_cannot_fill_our_memory",
        ),
        units=(
            "wire/ws/test_frames.py::test_a_head_that_breaks_the_protocol_is_refused",
            "wire/ws/test_assembler.py::test_a_drip_of_fragments_takes_little_more_memory_than_its_bytes",
        ),
    ),
)

_HTTP2 = "hostile/test_http2_rules.py::"

HTTP2: Final = (
    Row(
        "http2-floods",
        "rapid reset, MadeYouReset, CONTINUATION, SETTINGS, PING and empty-frame floods, HPACK bomb",
        "GOAWAY (ENHANCE_YOUR_CALM), bounded memory and CPU, a new connection is served",
        BOTH,
        client=(
            _HTTP2 + "test_a_server_that_floods_ends_its_connection_in_bounded_memory_and_others_are_asked",
            _HTTP2 + "test_a_flood_does_not_hold_the_loop_of_a_client",
        ),
        server=(
            _HTTP2 + "test_a_client_that_floods_is_told_to_calm_down_in_bounded_memory_and_others_are_served",
            _HTTP2 + "test_a_flood_does_not_hold_the_loop_of_a_server",
            "web/test_http2_timing.py::test_handlers_that_go_on_count_when_their_streams_are_reset",
            "web/test_http2_timing.py::test_requests_that_are_reset_in_the_same_read_are_not_answered",
            "web/test_http2_timing.py::test_a_client_that_reads_no_answers_is_not_read_either",
        ),
        units=(
            "wire/h2/test_noise.py::test_a_flood_ends_the_connection_within_bounded_memory",
            "wire/h2/test_noise.py::test_a_server_may_not_flood_either",
            "wire/h2/test_noise.py::test_a_head_without_end_ends_the_connection",
        ),
    ),
    Row(
        "http2-windows",
        "window games: windows that overflow, stay shut, or open by a byte; more than a window allows",
        "FLOW_CONTROL_ERROR for the stream or the connection; a stream that waits in vain is reset; bounded memory",
        BOTH,
        client=(
            _HTTP2 + "test_a_client_refuses_more_of_a_body_than_its_window",
            "client/test_h2_bodies.py::test_a_slow_reader_bounds_what_comes_and_lets_others_pass",
        ),
        server=(
            _HTTP2 + "test_windows_beyond_their_bound_are_refused_by_a_server",
            "web/test_http2_timing.py::test_a_client_that_opens_no_window_loses_its_stream_alone",
            "web/test_http2_timing.py::test_settings_that_shrink_windows_below_nothing",
            "web/test_http2.py::test_the_window_is_not_given_back_before_the_body_is_read",
        ),
        units=(
            "wire/h2/test_noise.py::test_windows_that_open_and_close_without_end_end_the_connection",
            "wire/h2/test_noise.py::test_the_work_for_a_window_does_not_grow_with_the_streams_that_wait",
        ),
    ),
    Row(
        "http2-messages",
        "bad pseudo-headers, connection-specific headers, content-length mismatch, fields beyond their limits",
        "RST_STREAM (PROTOCOL_ERROR), or 431 beyond a limit; a clear error of the client's; the connection goes on",
        BOTH,
        client=(
            _HTTP2 + "test_a_response_that_is_none_is_an_error_of_its_stream_and_the_connection_goes_on",
            _HTTP2 + "test_a_body_of_another_length_than_announced_is_an_error_of_its_reader",
            "client/test_h2_limits.py::test_a_head_beyond_them_is_an_error_of_its_stream_alone",
        ),
        server=(
            _HTTP2 + "test_a_request_that_is_none_resets_its_stream_and_the_connection_goes_on",
            _HTTP2 + "test_a_body_of_another_length_than_announced_resets_its_stream",
            "web/test_http2.py::test_a_field_beyond_the_bounds_is_told_so",
        ),
        units=("wire/h2/test_rules.py::test_a_rule_is_kept",),
    ),
)
