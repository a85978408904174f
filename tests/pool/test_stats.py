"""The value that users get: what it says, how it prints, and that tools take it as it is."""

import dataclasses
import json
import pickle

import pytest

from trunkline.pool.stats import OriginStats, PoolStats

STATS = PoolStats(
    opened=4,
    reused=12,
    idle=2,
    active=1,
    opening=1,
    queued=3,
    waited=5,
    wait_p50_s=0.0012,
    wait_p99_s=0.25,
    dns_hits=6,
    dns_misses=2,
    tls_full=1,
    tls_resumed=2,
    retries=1,
    errors={"ClientConnectorError": 2, "TimeoutError": 1},
    origins={
        "http://b:80": OriginStats(1, 0, 0, 1, 0, {}),
        "https://a:443 via http://proxy:3128": OriginStats(3, 12, 1, 1, 1, {"ClientConnectorError": 2}),
    },
    opening_s=0.5,
)
NOTHING = PoolStats(0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0, 0, 0, 0, 0, {}, {}, 0.0)

PRINTED = """\
connections  1 active, 2 idle, 1 being opened; 4 opened in 0.500 s
requests     16, 75.0% on a connection that was open already
queue        3 waiting; 5 have waited: p50 1.2 ms, p99 250.0 ms
DNS cache    6 hits, 2 misses
TLS          1 full handshakes, 2 resumed
failures     1 retries; 2 ClientConnectorError, 1 TimeoutError

                                      opened   reused   active     idle  retries
https://a:443 via http://proxy:3128        3       12        1        1        1  2 ClientConnectorError
http://b:80                                1        0        0        1        0"""


def test_requests_are_those_on_new_connections_and_on_reused_ones() -> None:
    assert STATS.requests == 16
    assert STATS.reuse_ratio == 0.75


def test_a_pool_that_did_nothing_has_reused_nothing() -> None:
    assert NOTHING.reuse_ratio == 0.0
    assert str(NOTHING).endswith("no errors")


def test_it_prints_as_a_table_with_the_busiest_origin_first() -> None:
    assert str(STATS) == PRINTED


def test_it_can_be_kept_compared_and_written_as_json() -> None:
    assert pickle.loads(pickle.dumps(STATS)) == STATS
    assert json.loads(json.dumps(dataclasses.asdict(STATS)))["origins"]["http://b:80"]["idle"] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        STATS.opened = 5  # type: ignore[misc]  # that it cannot be set is what is tested
