"""Abstract bases: what a user must write, and what comes with them."""

import logging
from abc import ABCMeta

import pytest

from trunkline.abc import (
    AbstractAccessLogger,
    AbstractCookieJar,
    AbstractMatchInfo,
    AbstractResolver,
    AbstractRouter,
    AbstractStreamWriter,
    AbstractView,
)


@pytest.mark.parametrize(
    ("base", "abstract"),
    [
        (AbstractRouter, {"resolve"}),
        (
            AbstractMatchInfo,
            {"add_app", "apps", "expect_handler", "freeze", "get_info", "handler", "http_exception"},
        ),
        (AbstractView, {"__await__"}),
        (AbstractAccessLogger, {"log"}),
        (AbstractResolver, {"close", "resolve"}),
        (
            AbstractCookieJar,
            {
                "__iter__", "__len__", "clear", "clear_domain", "filter_cookies", "update_cookies",
                "update_cookies_from_headers",
            },
        ),
        (
            AbstractStreamWriter,
            {"drain", "enable_chunking", "enable_compression", "write", "write_eof", "write_headers"},
        ),
    ],
)  # fmt: skip
def test_what_must_be_written(base: ABCMeta, abstract: set[str]) -> None:
    assert set(base.__abstractmethods__) == abstract


def test_a_router_is_open_until_it_is_frozen() -> None:
    class Router(AbstractRouter):
        async def resolve(self, request: object) -> AbstractMatchInfo:
            raise NotImplementedError

    router = Router()
    router.post_init(None)
    assert not router.frozen
    router.freeze()
    assert router.frozen


def test_an_access_logger_is_enabled_by_default() -> None:
    class Logger(AbstractAccessLogger):
        def log(self, request: object, response: object, time: float) -> None:
            """Log nothing."""

    logger = Logger(logging.getLogger("a"), "%a")
    assert logger.enabled
    assert (logger.logger.name, logger.log_format) == ("a", "%a")
