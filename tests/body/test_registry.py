from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.body.recording import written
from trunkline.body.bytes_payload import BytesPayload, StringIOPayload, StringPayload
from trunkline.body.file_payload import BufferedReaderPayload, BytesIOPayload, IOBasePayload, TextIOPayload
from trunkline.body.iterable_payload import AsyncIterablePayload
from trunkline.body.payload import Payload
from trunkline.body.registry import (
    PAYLOAD_REGISTRY,
    Order,
    PayloadFactory,
    PayloadLookupError,
    PayloadRegistry,
    get_payload,
    payload_type,
)
from trunkline.body.stream import StreamReader


class Text(str):
    __slots__ = ()


class NeverPaused:
    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def generate() -> AsyncGenerator[bytes, None]:
    yield b"a"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"a", BytesPayload),
        (bytearray(b"a"), BytesPayload),
        (memoryview(b"a"), BytesPayload),
        ("a", StringPayload),
        (Text("a"), StringPayload),
        (io.StringIO("a"), StringIOPayload),
        (io.BytesIO(b"a"), BytesIOPayload),
        (generate(), AsyncIterablePayload),
    ],
)
async def test_values_find_their_payload_by_type(value: object, kind: type[Payload]) -> None:
    payload = get_payload(value)
    assert type(payload) is kind
    assert await written(payload) == b"a"


def test_open_files_find_their_payload_by_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    kinds: list[tuple[str, int, type[Payload]]] = [
        ("rb", -1, BufferedReaderPayload),
        ("r+b", -1, BufferedReaderPayload),
        ("rb", 0, IOBasePayload),
        ("r", -1, TextIOPayload),
    ]
    for mode, buffering, kind in kinds:
        with path.open(mode, buffering=buffering) as file:
            assert type(get_payload(file)) is kind


async def test_a_stream_is_sent_as_it_arrived_and_not_in_lines() -> None:
    stream = StreamReader(NeverPaused(), 2**16)
    stream.feed_data(b"a\nb\nc")
    stream.feed_eof()
    assert await written(get_payload(stream)) == b"a\nb\nc"


def test_a_payload_is_returned_as_it_is() -> None:
    payload = BytesPayload(b"a")
    assert get_payload(payload, content_type="ignored/x") is payload


def test_arguments_go_to_the_payload() -> None:
    assert get_payload("a", encoding="utf-16").encoding == "utf-16"


@pytest.mark.parametrize("value", [None, 1, {}, object()])
def test_an_unknown_type_is_a_lookup_error(value: object) -> None:
    with pytest.raises(PayloadLookupError, match=f"type {type(value).__name__};.*@payload_type"):
        get_payload(value)
    assert issubclass(PayloadLookupError, LookupError)


class Base: ...


class Middle(Base): ...


class Derived(Middle): ...


def named(filename: str) -> PayloadFactory:
    """A factory whose payloads tell by their file name where they come from."""
    return lambda value: BytesPayload(b"", filename=filename)


def test_exact_types_come_before_base_classes_and_the_latest_counts() -> None:
    registry = PayloadRegistry()
    registry.register(named("base"), Base)
    registry.register(named("middle"), (Middle,))
    assert [registry.get(value()).filename for value in (Base, Middle, Derived)] == ["base", "middle", "base"]
    registry.register(named("later"), [Middle])
    assert registry.get(Middle()).filename == "later"


def test_order_decides_before_the_type() -> None:
    registry = PayloadRegistry()
    registry.register(named("last"), object, order=Order.try_last)
    registry.register(named("normal"), Middle)
    assert registry.get(Base()).filename == "last"
    assert registry.get(Middle()).filename == "normal"
    registry.register(named("first"), Base, order=Order.try_first)
    assert registry.get(Middle()).filename == "first"
    with pytest.raises(ValueError, match="member of Order"):
        registry.register(named("x"), Base, order="normal")  # type: ignore[arg-type]  # refused, as it should


def test_the_decorator_registers_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = PayloadRegistry()
    monkeypatch.setattr("trunkline.body.registry.PAYLOAD_REGISTRY", registry)

    @payload_type(Base, order=Order.try_first)
    class OwnPayload(BytesPayload):
        def __init__(self, value: Base, **kwargs: Any) -> None:  # Any: for Payload
            super().__init__(b"own", **kwargs)

    assert isinstance(registry.get(Derived()), OwnPayload)
    assert registry is not PAYLOAD_REGISTRY
