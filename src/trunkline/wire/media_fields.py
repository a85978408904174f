"""What Content-Type and Content-Length say, for requests and responses alike (RFC 9110 §8.3, §8.6)."""

from abc import abstractmethod
from collections.abc import Mapping

from trunkline import hdrs
from trunkline.wire.mime import media_type


class HeadersMixin:
    """Derived values of `headers`."""

    @property
    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """The fields."""

    @property
    def content_type(self) -> str:
        """The media type, `application/octet-stream` when there is none or it is malformed."""
        return media_type(self.headers.get(hdrs.CONTENT_TYPE))[0]

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type."""
        return media_type(self.headers.get(hdrs.CONTENT_TYPE))[1].get("charset")

    @property
    def content_length(self) -> int | None:
        """The value of Content-Length; None without one."""
        length = self.headers.get(hdrs.CONTENT_LENGTH)
        return None if length is None else int(length.partition(",")[0])  # equal values may be listed (RFC 9110 §8.6)
