"""What is secret in a URL, for those who write URLs down: credentials, and keys in its query."""

import re
from typing import Final

# The first four are those of OpenTelemetry's conventions (http-spans, url.full), the next three sign requests to AWS,
# as those do; then RFC 6750 §2.3, RFC 6749 §2.3.1 and §4.1.2, and the names that keys of APIs usually have.
_SECRET_KEYS: Final = (
    "AWSAccessKeyId|Signature|sig|X-Goog-Signature|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token"
    "|access_token|refresh_token|id_token|client_secret|code|token|api_?key|password"
)
_SECRET_NAME: Final = re.compile(_SECRET_KEYS, re.IGNORECASE)
_SECRET: Final = re.compile(rf"([?&](?:{_SECRET_KEYS})=)[^&#\s]*", re.IGNORECASE)


def without_secret_keys(text: str, word: str) -> str:
    """Return `text` with what is secret in the query of each URL in it replaced by `word`."""
    return _SECRET.sub(lambda found: found[1] + word, text)


def is_secret_key(name: str) -> bool:
    """Tell whether a query's parameter of that name has a secret value."""
    return _SECRET_NAME.fullmatch(name) is not None
