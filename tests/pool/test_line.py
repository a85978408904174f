from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, strategies as st

from trunkline.pool.line import Line

_arrivals = count()


@dataclass(frozen=True)
class Guest:
    rank: int = 0
    arrival: int = field(default_factory=lambda: next(_arrivals))


def test_equals_are_served_in_the_order_of_arrival() -> None:
    guests = [Guest() for _ in range(3)]
    line: Line[Guest] = Line()
    for guest in guests:
        line.add(guest)
    assert list(line) == guests
    assert line.first() is guests[0]


def test_a_higher_rank_is_served_before_those_who_came_earlier() -> None:
    late, usual, urgent = Guest(-1), Guest(0), Guest(7)
    line: Line[Guest] = Line()
    for guest in (late, usual, urgent):
        line.add(guest)
    assert list(line) == [urgent, usual, late]


def test_one_that_gave_up_is_taken_from_the_middle() -> None:
    guests = [Guest(), Guest(), Guest()]
    line: Line[Guest] = Line()
    for guest in guests:
        line.add(guest)
    line.remove(guests[1])
    assert guests[1] not in line
    assert list(line) == [guests[0], guests[2]]


# A step adds a guest of a rank, or takes out the nth of those who wait.
_steps = st.lists(st.one_of(st.integers(-3, 3), st.tuples(st.integers(0, 20))), max_size=40)


@given(_steps)
def test_the_line_is_always_what_sorting_would_make_of_it(steps: list[int | tuple[int]]) -> None:
    line: Line[Guest] = Line()
    there: list[Guest] = []
    for step in steps:
        if isinstance(step, int):
            guest = Guest(step)
            there.append(guest)
            line.add(guest)
        elif there:
            line.remove(there.pop(step[0] % len(there)))
        assert list(line) == sorted(there, key=lambda guest: (-guest.rank, guest.arrival))
        assert len(line) == len(there)
        assert bool(line) is bool(there)
