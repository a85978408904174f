"""The exception that a signal raises to end a server in good order.

A SystemExit, so that it passes through every `except Exception` on its way out of the loop; a program that
does not catch it ends with status 1.
"""


class GracefulExit(SystemExit):
    """Raised in the loop by SIGINT and SIGTERM where `handle_signals` is set."""

    code = 1
