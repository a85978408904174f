"""The page that lists a directory of static files, as plain as it can be.

Names are whatever the file system allows: everything is escaped. Links lead through symbolic links and to files that
may then be refused; what may be served is decided in `static`.
"""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

_PAGE: Final = """\
<html>
<head>
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<ul>
{items}
</ul>
</body>
</html>"""
_ITEM: Final = '<li><a href="{link}">{name}</a></li>'


def render_index(directory: Path, root: Path, prefix: str) -> str:
    """Return the page for `directory`, which is `root` or below it.

    prefix: the URL path of `root`, percent-encoded, without a slash at its end.
    Raises OSError when the directory cannot be read.
    """
    place = directory.relative_to(root)
    base = "".join([prefix, *(f"/{_encoded(part)}" for part in place.parts)])
    with os.scandir(directory) as entries:
        found = sorted((entry.name, entry.is_dir()) for entry in entries)
    items = [_render_item(base, name, is_directory) for name, is_directory in found]
    return _PAGE.format(title=f"Index of /{_shown(str(place))}", items="\n".join(items))


def _render_item(base: str, name: str, is_directory: bool) -> str:
    return _ITEM.format(link=html.escape(f"{base}/{_encoded(name)}"), name=_shown(name) + "/" * is_directory)


def _encoded(name: str) -> str:
    return quote(os.fsencode(name), safe="")


def _shown(name: str) -> str:
    # A name may hold bytes that are no text.
    return html.escape(name.encode("utf-8", "replace").decode())
