"""Coroutine tests and fixtures under pytest, with and without pytest-asyncio: suites run as a user runs them."""

import pytest

from tests.suites import ALONE, BESIDE_PYTEST_ASYNCIO, BESIDE_PYTEST_ASYNCIO_AUTO, COMPANIES, Suites

pytest_plugins = ["pytester"]

COROUTINES = """
    import asyncio
    import pytest

    @pytest.fixture
    async def value():
        return await asyncio.sleep(0, 5)

    @pytest.fixture
    async def running():
        here = asyncio.get_running_loop()
        yield here
        assert asyncio.get_running_loop() is here

    class TestInClass:
        @pytest.fixture
        async def same(self):
            self.value = 7
            return self

        async def test_fixture_and_test_share_self(self, same):
            assert same is self and self.value == 7

    async def test_plain():
        await asyncio.sleep(0)

    @pytest.mark.parametrize("number", [1, 2])
    async def test_parameters(number, value):
        assert number < value == 5

    async def test_one_loop_for_all(loop, running):
        assert asyncio.get_running_loop() is loop is running

    def test_synchronous(loop, value):
        assert loop.run_until_complete(asyncio.sleep(0, value)) == 5

    def test_synchronous_without_loop(value, running):
        assert value == 5
        assert running.run_until_complete(asyncio.sleep(0, 3)) == 3

    async def test_skipped():
        pytest.skip("not now")

    @pytest.mark.xfail(strict=True)
    async def test_fails():
        assert False
"""


@pytest.fixture
def suites(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suites:
    return Suites(pytester, monkeypatch)


@pytest.mark.parametrize("company", COMPANIES)
def test_coroutines_run_as_tests_and_as_fixtures(suites: Suites, company: tuple[str, ...]) -> None:
    suites.run(COROUTINES, *company).assert_outcomes(passed=7, skipped=1, xfailed=1)


def test_neither_pytest_asyncio_nor_uvloop_needs_to_be_installed(suites: Suites) -> None:
    conftest = """
        import sys

        sys.modules["pytest_asyncio"] = sys.modules["uvloop"] = None
        pytest_plugins = "trunkline.pytest_plugin"
    """
    result = suites.run(COROUTINES, *ALONE, "--aiohttp-loop=all", conftest=conftest)
    result.assert_outcomes(passed=7, skipped=1, xfailed=1)


def test_marked_and_unmarked_tests_stand_side_by_side_in_strict_mode(suites: Suites) -> None:
    suite = """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def theirs():
            yield asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_marked(theirs, loop):
            assert asyncio.get_running_loop() is theirs is loop

        async def test_unmarked(theirs, loop):
            assert asyncio.get_running_loop() is theirs is loop
    """
    suites.run(suite, *BESIDE_PYTEST_ASYNCIO).assert_outcomes(passed=2)


def test_tests_for_anyio_are_left_to_it(suites: Suites) -> None:
    pytest.importorskip("anyio")
    suite = """
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def value(anyio_backend):
            return 5

        @pytest.mark.anyio
        async def test_theirs(value):
            assert value == 5
    """
    suites.run(suite, *ALONE).assert_outcomes(passed=1)


def test_a_coroutine_that_is_never_awaited_fails_its_test(suites: Suites) -> None:
    suite = """
        async def forgotten():
            pass

        async def test_forgets():
            forgotten()
    """
    result = suites.run(suite, *ALONE, "-W", "default")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*RuntimeError: 1 RuntimeWarning in this test*", "*'forgotten' was never awaited*"])


def test_other_warnings_reach_the_user(suites: Suites) -> None:
    suite = """
        import warnings

        async def test_warns():
            warnings.warn("look at this", UserWarning)
    """
    result = suites.run(suite, *ALONE, "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*test_other_warnings_reach_the_user.py:4: UserWarning: look at this"])


def test_a_fixture_that_yields_twice_is_an_error(suites: Suites) -> None:
    suite = """
        import pytest

        @pytest.fixture
        async def twice():
            yield 1
            yield 2

        async def test_twice(twice):
            assert twice == 1
    """
    result = suites.run(suite, *ALONE)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*yields once*"])


LOOPS = """
    import asyncio

    def report(loop):
        print("loop:", type(loop).__module__.partition(".")[0], loop.get_debug())

    async def test_plain():
        report(asyncio.get_running_loop())

    async def test_with_loop(loop):
        report(loop)
"""


@pytest.mark.parametrize(
    ("options", "loops"),
    [
        ([], ["asyncio False"] * 2),
        (["--aiohttp-enable-loop-debug", "--aiohttp-fast"], ["asyncio True"] * 2),
        (["--aiohttp-loop=uvloop"], ["uvloop False"] * 2),
        (["--aiohttp-loop=all"], ["asyncio False", "asyncio False", "uvloop False"]),
        (["--aiohttp-loop=uvloop,pyloop"], ["uvloop False", "uvloop False", "asyncio False"]),
    ],
)
def test_options_choose_the_loops(suites: Suites, options: list[str], loops: list[str]) -> None:
    pytest.importorskip("uvloop")
    result = suites.run(LOOPS, *ALONE, "-s", *options)
    result.assert_outcomes(passed=len(loops))
    reported = [line.partition("loop: ")[2] for line in result.outlines if "loop: " in line]
    assert reported == loops


def test_tests_of_several_loops_are_named_by_the_loop(suites: Suites) -> None:
    pytest.importorskip("uvloop")
    result = suites.run(LOOPS, *ALONE, "-v", "--aiohttp-loop=all")
    result.stdout.fnmatch_lines(["*::test_plain PASSED*", "*[[]pyloop] PASSED*", "*[[]uvloop] PASSED*"])


def test_debug_mode_reaches_the_loop_of_pytest_asyncio(suites: Suites) -> None:
    result = suites.run(LOOPS, *BESIDE_PYTEST_ASYNCIO_AUTO, "-s", "--aiohttp-enable-loop-debug", "-k", "with_loop")
    result.stdout.fnmatch_lines(["*loop: asyncio True*"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*ALONE, "--aiohttp-loop=nope"], "*--aiohttp-loop names*nope*available are*"),
        ([*BESIDE_PYTEST_ASYNCIO, "--aiohttp-loop=uvloop"], "*pytest-asyncio makes the loops*"),
    ],
)
def test_a_loop_that_cannot_be_had_ends_the_run(suites: Suites, options: list[str], message: str) -> None:
    result = suites.run(LOOPS, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
