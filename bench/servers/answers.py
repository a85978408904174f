"""What the servers under test answer, and the routes that they register; they import nothing else of the benchmark."""

from __future__ import annotations

GREETING = {"message": "Hello, World!"}
BODY = b"b" * 100 * 1024
BODY_TYPE = "application/octet-stream"
ROUTES = 1000
