"""64 clients on one session while the program that they ask by HTTP/2, all on one connection, is disturbed."""

import pytest

from tests.hostile.peers.disturbances import (
    check_no_get_failed,
    check_only_the_impatient_gave_up,
    kill,
    pause,
    reload,
    restart,
    under_load,
)
from tests.hostile.peers.programs import CADDY_H2, HAPROXY_H2, NGINX_H2, WEB_H2, Program

RELOADS = 10
FOREIGN = [NGINX_H2, HAPROXY_H2, CADDY_H2]

with_each_program = pytest.mark.parametrize("program", [*FOREIGN, WEB_H2], ids=lambda one: one.name)


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_restarted(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await restart(peer, load)


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_killed(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await kill(peer, load)


@pytest.mark.parametrize("program", FOREIGN, ids=lambda one: one.name)
async def test_gets_recover_and_posts_come_once_when_it_is_reloaded(program: Program) -> None:
    async with under_load(program) as (peer, load):
        for _ in range(RELOADS):
            await reload(peer, load)
    if program.is_seamless:
        check_no_get_failed(load)


@with_each_program
async def test_only_the_impatient_fail_when_it_is_paused(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await pause(peer, load)
    check_only_the_impatient_gave_up(load)
