"""The WebSocket half of the benchmark: the codecs alone, and whole servers under a load of messages."""
