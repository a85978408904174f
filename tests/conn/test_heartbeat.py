"""The heartbeat asks after silence, and gives up after silence in answer."""

import pytest

from tests.fake_loop import FakeLoop
from trunkline.conn.heartbeat import Heartbeat


class Peer:
    """Counts what is asked. answers: it does so at once."""

    def __init__(self, *, answers: bool) -> None:
        self.loop = FakeLoop()
        self.asked_at: list[float] = []
        self.deaths: list[TimeoutError] = []
        self.answers = answers
        self.heartbeat = Heartbeat(self.loop.as_loop(), 10.0, self.ask, self.deaths.append)

    def ask(self) -> None:
        self.asked_at.append(self.loop.clock - 1000)
        if self.answers:
            self.heartbeat.hear()


def test_a_silent_peer_is_asked_once_and_then_given_up() -> None:
    peer = Peer(answers=False)
    peer.loop.advance(14.9)
    assert (peer.asked_at, peer.deaths) == ([10.0], [])
    peer.loop.advance(0.2)
    assert str(peer.deaths[0]) == "No PONG received after 5.0 seconds"
    peer.loop.advance(100)
    assert (len(peer.asked_at), len(peer.deaths)) == (1, 1)


def test_a_peer_that_answers_is_asked_again_after_the_next_silence() -> None:
    peer = Peer(answers=True)
    peer.loop.advance(35)
    assert (peer.asked_at, peer.deaths) == ([10.0, 20.0, 30.0], [])


def test_a_peer_that_is_heard_is_not_asked() -> None:
    peer = Peer(answers=False)
    for _ in range(20):
        peer.loop.advance(3)
        peer.heartbeat.hear()
    assert (peer.asked_at, peer.deaths) == ([], [])


@pytest.mark.parametrize("seconds", [0, 12])
def test_stopped_it_neither_asks_nor_gives_up(seconds: int) -> None:
    peer = Peer(answers=False)
    peer.loop.advance(seconds)
    asked = len(peer.asked_at)
    peer.heartbeat.stop()
    peer.heartbeat.stop()
    peer.loop.advance(100)
    assert (len(peer.asked_at), peer.deaths, peer.loop.armed) == (asked, [], [])
