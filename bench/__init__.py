"""Compares trunkline with other HTTP clients and servers on one machine, each half in one interleaved run.

`python -m bench` measures time, `python -m bench.instructions` counts instructions. Every round of every
client or server runs in a process of its own, and no time is printed without aiohttp's from the same run.
"""
