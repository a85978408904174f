"""`StaticResource`: serves the files below one directory.

A request's path leads to a file only through `_locate`, which refuses what could lead out of the directory: first
by its form, then, unless links may be followed, by where the name really ends. What the file then is, and which
bytes of it are sent, is `FileResponse`'s business.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from yarl import URL

from trunkline import hdrs
from trunkline.web.exceptions import HTTPForbidden, HTTPNotFound
from trunkline.web.file_response import DEFAULT_CHUNK_BYTES, FileResponse
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.routing.expect import invite_body
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.routing.prefixes import PrefixResource
from trunkline.web.routing.resources import ResourceInfo
from trunkline.web.routing.route_paths import decoded_value
from trunkline.web.routing.routes import ExpectHandler, Handler, ResourceRoute
from trunkline.web.routing.static_index import render_index
from trunkline.web.stream_response import StreamResponse
from trunkline.wire.limits import MAX_CACHED_FILE_HASHES

# An absolute name, a segment "..", and what only some systems take for the end of a name or a separator.
_UNSAFE_NAME: Final = re.compile(r"\A/|(?:\A|/)\.\.(?:/|\Z)|[\0\\]")


class StaticResource(PrefixResource):
    """The files below `directory`, for GET and HEAD.

    show_index: list a directory instead of refusing it with 403. follow_symlinks: also out of `directory`.
    append_version: whether links have a hash of the file in their query, so that a changed file has a new URL.
    """

    VERSION_KEY: Final = "v"

    def __init__(
        self,
        prefix: str,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        expect_handler: ExpectHandler | None = None,
        chunk_size: int = DEFAULT_CHUNK_BYTES,
        show_index: bool = False,
        follow_symlinks: bool = False,
        append_version: bool = False,
    ) -> None:
        super().__init__(prefix, name=name)
        self._directory = _existing_directory(directory)
        self._expect_handler = expect_handler or invite_body
        self._chunk_bytes = chunk_size
        self._show_index = show_index
        self._follows_symlinks = follow_symlinks
        self._appends_version = append_version
        self._routes: dict[str, ResourceRoute] = {}
        for method in (hdrs.METH_GET, hdrs.METH_HEAD):
            self._add_route(method, self._handle)

    def _add_route(self, method: str, handler: Handler) -> None:
        self._routes[method] = ResourceRoute(method, handler, self, expect_handler=self._expect_handler)

    def set_options_route(self, handler: Handler) -> None:
        """Let `handler` answer OPTIONS, which is otherwise refused with 405."""
        if hdrs.METH_OPTIONS in self._routes:
            raise RuntimeError(f"OPTIONS route was set already for {self.canonical}; it can be set once")
        self._add_route(hdrs.METH_OPTIONS, handler)

    def url_for(self, *, filename: str | os.PathLike[str], append_version: bool | None = None) -> URL:
        """Return a link to the file `filename`, a path below the directory.

        append_version: None does as the resource was told. A file that cannot be served has no version.
        """
        name = os.fspath(filename).replace(os.sep, "/").lstrip("/")
        url = URL.build(path=f"{self._prefix}{URL.build(path=f'/{name}').raw_path}", encoded=True)
        if self._appends_version if append_version is None else append_version:
            version = self._version(name)
            if version is not None:
                return url.with_query({self.VERSION_KEY: version})
        return url

    def _version(self, name: str) -> str | None:
        path = self._locate(name)
        if path is None or not os.path.isfile(path):
            return None
        status = os.stat(path)
        return _hash_file(path, status.st_mtime_ns, status.st_size)

    def get_info(self) -> ResourceInfo:
        """Return the directory, the prefix and the routes by method."""
        return {"directory": self._directory, "prefix": self._prefix, "routes": self._routes}

    # Any: as in the base class.
    def find(self, request: Any, method: str, path: str) -> UrlMappingMatchInfo | None:
        """Return the match for a request with this method and path, in matching form; None for none."""
        route = self._routes.get(method)
        name = self.rest_of(path)
        if route is None or name is None:
            return None
        return UrlMappingMatchInfo({"filename": decoded_value(name)}, route)

    def allowed_methods(self, path: str) -> set[str]:
        """Return the methods of `path`; none when it is not below the prefix."""
        return set() if self.rest_of(path) is None else set(self._routes)

    async def _handle(self, request: Request) -> StreamResponse:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._respond, request)

    def _respond(self, request: Request) -> StreamResponse:
        name = request.match_info["filename"]
        path = self._locate(name)
        if path is None:
            raise HTTPNotFound
        if not os.path.isdir(path):
            response = FileResponse(path, chunk_size=self._chunk_bytes)
            response.ask_ahead(request)  # so that a small file costs one trip to a thread
            return response
        if not self._show_index:
            raise HTTPForbidden
        try:
            page = render_index(path, self._directory, self._prefix)
        except PermissionError:
            raise HTTPForbidden from None
        return Response(text=page, content_type="text/html")

    def _locate(self, name: str) -> Path | None:
        """Return the path of the file `name`, which need not exist; None when it may be outside the directory."""
        if _UNSAFE_NAME.search(name) is not None:
            return None
        path = self._directory / name
        if self._follows_symlinks:
            return path
        real_path = Path(os.path.realpath(path))
        return real_path if real_path.is_relative_to(self._directory) else None

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[ResourceRoute]:
        return iter(self._routes.values())

    def __repr__(self) -> str:
        name = "" if self.name is None else repr(self.name)
        return f"<{type(self).__name__} {name} {self.canonical} -> {self._directory!r}>"


def _existing_directory(directory: str | os.PathLike[str]) -> Path:
    try:
        path = Path(directory).expanduser().resolve(strict=True)
    except FileNotFoundError as exc:
        raise ValueError(f"'{directory}' does not exist; create the directory before it is served") from exc
    if not path.is_dir():
        raise ValueError(f"'{directory}' is not a directory")
    return path


# Called for every link of a page, so a file is read again only when its time or size says that it changed.
@functools.lru_cache(maxsize=MAX_CACHED_FILE_HASHES)
def _hash_file(path: Path, modified_ns: int, size: int) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")
