"""Owners are told of a fork in the child, once, with the process that they stay with."""

import subprocess
import sys

FORKS = """
import os
from trunkline.ground import forks

class Owner:
    __hash__ = None  # as of classes with an __eq__ of their own

    def leave_to_parent(self, parent_pid):
        print("left to", names[parent_pid], flush=True)

def fork(name, then=lambda: None):
    pid = os.fork()
    if pid == 0:
        names[os.getpid()] = name
        then()
        os._exit(0)
    os.waitpid(pid, 0)

names = {os.getpid(): "first"}
owner, other = Owner(), Owner()
forks.watch(owner)
forks.watch(other)
del other
fork("second", lambda: fork("third"))
print("again", flush=True)
fork("fourth", lambda: (forks.watch(new := Owner()), fork("fifth")))
"""


def test_each_owner_that_lives_is_told_once_and_a_child_may_have_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=20)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["left to first", "again", "left to first", "left to fourth"]
