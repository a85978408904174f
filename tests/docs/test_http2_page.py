"""The program of `docs/http2.md`, run as it stands there, against a server of ours, which speaks what the page says."""

import asyncio
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from trunkline import web

PAGE = Path(__file__).parents[2] / "docs" / "http2.md"
TIMEOUT_S = 30


async def greet(request: web.Request) -> web.Response:
    return web.Response(text="hello")


@pytest.mark.parametrize(("scheme", "printed"), [("http", b"HTTP/1.1 200\n"), ("https", b"HTTP/2.0 200\n")])
async def test_the_program_tells_which_version_was_spoken(scheme: str, printed: bytes, tmp_path: Path) -> None:
    found = re.search(r"^```python\n# version\.py\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    (tmp_path / "version.py").write_text(found[1], "utf-8")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    app = web.Application()
    app.router.add_get("/", greet)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context if scheme == "https" else None).start()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", str(tmp_path / "version.py"), f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/"),
            stdout=subprocess.PIPE,
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
        )
        async with asyncio.timeout(TIMEOUT_S):
            said, _ = await process.communicate()
    finally:
        await runner.cleanup()
    assert (process.returncode, said) == (0, printed)
