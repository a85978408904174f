"""Compares trunkline with other HTTP clients on one machine, against one nginx, in one interleaved run.

`python -m bench` measures time, `python -m bench.instructions` counts instructions. Every round of every
client runs in a process of its own, and no time is printed without aiohttp's from the same run.
"""
