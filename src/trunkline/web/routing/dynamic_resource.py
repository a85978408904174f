"""`DynamicResource`: a resource whose path has variable parts, compiled to one regular expression.

What stands between the parts is compared in matching form (see `route_paths`), so it may be written percent-encoded or
not. How much of a path is constant is told by `outline`, for the index.
"""

import re
from re import Pattern

from yarl import URL

from trunkline.web.routing.resources import Resource, ResourceInfo
from trunkline.web.routing.route_paths import Outline, decoded_value, encoded_form, matching_form

_PLACEHOLDER = re.compile(r"(\{(?:[^{}]|\{[^{}]*\})*\})")
# A regex that matches no "/": word characters, classes and ranges of them, groups and repetition.
_WITHIN_SEGMENT = re.compile(
    r"(?:\\[dw.-]|\[(?:\\[dw]|[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_])+-?\]|[\w+*?|(){},:-])+", re.A
)


class DynamicResource(Resource):
    """A resource whose path has variable parts: `{name}`, which is one segment at most, or `{name:regex}`.

    The regex sees the path percent-decoded, with only %2F and %25 left encoded.
    """

    DYN = re.compile(r"\{(?P<var>[_a-zA-Z][_a-zA-Z0-9]*)\}")
    DYN_WITH_RE = re.compile(r"\{(?P<var>[_a-zA-Z][_a-zA-Z0-9]*):(?P<re>.+)\}")
    GOOD = r"[^{}/]+"

    def __init__(self, path: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._given_path = path
        pattern = formatter = ""
        # The path again, with "{}" for a part within one segment and "{/}" for one that may be several.
        sketch = ""
        for part in _PLACEHOLDER.split(path):
            if variable := self.DYN.fullmatch(part) or self.DYN_WITH_RE.fullmatch(part):
                regex = variable.groupdict().get("re", self.GOOD)
                pattern += f"(?P<{variable['var']}>{regex})"
                formatter += f"{{{variable['var']}}}"
                sketch += "{}" if regex == self.GOOD or _WITHIN_SEGMENT.fullmatch(regex) else "{/}"
            elif "{" in part or "}" in part:
                raise ValueError(f"Invalid path {path!r}: {part!r} is neither plain text, {{name}} nor {{name:regex}}")
            else:
                pattern += re.escape(matching_form(part))
                formatter += encoded_form(part)
                sketch += matching_form(part)
        self._pattern = _compiled(pattern)
        self._formatter = formatter
        self._sketch = sketch

    @property
    def canonical(self) -> str:
        """The path without regexes: `/get/{num}`."""
        return self._formatter

    @property
    def outline(self) -> Outline:
        """The path's constant segments."""
        before, more, _ = self._sketch.partition("{/}")
        segments = before.split("/")
        if more:
            segments.pop()
        return Outline(tuple(None if "{}" in segment else segment for segment in segments), is_open=bool(more))

    def add_prefix(self, prefix: str) -> None:
        """Move the resource below `prefix`, which is percent-encoded."""
        form = matching_form(prefix)
        self._given_path = prefix + self._given_path
        self._formatter = prefix + self._formatter
        self._pattern = _compiled(re.escape(form) + self._pattern.pattern)
        self._sketch = form + self._sketch

    def raw_match(self, path: str) -> bool:
        """Tell whether the resource was registered with `path`, regexes included."""
        return self._given_path == path

    def match(self, path: str) -> dict[str, str] | None:
        """Return the values of the variable parts of `path`; None when it does not match."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values = found.groupdict("")
        if "%" in path:
            return {name: decoded_value(value) for name, value in values.items()}
        return values

    def get_info(self) -> ResourceInfo:
        """Return the path without regexes, and the whole pattern."""
        return {"formatter": self._formatter, "pattern": self._pattern}

    def url_for(self, **parts: str) -> URL:
        """Return a link to the resource with `parts` for the variable parts, percent-encoded here."""
        quoted = {name: URL.build(path=value).raw_path for name, value in parts.items()}
        return URL.build(path=self._formatter.format_map(quoted), encoded=True)


def _compiled(pattern: str) -> Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise ValueError(f"Bad pattern {pattern!r}: {exc}") from None
