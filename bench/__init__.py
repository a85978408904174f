"""Compares trunkline with other HTTP clients, servers and WebSockets on one machine, each part in one interleaved run.

`python -m bench` measures time, `python -m bench.instructions` counts instructions. Every round of every
client or server runs in a process of its own, and no time is printed without aiohttp's from the same run.
"""
