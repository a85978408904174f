"""The rows of `rows` about what a peer may cost, and about TLS, names, the pool and the process."""

from __future__ import annotations

from typing import Final

from tests.hostile.rows import BOTH, CLIENT, SERVER, Row

_CLIENT = "hostile/test_client_floods.py::"
_SERVER = "hostile/test_server_rules.py::"
_CLIENT_FLOODS = "client/test_misbehaving_floods.py::"
_SERVER_FLOODS = "web/test_misbehaving_floods.py::"
_CLIENT_TIMING = "client/test_misbehaving_timing.py::"
_SERVER_TIMING = "web/test_misbehaving_timing.py::"

RESOURCES: Final = (
    Row(
        "bombs",
        "0.4 MB that inflates to 400 MB (gzip, deflate, br, zstd), in a body, a redirect, a request, a form part",
        "streamed in bounded steps, cap with a clear error; peak < 48 MB where streamed; the loop is never blocked "
        "over 100 ms",
        BOTH,
        client=(
            _CLIENT + "test_a_bomb_in_any_coding_is_streamed_in_bounded_memory",
            _CLIENT + "test_a_bomb_in_any_coding_never_holds_the_loop",
            _CLIENT + "test_a_bomb_in_any_coding_that_is_read_whole_is_an_error_with_a_way_out",
            _CLIENT + "test_a_bomb_in_any_coding_in_a_redirect_is_not_inflated",
            _CLIENT + "test_a_bomb_in_a_part_of_a_response_is_an_error_when_the_part_is_read_whole",
        ),
        server=(
            _SERVER_FLOODS + "test_a_bomb_that_is_read_whole_is_a_413",
            _SERVER_FLOODS + "test_a_bomb_that_is_read_without_a_bound_is_refused_by_its_ratio",
            _SERVER_FLOODS + "test_a_bomb_that_is_streamed_takes_little_memory_and_never_blocks_the_loop",
            _SERVER_FLOODS + "test_a_bomb_that_nobody_reads_is_not_inflated",
            _SERVER + "test_a_bomb_in_a_part_of_a_form_is_refused_soon_and_in_little_memory",
        ),
        units=("wire/test_coding.py::test_a_bomb_is_decoded_in_bounded_steps_and_bounded_memory",),
    ),
    Row(
        "cut-short",
        "truncated gzip; TLS EOF without close_notify where length is unknown",
        "an error to the reader, never silent success",
        BOTH,
        client=(
            _CLIENT + "test_a_coding_that_is_cut_short_is_an_error_though_its_framing_is_whole",
            _CLIENT + "test_tls_that_is_cut_where_no_length_is_known_is_an_error_even_behind_a_whole_coding",
            "client/test_misbehaving_connections.py::test_tls_that_ends_without_close_notify_never_ends_a_body",
        ),
        server=(
            _SERVER + "test_a_request_body_whose_coding_is_cut_short_is_a_400",
            _SERVER + "test_a_request_body_that_tls_cuts_is_never_read_as_whole",
        ),
        units=("wire/test_coding.py::test_a_body_that_is_cut_short_at_any_byte_is_refused",),
    ),
    Row(
        "endless",
        "endless heads, trailers, chunk extensions, 1xx responses, leading CRLFs, 500,000 one-byte chunks, 200,000 "
        "pipelined requests",
        "error at a cap; linear time; peak < 32 MB, never over 100 times the bytes received",
        BOTH,
        client=(
            _CLIENT_FLOODS + "test_an_endless_head_or_frame_ends_at_a_bound",
            _CLIENT_FLOODS + "test_half_a_million_chunks_of_one_byte_are_read_in_bounded_memory",
            _CLIENT + "test_what_has_come_costs_no_more_than_a_hundred_times_its_bytes",
        ),
        server=(
            _SERVER_FLOODS + "test_an_endless_head_is_refused_at_a_bound",
            _SERVER_FLOODS + "test_an_endless_body_that_is_read_is_refused_at_a_bound",
            _SERVER_FLOODS + "test_a_hundred_thousand_chunks_of_one_byte_are_read_in_bounded_memory",
            _SERVER_FLOODS + "test_200_000_requests_in_advance_are_answered_in_linear_time",
            _SERVER_FLOODS + "test_40_000_requests_in_advance_are_answered_in_bounded_memory",
            _SERVER + "test_200_000_pipelined_requests_leave_the_loop_free",
            _SERVER + "test_200_000_pipelined_requests_take_little_memory",
            _SERVER + "test_what_has_come_costs_no_more_than_a_hundred_times_its_bytes",
        ),
        units=("wire/h1/test_chunked.py::test_many_tiny_chunks_take_linear_time",),
    ),
    Row(
        "multipart",
        "malformed or huge multipart, many fields",
        "400/413 within 2 s",
        SERVER,
        server=(
            _SERVER_FLOODS + "test_a_malformed_or_huge_form_is_refused_soon",
            "hostile/test_server_rules.py::test_a_form_of_a_megabyte_never_blocks_the_loop",
        ),
        units=(
            "web/test_form.py::test_the_number_of_fields_is_bounded",
            "body/test_multipart_reader.py::test_nesting_is_bounded",
        ),
    ),
    Row(
        "slowloris",
        "silent, half line, half head, dripped head or body",
        "closed within the read timeouts (head 60 s or less by default); others unaffected",
        BOTH,
        client=(
            _CLIENT_TIMING + "test_silence_ends_with_sock_read",
            _CLIENT_TIMING + "test_a_drip_without_end_is_ended_by_total",
            _CLIENT_TIMING + "test_one_slow_server_keeps_nobody_else_waiting",
        ),
        server=(
            _SERVER_TIMING + "test_a_first_head_that_does_not_come_whole_in_time_ends_the_connection",
            _SERVER_TIMING + "test_a_head_that_is_dripped_ends_the_connection",
            _SERVER_TIMING + "test_empty_lines_that_are_dripped_end_the_connection",
            _SERVER_TIMING + "test_a_body_that_does_not_come_on_is_a_408_and_ends_the_connection",
            _SERVER_TIMING + "test_a_body_that_is_dripped_more_slowly_than_any_line_is_given_up",
            _SERVER_TIMING + "test_slow_clients_do_not_keep_others_waiting",
        ),
    ),
    Row(
        "stalled-writes",
        "peer that stops reading an upload or a download",
        "write and read stall timeouts; the socket goes with them",
        BOTH,
        client=(_CLIENT_TIMING + "test_a_server_that_stops_reading_an_upload_ends_with_sock_read",),
        server=(_SERVER_TIMING + "test_a_client_that_takes_nothing_of_an_answer_loses_its_connection",),
    ),
    Row(
        "expect",
        "Expect: 100-continue never answered",
        "the body is sent after a bounded wait; a server that asked waits for it within its timeout",
        BOTH,
        client=("client/test_misbehaving_uploads.py::test_100_continue_that_never_comes_is_not_waited_for_for_long",),
        server=(_SERVER_TIMING + "test_a_body_that_was_asked_for_and_does_not_come_is_a_408",),
    ),
    Row(
        "static-files",
        "static files: `..`, encoded and absolute forms, symlink out, FIFO, device",
        "403/404",
        SERVER,
        server=(
            "web/routing/test_static.py::test_what_is_not_below_the_directory_is_404",
            "web/routing/test_static.py::test_followed_links_are_the_only_way_out",
            _SERVER + "test_a_fifo_or_a_device_in_a_static_folder_is_refused_and_never_waited_for",
        ),
        units=("web/test_file_answer.py::test_what_is_no_regular_file_is_403_and_never_waited_for",),
    ),
)

PROCESS: Final = (
    Row(
        "certificates",
        "wrong host, IP without SAN, expired, unknown CA",
        "fails before any request byte is sent",
        BOTH,
        client=(
            "hostile/test_client_tls.py::test_a_server_that_cannot_be_trusted_gets_no_byte_of_a_request",
            "transport/test_tcp.py::test_a_bad_certificate_fails_before_a_byte_is_sent",
        ),
        server=(_SERVER + "test_a_client_that_trusts_nobody_sends_no_request",),
    ),
    Row(
        "resumption",
        "repeat connections",
        "90 % or more resumed (TLS 1.2 and 1.3); sessions bound to their context, host and settings; bounded and "
        "expired; one use per TLS 1.3 ticket while others remain",
        CLIENT,
        client=(
            "pool/test_resumption.py::test_repeat_connections_to_nginx_resume",
            "pool/test_resumption.py::test_repeat_connections_to_openssl_resume",
            "pool/test_resumption.py::test_each_client_certificate_resumes_as_itself",
            "pool/test_resumption.py::test_nothing_is_saved_of_a_connection_that_failed",
        ),
    ),
    Row(
        "names",
        "dead cached address; 6,000 hosts; DNS failure",
        "refresh after a connect failure; bounded; never cached as a success",
        CLIENT,
        client=(
            "pool/test_dns.py::test_a_dead_address_is_tried_once_and_the_name_is_looked_up_anew",
            _CLIENT + "test_6_000_hosts_leave_bounded_books",
            _CLIENT + "test_a_failure_of_dns_is_never_kept_as_a_success",
        ),
        units=("transport/test_dns_cache.py::test_six_thousand_names_stay_within_the_bound",),
    ),
    Row(
        "broken-connections",
        "the peer closes an idle connection; RST; truncation at any byte",
        "GET retried once on a fresh connection; POST never sent twice; a clear error otherwise; "
        "a server keeps nothing",
        BOTH,
        client=(
            "client/test_misbehaving_connections.py::"
            "test_a_stale_connection_is_replaced_once_when_repeating_does_no_harm",
            "client/test_misbehaving_connections.py::test_a_request_that_may_have_had_effect_is_never_sent_twice",
            "client/test_misbehaving_connections.py::test_a_response_cut_at_any_byte_is_an_error_and_no_second_request",
        ),
        server=(
            "web/test_misbehaving_clients.py::test_a_request_that_is_cut_anywhere_leaves_nothing",
            "web/test_misbehaving_clients.py::test_to_reset_a_connection_at_once_leaves_nothing",
        ),
    ),
    Row(
        "cancellation",
        "cancellation at every await, early and late; an OSError from every call",
        "0 leaked sockets, slots, tasks, buffers; `limit=1` works afterwards",
        BOTH,
        client=(
            "client/test_cancellation.py::test_nothing_is_left_wherever_a_request_is_cancelled",
            "client/test_ws_connect.py::test_nothing_is_left_wherever_it_is_cancelled",
            "transport/test_tcp.py::test_cancelling_at_any_step_leaks_no_socket",
            "torture/test_cancelled_client.py::test_a_flow_cancelled_at_any_wait_leaves_nothing_behind",
            "torture/test_failing_calls_of_client.py"
            "::test_a_flow_ends_in_an_error_and_leaves_nothing_behind_whichever_call_fails",
        ),
        server=(
            "web/test_misbehaving_clients.py::test_a_handler_is_cancelled_with_its_client_when_that_is_asked_for",
            "web/test_misbehaving_clients.py::test_a_handler_that_is_cancelled_hits_nobody_else",
            "torture/test_cancelled_server.py::test_a_handler_cancelled_at_any_wait_leaves_nothing_behind",
            "torture/test_cancelled_shutdown.py::test_a_server_cancelled_at_any_wait_leaves_nothing_behind",
            "torture/test_failing_calls_of_server.py"
            "::test_a_server_goes_on_and_leaves_nothing_behind_whichever_call_fails",
        ),
        units=("pool/test_pool.py::test_a_failure_to_connect_gives_its_slot_back",),
    ),
    Row(
        "close",
        "`close()` with requests in flight or queued",
        "in-flight ones get a clear ClientConnectionError (or are drained, if asked); never CancelledError; a server "
        "answers what it has begun",
        BOTH,
        client=(
            "client/test_close_under_way.py::test_a_request_in_flight_ends_with_a_clear_error",
            "client/test_close_under_way.py::test_a_body_in_flight_ends_with_a_clear_error",
            "client/test_close_under_way.py::test_queued_requests_end_with_a_clear_error",
        ),
        server=(
            "web/test_graceful_shutdown.py::test_a_request_that_is_under_way_is_answered_and_an_idle_connection_closed",
        ),
    ),
    Row(
        "belonging",
        "fork; another loop; another thread; no running loop",
        "a clear error naming both sides; parent's connections unharmed",
        CLIENT,
        client=(
            "public_api/test_forks.py::test_a_child_is_refused_and_does_the_parent_no_harm",
            "client/test_wrong_loop.py::test_after_its_run_has_ended",
            "client/test_wrong_loop.py::test_in_another_thread",
        ),
        units=("public_api/test_pitfalls.py::test_without_a_loop_nothing_is_made_and_the_error_says_where_to",),
    ),
    Row(
        "descriptors",
        "RLIMIT_NOFILE reached",
        "clear error, recovery, no spin",
        BOTH,
        client=(
            "public_api/test_file_descriptors.py::"
            "test_without_any_descriptor_the_error_names_the_limit_and_the_end_is_noticed",
            "public_api/test_file_descriptors.py::test_more_requests_than_sockets_are_served_by_those_that_are_open",
        ),
        server=(_SERVER + "test_without_descriptors_open_connections_are_served_and_those_that_wait_are_taken_later",),
    ),
    Row(
        "dropped",
        "a session, connector or response dropped unclosed",
        "ResourceWarning that names the line that made it",
        CLIENT,
        client=("public_api/test_clean_exit.py::test_what_was_not_closed_is_named_with_the_line_that_made_it",),
    ),
    Row(
        "server-header",
        "Server header",
        "reveals nothing beyond the product name",
        SERVER,
        server=(_SERVER + "test_the_server_header_tells_the_name_of_the_product_and_nothing_else",),
    ),
)
