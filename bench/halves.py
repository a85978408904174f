"""The parts of the benchmark as data: clients against nginx, servers under wrk, and WebSockets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bench import clients
from bench.engines import ENGINES
from bench.rounds import Contender, Measure
from bench.scenarios import SCENARIOS
from bench.server import nginx_version
from bench.servers import idle, measuring, wrk
from bench.servers.process import COMMANDS
from bench.servers.scenarios import SCENARIOS as SERVER_SCENARIOS
from bench.websocket import echo, measuring as websocket_measuring
from bench.websocket.scenarios import CODEC_SCENARIOS, ECHO_SCENARIOS
from bench.worker import LOOPS


@dataclass(frozen=True, slots=True)
class Half:
    """One half; there are three.

    name: what its contenders are, too.
    heading: of its table of ratios.
    titles: of its scenarios, in the order in which they run.
    engines: in the order in which a round runs them.
    packages: whose versions the page shows, beside the version of the `tool` that is not a package, if there is one.
    rounds, seconds: of a whole run; many short rounds, for on a shared machine speed drifts within seconds.
    measuring: prepares what all its scenarios need.
    """

    name: str
    heading: str
    titles: dict[str, str]
    engines: tuple[str, ...]
    packages: tuple[str, ...]
    tool: tuple[str, Callable[[], str]] | None
    rounds: int
    seconds: float
    measuring: Callable[[], AbstractContextManager[Measure]]

    def turn(self, contender: Contender) -> tuple[int, int]:
        """Return the place of a contender in a round."""
        engine, loop = contender
        return self.engines.index(engine), LOOPS.index(loop)


CLIENTS = Half(
    name="client",
    heading="Clients: ratio to aiohttp, default loop / uvloop",
    titles={letter: f"{letter}: {scenario.title}" for letter, scenario in SCENARIOS.items()} | {"import": "import"},
    engines=tuple(ENGINES),
    packages=("aiohttp", "httpx", "pyreqwest", "wreq", "trunkline", "uvloop"),
    tool=("nginx", nginx_version),
    rounds=5,
    seconds=0.6,
    measuring=clients.measuring,
)
SERVERS = Half(
    name="server",
    heading="Servers: ratio to aiohttp.web, default loop / uvloop",
    titles={word: f"{word}: {scenario.title}" for word, scenario in SERVER_SCENARIOS.items()}
    | {"idle": f"idle: {idle.CONNECTIONS:,} idle keep-alive connections"},
    engines=tuple(COMMANDS),
    packages=("aiohttp", "granian", "httptools", "hypercorn", "starlette", "trunkline", "uvicorn", "uvloop"),
    tool=("wrk", wrk.version),
    rounds=5,
    seconds=1.0,
    measuring=measuring.measuring,
)
WEBSOCKETS = Half(
    name="websocket",
    heading="WebSockets: ratio to aiohttp, default loop / uvloop",
    titles={
        word: f"{word}: {scenario.title}" for word, scenario in (*CODEC_SCENARIOS.items(), *ECHO_SCENARIOS.items())
    },
    engines=tuple(echo.COMMANDS),
    packages=("aiohttp", "picows", "trunkline", "uvloop", "websockets"),
    tool=None,
    rounds=5,
    seconds=0.6,
    measuring=websocket_measuring.measuring,
)
HALVES = {half.name: half for half in (CLIENTS, SERVERS, WEBSOCKETS)}
