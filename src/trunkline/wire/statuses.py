"""`RESPONSES`: each status of the registry with its usual reason phrase and what it means (aiohttp's table)."""

from http import HTTPStatus
from typing import Final

RESPONSES: Final = {int(status): (status.phrase, status.description) for status in HTTPStatus}
