"""Fuzzing: every parser against hostile bytes, independent parsers as oracles. `__main__` tells how to run it."""
