"""`Owner`: the pool, as its connections see it."""

from typing import Protocol, TypeVar

C = TypeVar("C", contravariant=True)


class Owner(Protocol[C]):
    """What a connection tells the one who made it; C is the connection's class."""

    def release(self, connection: C) -> None:
        """Take back a connection whose exchange ended; `is_reusable` tells whether it may serve another."""

    def first_response(self, connection: C) -> None:
        """Note that a response came over TLS, whole or as far as it was wanted; later ones may be told, too."""

    def note_failure(self, connection: C, error: Exception) -> None:
        """Count that the body of a response on `connection` ended with `error`."""

    def forget(self, connection: C) -> None:
        """Drop a connection whose transport is gone."""
