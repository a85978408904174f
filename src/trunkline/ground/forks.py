"""What a fork leaves in the child: sockets, and a loop that watches them, which go on being the parent's.

Parent and child share each socket and the kernel's table of what the loop waits for. A child that closed a connection
in the usual way would say goodbye in the parent's name (TLS), and take the socket out of the parent's own loop. So
owners of sockets are told in the child, before anything else runs there, to let go of them without a word. A child that
is forked within a running loop must end by `os._exit()`, as those of multiprocessing do: else it would unwind into that
loop and run it, which no library can prevent.
"""

import os
from typing import Final, Protocol
from weakref import WeakValueDictionary


class Forked(Protocol):
    """What owns something that does not survive a fork."""

    def leave_to_parent(self, parent_pid: int) -> None:
        """Let go of it, in the child, and be closed from now on; the process `parent_pid` goes on with it."""


# By id: what users derive from our classes need not be hashable.
_owners: "Final[WeakValueDictionary[int, Forked]]" = WeakValueDictionary()
_inherited: Final[list[Forked]] = []  # kept until this child ends: collected, what they hold would close itself
_pid = os.getpid()


def watch(owner: Forked) -> None:
    """Have `owner` told in each child that is forked while it lives."""
    _owners[id(owner)] = owner


def _tell_owners() -> None:
    global _pid
    parent_pid, _pid = _pid, os.getpid()
    owners = list(_owners.values())
    _owners.clear()
    _inherited.extend(owners)
    for owner in owners:
        owner.leave_to_parent(parent_pid)


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_tell_owners)
