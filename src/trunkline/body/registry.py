"""Which payload class a value goes to: the registry behind `data=...`.

Most values are of exactly a registered type, and one dictionary lookup finds their class. Others are tried
with isinstance: first the entries marked `try_first`, then the normal ones, then those marked `try_last`,
each in order of registration.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, Callable, Iterable
from enum import Enum
from typing import Any, TypeVar

from trunkline.body.bytes_payload import BytesPayload, StringIOPayload, StringPayload
from trunkline.body.file_payload import BufferedReaderPayload, BytesIOPayload, IOBasePayload, TextIOPayload
from trunkline.body.iterable_payload import AsyncIterablePayload
from trunkline.body.payload import Payload
from trunkline.body.stream import StreamReader
from trunkline.ground.errors import TrunklineError

PayloadFactory = Callable[..., Payload]
_Entry = tuple[PayloadFactory, tuple[type, ...]]
_Types = type | tuple[type, ...]
_PayloadClass = TypeVar("_PayloadClass", bound=type[Payload])


class PayloadLookupError(TrunklineError, LookupError):
    """No payload class is registered for a value's type."""


class Order(Enum):
    """When an entry of the registry is tried."""

    normal = "normal"
    try_first = "try_first"
    try_last = "try_last"


class PayloadRegistry:
    """Maps types to payload classes; of two normal entries for the same type the later one counts."""

    __slots__ = ("_by_exact_type", "_entries")

    def __init__(self) -> None:
        self._entries: dict[Order, list[_Entry]] = {order: [] for order in Order}
        self._by_exact_type: dict[type, PayloadFactory] = {}

    def register(self, factory: PayloadFactory, type: _Types | Iterable[type], *, order: Order = Order.normal) -> None:
        """Use `factory` for instances of `type`, one type or several."""
        if not isinstance(order, Order):
            raise ValueError(f"order {order!r}; wanted a member of Order, like Order.try_first")
        types = tuple(type) if isinstance(type, Iterable) else (type,)
        self._entries[order].append((factory, types))
        if order is Order.normal:
            self._by_exact_type.update(dict.fromkeys(types, factory))

    # Any: any value; the rest goes to the payload class.
    def get(self, data: Any, *args: Any, **kwargs: Any) -> Payload:
        """Return `data` as a payload; a Payload comes back as it is. Raises PayloadLookupError."""
        if isinstance(data, Payload):
            return data
        return self._factory(data)(data, *args, **kwargs)

    def _factory(self, data: object) -> PayloadFactory:
        for factory, types in self._entries[Order.try_first]:
            if isinstance(data, types):
                return factory
        exact = self._by_exact_type.get(type(data))
        if exact is not None:
            return exact
        for order in (Order.normal, Order.try_last):
            for factory, types in self._entries[order]:
                if isinstance(data, types):
                    return factory
        raise PayloadLookupError(
            f"no payload for a body of type {type(data).__name__}; pass bytes, str, a file, an async"
            " iterable, a FormData or a Payload, or register a class with @payload_type"
        )


PAYLOAD_REGISTRY = PayloadRegistry()


def get_payload(data: Any, *args: Any, **kwargs: Any) -> Payload:  # Any: as in PayloadRegistry.get
    """Return `data` as a payload, by the registry of the process."""
    return PAYLOAD_REGISTRY.get(data, *args, **kwargs)


class payload_type:
    """Register the decorated payload class for `type`."""

    def __init__(self, type: _Types, *, order: Order = Order.normal) -> None:
        self.type = type
        self.order = order

    def __call__(self, factory: _PayloadClass) -> _PayloadClass:
        PAYLOAD_REGISTRY.register(factory, self.type, order=self.order)
        return factory


# Any: as in PayloadRegistry.get.
def _stream_payload(stream: StreamReader, *args: Any, **kwargs: Any) -> AsyncIterablePayload:
    # Iterating over the stream itself would cut it into lines.
    return AsyncIterablePayload(stream.iter_any(), *args, **kwargs)


PAYLOAD_REGISTRY.register(BytesPayload, (bytes, bytearray, memoryview))
PAYLOAD_REGISTRY.register(StringPayload, str)
PAYLOAD_REGISTRY.register(StringIOPayload, io.StringIO)
PAYLOAD_REGISTRY.register(TextIOPayload, io.TextIOBase)
PAYLOAD_REGISTRY.register(BytesIOPayload, io.BytesIO)
PAYLOAD_REGISTRY.register(BufferedReaderPayload, (io.BufferedReader, io.BufferedRandom))
PAYLOAD_REGISTRY.register(IOBasePayload, io.IOBase)
PAYLOAD_REGISTRY.register(_stream_payload, StreamReader)
# Last: whatever has a class of its own may be iterable too.
PAYLOAD_REGISTRY.register(AsyncIterablePayload, AsyncIterable, order=Order.try_last)
