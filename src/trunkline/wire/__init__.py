"""Bytes in, values out: the grammars of HTTP for both roles, with no loop, socket or clock."""
