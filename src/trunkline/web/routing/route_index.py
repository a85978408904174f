"""`RouteIndex`: the resources that may match a path, in the order in which they are asked.

Resources stand under the constant segments that their path begins with. A path asks those of its longest beginning
first, and those of one beginning in the order of registration. Where many share a beginning (`/{tenant}/users`,
`/{tenant}/posts` and a thousand more), their further constant segments tell them apart, so that no lookup ever
tries a thousand patterns.
"""

from collections.abc import Iterator, Sequence

from trunkline.web.routing.resources import AbstractResource
from trunkline.web.routing.route_paths import matching_form

_FEW = 8  # resources that are sooner tried one by one than the path is taken apart; measured: even at about 10

# Which segments are constant, how many there are, and whether more may follow.
_Shape = tuple[tuple[int, ...], int, bool]
_Numbered = list[tuple[int, AbstractResource]]


class RouteIndex:
    """Resources by the beginning of their path."""

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._max_slashes = 1  # of a beginning in the index; bounds the work for a path of slashes

    def add(self, resource: AbstractResource) -> None:
        """Index `resource` behind all others."""
        key = _beginning(resource)
        self._max_slashes = max(self._max_slashes, key.count("/"))
        self._shelves.setdefault(key, _Shelf()).add(resource)

    def remove(self, resource: AbstractResource) -> None:
        """Forget `resource`, whose path has not changed since it was added."""
        self._shelves[_beginning(resource)].remove(resource)

    def exactly(self, path: str) -> Sequence[AbstractResource]:
        """Return the first of the candidates at little cost: those that stand under the whole of `path`, if few."""
        shelf = self._shelves.get(path)
        return () if shelf is None or len(shelf.resources) > _FEW else shelf.resources

    def candidates(self, path: str) -> Iterator[AbstractResource]:
        """Yield the resources that may match `path`, which is in matching form."""
        shelves = self._shelves
        key = path
        if path.count("/") > self._max_slashes:
            key = "/".join(path.split("/", self._max_slashes + 1)[:-1])
        while True:
            shelf = shelves.get(key)
            if shelf is not None:
                yield from shelf.resources if len(shelf.resources) <= _FEW else shelf.candidates(path)
            if key == "/" or not key:
                return
            key = key[: key.rfind("/")] or "/"


class _Shelf:
    """The resources under one beginning, in order of registration."""

    def __init__(self) -> None:
        self.resources: list[AbstractResource] = []
        self._by_shape: dict[_Shape, dict[tuple[str, ...], _Numbered]] = {}

    def add(self, resource: AbstractResource) -> None:
        self.resources.append(resource)
        self._by_shape.clear()

    def remove(self, resource: AbstractResource) -> None:
        self.resources.remove(resource)
        self._by_shape.clear()

    def candidates(self, path: str) -> Sequence[AbstractResource]:
        """Return those resources whose constant segments are those of `path`."""
        if not self._by_shape:
            self._sort_by_shape()
        segments = path.split("/")
        found: _Numbered = []
        for (positions, count, is_open), table in self._by_shape.items():
            if len(segments) == count or (is_open and len(segments) > count):
                found += table.get(tuple([segments[i] for i in positions]), ())
        found.sort(key=_number)
        return [resource for _, resource in found]

    def _sort_by_shape(self) -> None:
        for number, resource in enumerate(self.resources):
            segments, is_open = resource.outline.segments, resource.outline.is_open
            constants = {i: segment for i, segment in enumerate(segments) if segment is not None}
            shape = tuple(constants), len(segments), is_open
            self._by_shape.setdefault(shape, {}).setdefault(tuple(constants.values()), []).append((number, resource))


def _number(numbered: tuple[int, AbstractResource]) -> int:
    return numbered[0]


def _beginning(resource: AbstractResource) -> str:
    constant, brace, _ = resource.canonical.partition("{")
    if brace:
        constant = constant[: constant.rfind("/")]
    return matching_form(constant) or "/"
