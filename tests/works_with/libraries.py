"""The table of the libraries built on aiohttp that are run on Trunkline, each at one version.

What is run of a library is the test suite in its source distribution, or a program of ours in `programs/`, or both.
A test is left out for both sides alike, and for a reason that has nothing to do with either: it needs a network, a
service or a browser that is not there, or it is about another HTTP library. Some need what Trunkline refuses by design.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTE_S = 60.0

# Two versions of aiohttp do not take the same multidict, so it is not among the constraints.
AIOHTTP = ("aiohttp==3.14.5", "multidict==7.2.1")
AIOHTTP_3_13 = ("aiohttp==3.13.5", "multidict==6.9.1")


@dataclass(frozen=True, slots=True)
class Service:
    """A server that a run needs: `python -m module --port PORT`, in the environment of the library."""

    module: str
    port: int


@dataclass(frozen=True, slots=True)
class Library:
    """A library, what must be installed beside it, and what is run of it.

    aiohttp: what it is compared on: the version whose API Trunkline has, or else the newest that it works with.
    packages: what else its run needs, by the names on the index; the versions of all are in `constraints.txt`.
    suite: what pytest is told to run in the unpacked source distribution; empty when there is no suite that can run.
    options: for pytest, in place of the suite's own `addopts`.
    left_out: tests (or files) of the suite that neither side runs, and why.
    service: runs beside each run.
    has_program: there is a `programs/use_<name>.py`.
    """

    name: str
    version: str
    aiohttp: tuple[str, ...] = AIOHTTP
    extras: str = ""
    packages: tuple[str, ...] = ()
    suite: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    service: Service | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    has_program: bool = False
    timeout_s: float = 5 * MINUTE_S

    @property
    def requirement(self) -> str:
        return f"{self.name}{self.extras and f'[{self.extras}]'}=={self.version}"


INTERNET = "asks a server on the internet"
NO_DATA = "reads files that are not in the source distribution"
OTHER_CLIENT = "about another HTTP client"
REFUSED = "sends a field whose name has a space, which Trunkline refuses on purpose (RFC 9110 §5.1)"
NO_SERVICE = "needs a service that is not there"

# Options in place of a pytest configuration that is not in the source distribution, or older than its plugins.
AUTO = ("-o", "asyncio_mode=auto")
LOOP_SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")

_GQL = (
    "tests/test_aiohttp.py",
    "tests/test_aiohttp_batch.py",
    "tests/test_aiohttp_multipart.py",
    "tests/test_aiohttp_websocket_exceptions.py",
    "tests/test_aiohttp_websocket_graphqlws_exceptions.py",
    "tests/test_aiohttp_websocket_graphqlws_subscription.py",
    "tests/test_aiohttp_websocket_query.py",
    "tests/test_aiohttp_websocket_subscription.py",
    "tests/test_appsync_http.py",
    "tests/test_appsync_auth.py",
    "tests/test_cli.py",
    "tests/test_client.py",
    "tests/test_graphql_request.py",
    "tests/test_http_async_sync.py",
    "tests/custom_scalars",
    "tests/starwars",
)

LIBRARIES = (
    Library(
        "aioresponses",
        "0.7.9",
        aiohttp=AIOHTTP_3_13,  # it makes a ClientResponse without the argument that 3.14 began to require
        packages=("ddt",),
        suite=("tests",),
        options=("-k", "not pass_through"),  # these ask the internet
    ),
    Library(
        "aresponses",
        "3.0.0",
        packages=("pytest-aiohttp",),
        suite=("tests",),
        options=(*AUTO, "-k", "not test_foo and not passthrough"),  # these ask the internet
    ),
    Library("pytest-aiohttp", "1.1.1", suite=("tests",)),
    Library("aiohttp-retry", "2.9.1", has_program=True),
    Library(
        "gql",
        "4.4.0",
        extras="all",
        packages=("aiofiles", "parse", "pytest-console-scripts", "vcrpy", "botocore"),
        suite=_GQL,
    ),
    Library(
        "python-engineio",
        "4.15.1",
        packages=("requests", "websocket-client", "tornado"),
        suite=("tests/async",),
    ),
    Library(
        "python-socketio",
        "5.18.1",
        extras="asyncio_client",
        packages=("requests", "websocket-client", "simple-websocket", "uvicorn", "msgpack", "redis", "valkey"),
        suite=("tests/async",),
        has_program=True,
    ),
    Library("aiohttp-cors", "0.8.1", packages=("pytest-aiohttp", "selenium"), suite=("tests",), options=AUTO),
    Library(
        "aiohttp-session",
        "2.12.1",
        packages=("pytest-aiohttp", "cryptography", "pynacl", "aiomcache", "redis", "docker", "pytest-mock"),
        suite=("tests",),
        left_out={"tests/test_memcached_storage.py": NO_SERVICE, "tests/test_redis_storage.py": NO_SERVICE},
        options=AUTO,
    ),
    Library("aiohttp-jinja2", "1.6", packages=("pytest-aiohttp",), suite=("tests",), options=LOOP_SCOPE),
    Library(
        "aiohttp-security",
        "0.5.0",
        packages=("pytest-aiohttp", "aiohttp-session", "cryptography", "pyjwt", "pytest-mock"),
        suite=("tests",),
        options=LOOP_SCOPE,
    ),
    Library("aiohttp-sse", "3.0", packages=("pytest-aiohttp",), suite=("tests",), options=AUTO),
    Library("aiohttp-sse-client", "0.2.1", packages=("attrs",), has_program=True),  # its tests ask the internet
    Library(
        "aiohttp-client-cache",
        "0.15.0",
        packages=("pytest-aiohttp", "aiofiles", "aiosqlite", "faker", "brotli", "httpbin"),
        suite=("test/unit", "test/integration/test_sqlite.py", "test/integration/test_memory.py"),
        service=Service("httpbin.core", 18080),
        environment={"HTTPBIN_URL": "http://localhost:18080/"},
        left_out={
            "test/unit/test_cache_control.py::test_parse_http_date": "names its cases by the time of the run",
            "test/integration/test_sqlite.py::TestSQLiteBackend::test_all_methods__ignore_parameters[headers": REFUSED,
            "test/integration/test_memory.py::TestMemoryBackend::test_all_methods__ignore_parameters[headers": REFUSED,
        },
    ),
    Library(
        "aiohttp-socks",
        "0.12.0",
        packages=("tiny-proxy", "trustme", "anyio"),
        has_program=True,  # a part of its tests is missing
    ),
    Library("aiojobs", "1.4.0", packages=("pytest-aiohttp",), suite=("tests",), options=AUTO),
    Library(
        "aiogram",
        "3.31.0",
        extras="proxy,signature",
        packages=(
            "pytest-aiohttp",
            "pytest-mock",
            "aresponses",
            "pytz",
            "pycryptodomex",
            "babel",
            "packaging",
            "pymongo",
            "motor",
            "redis",
        ),
        suite=(
            "tests/test_api/test_client",
            "tests/test_webhook",
            "tests/test_dispatcher",
            "tests/test_utils",
            "tests/test_fsm",
        ),
        left_out={"tests/test_utils/test_i18n.py": NO_DATA},
        options=LOOP_SCOPE,
    ),
    Library("discord.py", "2.7.1", has_program=True),
    Library("slack_sdk", "3.47.0", has_program=True),
    Library("aiodocker", "0.27.0", has_program=True),
    Library(
        "elastic-transport",
        "9.4.2",
        packages=(
            "pytest-httpserver",
            "trustme",
            "requests",
            "httpx",
            "opentelemetry-api",
            "opentelemetry-sdk",
            "orjson",
            "respx",
            "pytest-mock",
            "pytest-httpbin",
        ),
        suite=("tests",),
        left_out={
            "tests/node/test_tls_versions.py": INTERNET,
            "tests/node/test_urllib3_chain_certs.py": OTHER_CLIENT,
            "tests/node/test_http_requests.py": OTHER_CLIENT,
            "tests/node/test_http_urllib3.py": OTHER_CLIENT,
            "tests/node/test_http_httpx.py": OTHER_CLIENT,
        },
    ),
    Library(
        "opentelemetry-instrumentation-aiohttp-client",
        "0.66b1",
        packages=("opentelemetry-test-utils", "http-server-mock"),
        suite=("tests",),
    ),
    Library(
        "opentelemetry-instrumentation-aiohttp-server",
        "0.66b1",
        packages=("opentelemetry-test-utils", "pytest-aiohttp"),
        suite=("tests",),
    ),
    Library(
        "sentry-sdk",
        "2.75.0",
        packages=(
            "pytest-aiohttp",
            "jsonschema",
            "responses",
            "pytest-forked",
            "brotli",
            "werkzeug",
            "pytest-localserver",
            "pyyaml",
            "pysocks",
            "executing",
            "asttokens",
        ),
        suite=("tests/integrations/aiohttp",),
    ),
    Library(
        "vcrpy", "9.4.2", packages=("pytest-aiohttp", "pytest-httpbin"), suite=("tests/integration/test_aiohttp.py",)
    ),
    Library("httpx-aiohttp", "0.2.0", has_program=True),  # its tests ask the internet
    Library("fsspec", "2026.9.0", extras="http", has_program=True),
    Library("gidgethub", "6.0.0", extras="aiohttp", has_program=True),  # its tests ask the internet
    Library(
        "azure-core",
        "1.41.0",
        extras="aio",
        packages=(
            "flask",
            "trio",
            "requests",
            "opentelemetry-sdk",
            "httpx",
            "packaging",
            "typing-extensions",
            "pytest-trio",
        ),
        suite=("tests/async_tests",),
        environment={"PYTHONPATH": "tests/testserver_tests/coretestserver"},
        left_out={"tests/async_tests/test_tracing_live_async.py": NO_SERVICE},
    ),
    Library(
        "aiobotocore",
        "3.10.0",
        packages=(
            "pytest-mock",
            "moto[server]",
            "dill",
            "docker",
            "packaging",
            "time-machine",
            "tiny-proxy",
            "trio",
            "trustme",
            "pip-tools",
        ),
        suite=("tests",),
        left_out={"tests/test_lambda.py::test_run_lambda": NO_SERVICE},
        service=Service("moto.server", 18081),
        environment={"MOTO_URL": "http://127.0.0.1:18081"},
        has_program=True,
        timeout_s=12 * MINUTE_S,
    ),
    Library("aiohttp-asgi-connector", "1.2.0", packages=("starlette",), has_program=True),
    Library("elasticsearch", "9.5.1", extras="async", packages=("trustme",), has_program=True),
)
