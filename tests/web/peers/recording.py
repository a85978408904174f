"""A file as big as a video, that a browser can play and whose bytes differ from place to place."""

from __future__ import annotations

import random
import wave
from pathlib import Path

RATE_HZ = 8000
SECONDS = 2500
BYTES = 44 + 2 * RATE_HZ * SECONDS  # 40 MB: RIFF's head, and samples of two bytes
_REPEATS = 20


def write_recording(path: Path) -> None:
    """Write 2,500 seconds of noise in the WAV format."""
    noise = random.Random(0).randbytes(2 * RATE_HZ * SECONDS // _REPEATS)
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(RATE_HZ)
        recording.writeframes(noise * _REPEATS)
