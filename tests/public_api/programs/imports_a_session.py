"""Imports a module that makes a session, first without a loop and then inside a coroutine."""

import asyncio
import importlib


async def main() -> None:
    importlib.import_module("session_at_import")
    print("made")


try:
    importlib.import_module("session_at_import")
except RuntimeError as error:
    print(error)
asyncio.run(main())
