"""The root of Trunkline's own errors.

Layers below `client` raise its subclasses, such as `WireError` and `TransportError`; `client/failures` translates them
into the public tree of `client/errors`. Errors hold values, never live objects.
"""


class TrunklineError(Exception):
    """Root of the errors that the layers below the public API raise."""
