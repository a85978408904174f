"""`Owner`: the pool, as its connections see it."""

from typing import Protocol, TypeVar

C = TypeVar("C", contravariant=True)


class Owner(Protocol[C]):
    """What a connection tells the one who made it; C is the connection's class."""

    def release(self, connection: C) -> None:
        """Take back a connection whose exchange ended; `is_reusable` tells whether it may serve another."""

    def first_response(self, connection: C) -> None:
        """Note that a first whole response came over TLS."""

    def forget(self, connection: C) -> None:
        """Drop a connection whose transport is gone."""
