"""curl gets into the server that the digest tests judge by: it is strict, and not wrong in the way that we are."""

import asyncio
import shutil

import pytest

from tests.client.digest_server import Demand, DigestServer

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

# Not SHA-512-256: before 8.8, curl takes SHA-256 for it.
ALGORITHMS = ["", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess"]


async def curl(url: str, password: str) -> str:
    arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--digest", "-u", f"user:{password}", "-d", "a=b", url]
    process = await asyncio.create_subprocess_exec("curl", *arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()


@pytest.mark.parametrize("userhash", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_curl_is_let_in_with_the_password_only(algorithm: str, userhash: bool) -> None:
    async with DigestServer(Demand((algorithm,), realm='the "realm"', userhash=userhash)) as server:
        assert await curl(server.url("/a?b=c"), "pass") == "200"
        assert await curl(server.url("/a?b=c"), "wrong") == "401"
    assert server.verdicts == ["none", "", "none", "response"]
