"""`python -m trunkline.web package.module:function`: serve what a function returns, in development.

The function gets the arguments that are not ours, as a list, and returns an application or a coroutine of one. An
application by itself is served as it is.
"""

import logging
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from importlib import import_module
from typing import Any

from trunkline.web.app import Application
from trunkline.web.run_app import run_app

_HOST = "localhost"  # as `python -m aiohttp.web`: nothing outside of this machine may reach it
_PORT = 8080  # as run_app's


def main(argv: list[str]) -> None:
    """Serve until a signal, then exit."""
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    factory = _factory(parser, options.entry_func)
    logging.basicConfig(level=logging.DEBUG)
    host, port = options.hostname, options.port
    if options.path is None:
        host = host or _HOST
    if host is None:
        port = None  # a Unix socket alone
    run_app(factory(rest), host=host, port=port, path=options.path)
    parser.exit(message="Stopped\n")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(description="trunkline.web Application server", prog="trunkline.web")
    parser.add_argument(
        "entry_func",
        metavar="entry-func",
        help="Callable returning the `trunkline.web.Application` instance to run. "
        "Should be specified in the 'module:function' syntax.",
    )
    parser.add_argument("-H", "--hostname", help=f"TCP/IP hostname to serve on (default: {_HOST})")
    parser.add_argument("-P", "--port", type=int, default=_PORT, help="TCP/IP port to serve on (default: %(default)s)")
    parser.add_argument(
        "-U",
        "--path",
        help="Unix file system path to serve on. Can be combined with hostname to serve on both Unix and TCP.",
    )
    return parser


def _factory(parser: ArgumentParser, entry: str) -> Callable[[list[str]], Any]:  # run_app checks what it returns
    module_name, _, name = entry.partition(":")
    if not module_name or not name:
        parser.error("'entry-func' not in 'module:function' syntax")
    if module_name.startswith("."):
        parser.error("relative module names not supported")
    try:
        module = import_module(module_name)
    except ImportError as error:
        parser.error(f"unable to import {module_name}: {error}")
    factory = getattr(module, name, None)
    if factory is None:
        parser.error(f"module {module_name!r} has no attribute {name!r}")
    if isinstance(factory, Application):
        return lambda rest: factory
    if not callable(factory):
        parser.error(f"{entry} is {factory!r}; it should be a function that returns an application")
    return factory  # type: ignore[no-any-return]  # callable() is all that can be known of it


if __name__ == "__main__":
    main(sys.argv[1:])
