"""64 clients on one session while the program that they ask by https is disturbed, or gets another certificate.

Over HTTP/1.1 some close each connection after one response, so that sessions are resumed, and those that a program lost
with its keys are offered in vain. Over HTTP/2 all are on one connection, so a full backlog is nothing to them.
"""

import asyncio
import ssl

import pytest
import trustme

from tests.hostile.peers.disturbances import (
    check_no_get_failed,
    check_only_the_impatient_gave_up,
    fill,
    kill,
    pause,
    recover,
    reload,
    restart,
    under_load,
)
from tests.hostile.peers.load import CLIENTS
from tests.hostile.peers.peer import AUTHORITY, Peer
from tests.hostile.peers.programs import (
    CADDY_H2,
    CADDY_TLS,
    HAPROXY_H2,
    HAPROXY_TLS,
    NGINX_H2,
    NGINX_TLS,
    WEB_H2,
    WEB_TLS,
    Program,
)
from trunkline import ClientConnectorCertificateError

RELOADS = 10
OVER_H1 = [NGINX_TLS, HAPROXY_TLS, CADDY_TLS, WEB_TLS]
OVER_H2 = [NGINX_H2, HAPROXY_H2, CADDY_H2, WEB_H2]
STRANGER = trustme.CA()


def name(program: Program) -> str:
    return f"{program.name}-{program.version.major}"


with_each_program = pytest.mark.parametrize("program", OVER_H1 + OVER_H2, ids=name)
with_each_backlog = pytest.mark.parametrize("program", OVER_H1, ids=name)
with_each_that_reloads = pytest.mark.parametrize("program", [one for one in OVER_H1 + OVER_H2 if one.reload], ids=name)


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_restarted(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await restart(peer, load)


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_killed(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await kill(peer, load)


@with_each_program
async def test_only_the_impatient_fail_when_it_is_paused(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await pause(peer, load)
    check_only_the_impatient_gave_up(load)


@with_each_backlog
async def test_only_the_impatient_fail_when_its_backlog_is_full(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await fill(peer, load)
    check_only_the_impatient_gave_up(load)


@with_each_that_reloads
async def test_gets_recover_and_posts_come_once_when_reloads_bring_other_certificates(program: Program) -> None:
    async with under_load(program) as (peer, load):
        for _ in range(RELOADS):
            certificate = peer.certify(AUTHORITY)
            await reload(peer, load)
            await wait_presents(peer, certificate)
            await recover(load)
    if program.is_seamless:
        check_no_get_failed(load)


# caddy keeps its ticket keys, so sessions of a time when it was trusted are resumed with it.
@pytest.mark.parametrize("program", [NGINX_TLS, HAPROXY_TLS], ids=lambda one: one.name)
async def test_nothing_is_sent_while_a_reload_makes_it_a_stranger(program: Program) -> None:
    async with under_load(program) as (peer, load):
        load.disturb()
        peer.certify(STRANGER)
        await asyncio.to_thread(peer.reload)
        await load.wait_failures(ClientConnectorCertificateError, CLIENTS)
        peer.certify(AUTHORITY)
        await asyncio.to_thread(peer.reload)
        await load.wait_all_answered()
    assert {type(one.error) for one in load.failed() if one.method == "GET"} == {ClientConnectorCertificateError}


async def wait_presents(peer: Peer, certificate: bytes) -> None:
    """Wait until it presents `certificate` to somebody who has no session."""
    while await asyncio.to_thread(presented_by, peer) != certificate:
        pass


def presented_by(peer: Peer) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", peer.port), timeout=5))
