"""Link fields (RFC 8288) as mappings, for `ClientResponse.links`."""

import re
from collections.abc import Iterable
from typing import Final

from multidict import MultiDict, MultiDictProxy
from yarl import URL

from trunkline.wire.mime import split_parameters, unquote_string

# One link-value: a target in angle brackets, then parameters in which a quoted string may hold commas.
_LINK: Final = re.compile(r'<([^<>]*+)>((?:[^,"]++|"(?:[^"\\]|\\.)*+"?)*+)')

Link = MultiDictProxy[str | URL]


def parse_links(fields: Iterable[str], base: URL) -> "MultiDictProxy[Link]":
    """Return the links of `fields` by their relation, or by their target where they have none.

    base: what relative targets are resolved against. What fits no grammar is left out.
    """
    links: MultiDict[Link] = MultiDict()
    for field in fields:
        for match in _LINK.finditer(field):
            target, parameters = match[1], _parameters(match[2])
            relation = parameters.get("rel") or target
            try:
                url = base.join(URL(target))
                str(url)  # join() may return what cannot be written: of `//[:-2]:` it drops the brackets
                parameters.add("url", url)
            except (ValueError, IndexError):  # IndexError: yarl's, for some hosts with a bracket in the middle
                continue
            links.add(str(relation), MultiDictProxy(parameters))
    return MultiDictProxy(links)


def _parameters(text: str) -> "MultiDict[str | URL]":
    parameters: MultiDict[str | URL] = MultiDict()
    for piece in split_parameters(text):
        name, _, value = piece.partition("=")
        if name.strip():
            unquoted = unquote_string(value.strip())
            parameters.add(name.strip().lower(), value.strip() if unquoted is None else unquoted)
    return parameters
