"""64 clients on one session that ask by https through tunnels, while the proxy or the server behind it is disturbed."""

import pytest

from tests.hostile.peers.disturbances import (
    check_no_get_failed,
    check_only_the_impatient_gave_up,
    fill,
    kill,
    pause,
    reload,
    restart,
    under_load,
)
from tests.hostile.peers.load import Load
from tests.hostile.peers.programs import NGINX_TLS, SQUID, TINYPROXY, Program

# The one that is disturbed, and the one beside it.
WAYS = [
    pytest.param(SQUID, NGINX_TLS, id="squid"),
    pytest.param(TINYPROXY, NGINX_TLS, id="tinyproxy"),
    pytest.param(NGINX_TLS, SQUID, id="nginx behind squid"),
]
on_each_way = pytest.mark.parametrize(("program", "beside"), WAYS)


@on_each_way
async def test_gets_recover_and_posts_come_once_when_it_is_restarted(program: Program, beside: Program) -> None:
    async with under_load(program, beside) as (peer, load):
        await restart(peer, load)


@on_each_way
async def test_gets_recover_and_posts_come_once_when_it_is_killed(program: Program, beside: Program) -> None:
    async with under_load(program, beside) as (peer, load):
        await kill(peer, load)


@on_each_way
async def test_gets_recover_and_posts_come_once_when_it_is_reloaded(program: Program, beside: Program) -> None:
    async with under_load(program, beside) as (peer, load):
        await reload(peer, load)
    if program.is_seamless:
        check_no_get_failed(load)


@on_each_way
async def test_only_the_impatient_fail_when_it_is_paused(program: Program, beside: Program) -> None:
    async with under_load(program, beside) as (peer, load):
        await pause(peer, load)
    check_only_those_gave_up_that_had_to(program, load)


@on_each_way
async def test_only_the_impatient_fail_when_its_backlog_is_full(program: Program, beside: Program) -> None:
    async with under_load(program, beside) as (peer, load):
        await fill(peer, load)
    check_only_those_gave_up_that_had_to(program, load)


def check_only_those_gave_up_that_had_to(program: Program, load: Load) -> None:
    """Check that the patient did not fail, except with tinyproxy.

    A stop interrupts what it reads, because its sockets have timeouts (signal(7)), and then it closes the connection.
    """
    if program is not TINYPROXY:
        check_only_the_impatient_gave_up(load)
