"""64 clients on one session while the program that they ask by http is restarted, reloaded, paused, killed, or full."""

import asyncio

import pytest

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
from tests.hostile.peers.programs import CADDY, HAPROXY, NGINX, SQUID, Program

KILLED_WORKERS = RELOADS = 10

with_each_program = pytest.mark.parametrize("program", [NGINX, HAPROXY, CADDY, SQUID], ids=lambda one: one.name)


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_restarted(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await restart(peer, load)


@with_each_program
async def test_gets_recover_and_posts_come_once_when_it_is_killed(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await kill(peer, load)


async def test_gets_go_again_and_posts_do_not_when_its_worker_is_killed_and_replaced() -> None:
    async with under_load(NGINX) as (peer, load):  # what is sent again finds somebody who takes it at once
        for _ in range(KILLED_WORKERS):
            load.disturb()
            await asyncio.to_thread(peer.kill_worker)
            await recover(load)
        assert load.session.stats().retries > 0
    assert any(one.method == "POST" for one in load.failed())


@with_each_program
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


@with_each_program
async def test_only_the_impatient_fail_when_its_backlog_is_full(program: Program) -> None:
    async with under_load(program) as (peer, load):
        await fill(peer, load)
    check_only_the_impatient_gave_up(load)
