"""Lets pytest tell what failed in an assertion of `disturbances`, which is no test module."""

import pytest

pytest.register_assert_rewrite("tests.hostile.peers.disturbances")
