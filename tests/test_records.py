"""Records are to their users what frozen dataclasses are."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import pytest

from nndsl.records import record


@record
class Place:
    """A record with all that records have."""

    name: str
    sizes: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list[str])
    hidden: object = field(default=None, repr=False)

    @property
    def rank(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True, slots=True)
class Alike:
    """The same fields as a dataclass."""

    name: str
    sizes: tuple[int, ...] = ()


@record
class Empty:
    """A record without fields."""


def test_records_are_equal_and_one_key_where_their_fields_are() -> None:
    first, second = Place("a", (1, 2), hidden="x"), Place("a", sizes=(1, 2), hidden="x")
    assert first == second
    assert first != replace(first, name="b")
    assert first != Alike("a", (1, 2))
    assert Empty() == Empty()
    assert len({Empty(), Empty()}) == 1
    key = replace(first, notes=())
    assert {key: 1}[replace(second, notes=())] == 1
    assert key.rank == 2


def test_each_record_has_a_default_of_its_own() -> None:
    first, second = Place("a"), Place("a")
    first.notes.append("only here")
    assert second.notes == []
    assert Place("a", notes=["given"]).notes == ["given"]


def test_a_record_says_what_it_holds_but_for_what_is_hidden() -> None:
    assert repr(Place("a", (1,))) == "Place(name='a', sizes=(1,), notes=[])"
    assert [each.name for each in fields(Place)] == ["name", "sizes", "notes", "hidden"]


def test_records_match_by_position_and_take_no_other_fields() -> None:
    match Place("a", (3,)):
        case Place(name, (size,)):
            assert (name, size) == ("a", 3)
    with pytest.raises(TypeError):
        Place()
    with pytest.raises(AttributeError):
        Place("a").other = 1
