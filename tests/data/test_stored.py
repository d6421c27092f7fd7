"""Columns that stay in their files, and parts of the data that are computed from them batch by batch."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl.runtime.standalone import batches, stored
from nndsl.runtime.standalone.batches import SETS_AHEAD, ReadAhead, StreamedPart, filled_batches, len_of, take_rows
from nndsl.runtime.standalone.columns import DataError
from nndsl.runtime.standalone.data import load_data, new_part, prepare_new
from nndsl.runtime.standalone.program import Column, Data, Field, Split, Step
from nndsl.runtime.standalone.stored import StoredColumn, StoredError


def stored_column(folder, values: np.ndarray, start: int = 0) -> StoredColumn:
    path = folder / f"column-{len(list(folder.iterdir()))}"
    path.write_bytes(b"x" * start + values.tobytes())
    return StoredColumn(path, start, values.dtype.str, values.shape)


KINDS = ("<f4", ">f8", "|u1", "?", "<i8", "<U3", "|S2")


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    folder = tmp_path_factory.mktemp("columns")
    generator = np.random.default_rng(0)
    found = []
    for number, kind in enumerate(KINDS):
        shape = (50, 2, 3) if number % 2 else (50,)
        values = generator.integers(0, 90, shape).astype(kind)
        found.append((values, stored_column(folder, values, start=number * 7)))
    return found


@settings(deadline=None)
@given(st.integers(0, len(KINDS) - 1), st.lists(st.integers(0, 49), max_size=60), st.sampled_from([0, 1, 40, 1 << 14]))
def test_a_stored_column_gives_rows_as_an_array_does(columns, number, rows, near):
    values, column = columns[number]
    positions = np.array(rows, np.int64)
    before = stored.NEAR_BYTES, stored.SPAN_BYTES
    stored.NEAR_BYTES, stored.SPAN_BYTES = near, max(1, near // 4)
    try:
        found = column[positions]
    finally:
        stored.NEAR_BYTES, stored.SPAN_BYTES = before
    assert found.dtype == values.dtype.newbyteorder("=")
    assert np.array_equal(found, values[positions])


@pytest.mark.parametrize("rows", [slice(None), slice(3, 9), slice(48, 70), slice(9, 9), slice(0, 50, 7)])
def test_a_stored_column_is_cut_as_an_array_is(columns, rows):
    for values, column in columns:
        assert (len(column), column.ndim, column.shape) == (len(values), values.ndim, values.shape)
        assert column.nbytes == values.nbytes
        assert np.array_equal(column[rows], values[rows])


def test_a_file_that_became_shorter_is_said(tmp_path):
    column = stored_column(tmp_path, np.arange(10.0))
    with column.path.open("r+b") as file:
        file.truncate(40)
    assert column[np.array([4])].tolist() == [4]
    with pytest.raises(StoredError, match="became shorter"):
        column[np.array([5])]


def test_a_file_that_was_removed_is_still_read(tmp_path):
    column = stored_column(tmp_path, np.arange(10.0))
    column.path.unlink()
    assert column[slice(2, 4)].tolist() == [2, 3]


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(StoredError, match="can't read"):
        StoredColumn(tmp_path / "none", 0, "<f4", (3,))


def test_without_reads_by_position_rows_are_the_same(columns, monkeypatch):
    monkeypatch.delattr("os.preadv", raising=False)
    monkeypatch.delattr("os.posix_fadvise", raising=False)
    for values, column in columns:
        rows = np.array([7, 3, 3, 49])
        column.expect(rows)
        assert np.array_equal(column[rows], values[rows])


# ------------------------------------------------------------------------------------------------ parts


def patients(split: Split | None = None) -> Data:
    """A block as the compiler would write it: a vector standardized, a category after filling, a class."""

    def fit(columns, fitted):
        scan = columns["scan"]
        return {
            "scan.mean": ("mean", scan),
            "scan.sd": ("standard_deviation", scan),
            "age.median": ("median", columns["age"]),
            "age.least": ("minimum", columns["age"]),
        }

    def fit_2(columns, fitted):
        return {"age.mean": ("mean", np.where(np.isnan(columns["age"]), fitted["age.median"], columns["age"]))}

    def prepare(columns, fitted):
        age = np.where(np.isnan(columns["age"]), fitted["age.median"], columns["age"])
        return {
            "scan": np.exp((columns["scan"] - fitted["scan.mean"]) / fitted["scan.sd"] / 9),
            "age": age - fitted["age.mean"],
            "ward": columns["ward"],
            "label": columns["label"],
        }

    return Data(
        "patients",
        (
            Column("scan", "scan", "number", (5,)),
            Column("age", "age", "number", fill="median"),
            Column("ward", "ward", "category", names=("a", "b", "c", "none"), fill="none"),
            Column("label", "sick", "class", names=("0", "1")),
        ),
        (
            Field("scan", "float", (5,), columns=("scan",)),
            Field("age", "float", columns=("age",)),
            Field("ward", "int", columns=("ward",)),
            Field("label", "int", classes=("0", "1"), columns=("label",)),
        ),
        (fit, fit_2),
        prepare,
        split,
    )


SPLIT = Split((("train", 0.6), ("validation", 0.2), ("test", 0.2)), stratify="label")


def raw(rows: int = 500) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    age = generator.normal(30, 10, rows)
    age[::7] = np.nan
    return {
        "scan": generator.normal(3, 2, (rows, 5)).astype(np.float32),
        "age": age,
        "ward": generator.choice(["a", "b", "c", ""], rows),
        "sick": (np.arange(rows) % 3 == 0).astype(np.uint8),
    }


@pytest.fixture
def both(tmp_path):
    """The same data in memory and streamed from files."""
    columns = raw()
    kept = load_data(patients(SPLIT), {"all": columns}, seed=4)
    files = {name: stored_column(tmp_path, values) for name, values in columns.items()}
    return kept, load_data(patients(SPLIT), {"all": files}, seed=4, stream=True)


def test_both_ways_learn_and_split_bit_for_bit_alike(both, monkeypatch):
    kept, streamed = both
    assert list(kept.fitted) == list(streamed.fitted)
    for name, value in kept.fitted.items():
        assert value.tobytes() == streamed.fitted[name].tobytes()
    for part, rows in kept.rows.items():
        assert np.array_equal(rows, streamed.rows[part])
        assert isinstance(streamed.parts[part], StreamedPart)
        assert len_of(kept.parts[part]) == len_of(streamed.parts[part]) == len(rows)


@pytest.mark.parametrize("rows", [slice(0, 40), slice(None), np.array([5, 3, 299, 3, 0])])
def test_both_ways_give_rows_bit_for_bit_alike(both, rows):
    kept, streamed = (prepared.parts["train"] for prepared in both)
    count = len(np.arange(len(streamed))[rows])
    ours, theirs = streamed.buffers(count), streamed.buffers(count, ("age", "label"))
    assert list(theirs) == ["age", "label"]
    take_rows(streamed, rows, ours)
    take_rows(kept, rows, theirs)
    for name, values in ours.items():
        assert values.tobytes() == kept[name][rows].tobytes()
    for name, values in theirs.items():
        assert values.tobytes() == ours[name].tobytes()


def step_over(inputs):
    """A step that computes nothing of these inputs."""
    return Step(lambda step, epoch, first: None, inputs, {}, np.zeros(0))


def drawn(part, order, batch_size, first=0):
    """(first, n, every field) of each batch, the fields in buffers that are used again, as those of a workspace."""
    made = {}

    def workspace_of(n):
        if n not in made:
            shapes = {"scan": (n, 5), "age": (n,), "ward": (n,), "label": (n,)}
            kinds = {"scan": np.float32, "age": np.float32, "ward": np.int32, "label": np.int32}
            made[n] = step_over({name: np.zeros(shape, kinds[name]) for name, shape in shapes.items()})
        return made[n]

    for start, n, step in filled_batches(part, order, batch_size, workspace_of, first):
        yield start, n, {name: values.tobytes() for name, values in step.inputs.items()}


@pytest.mark.parametrize("block", [1, 16, 1 << 16])
@pytest.mark.parametrize(("batch_size", "first"), [(32, 0), (7, 0), (7, 140), (300, 0), (1000, 0)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_both_ways_give_the_same_batches(both, monkeypatch, batch_size, first, shuffled, block):
    kept, streamed = (prepared.parts["train"] for prepared in both)
    monkeypatch.setattr(streamed._preparer, "block", block)
    order = np.random.default_rng(2).permutation(len(streamed)) if shuffled else None
    expected = list(drawn(kept, order, batch_size, first))
    assert [start for start, _, _ in expected] == list(range(first, len(streamed), batch_size))
    assert list(drawn(streamed, order, batch_size, first)) == expected


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "nndsl-read-ahead"]


def test_the_thread_ends_with_the_batches_and_where_they_are_left(both, monkeypatch):
    part = both[1].parts["train"]
    monkeypatch.setattr(part._preparer, "block", 1)
    assert len(list(drawn(part, None, 8))) == 38
    assert not threads()
    iterator = drawn(part, None, 8)
    next(iterator)
    next(iterator)
    iterator.close()
    assert not threads()


def test_no_more_is_read_ahead_than_there_are_buffers(both, monkeypatch):
    part = both[1].parts["train"]
    filled = []
    monkeypatch.setattr(part._preparer, "block", 1)
    monkeypatch.setattr(StreamedPart, "fill", lambda part, rows, targets: filled.append(rows))
    reading = ReadAhead(part, None, 0, 8)
    for taken, _ in enumerate(reading.chunks()):
        assert taken < len(filled) <= taken + SETS_AHEAD
    reading.stop()
    assert len(filled) == 38


def test_what_is_wrong_in_a_row_is_said_where_the_batch_is_taken(tmp_path):
    columns = raw()
    columns["sick"][123] = 9
    columns["scan"][321, 2] = np.inf
    files = {name: stored_column(tmp_path, values) for name, values in columns.items()}
    fitted = load_data(patients(), {"all": raw()}, 0).fitted
    for fields, kind, column, row in ((("label",), "class", "sick", 123), (("scan",), "infinite", "scan", 321)):
        part = load_data(patients(), {"test": files}, 0, fitted=fitted, fields=fields, stream=True).parts["test"]
        with pytest.raises(DataError) as caught:
            list(batches._read_ahead(part, None, 10, lambda n, part=part: step_over(part.buffers(n)), 0))
        found = caught.value
        assert (found.kind, found.column, found.row, found.part) == (kind, column, row, "test")
    assert not threads()


def test_a_file_cut_short_while_it_is_read_ends_training_with_its_name(tmp_path, monkeypatch):
    files = {name: stored_column(tmp_path, values) for name, values in raw().items()}
    part = load_data(patients(), {"all": files}, 0, stream=True).parts["train"]
    monkeypatch.setattr(part._preparer, "block", 1)
    iterator = drawn(part, None, 10)
    next(iterator)
    with files["scan"].path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match="became shorter") as caught:
        list(iterator)
    assert (caught.value.kind, caught.value.column) == ("file", "scan")


def test_new_rows_are_streamed_as_they_are_prepared_at_once(tmp_path):
    columns = {name: values for name, values in raw(90).items() if name != "sick"}
    fitted = load_data(patients(), {"all": raw()}, 0).fitted
    wanted = ("scan", "ward")
    kept = prepare_new(patients(), columns, fitted, wanted)
    files = {name: stored_column(tmp_path, values) for name, values in columns.items()}
    part = new_part(patients(), files, fitted, wanted, stream=True)
    made = part.buffers(90)
    take_rows(part, slice(None), made)
    assert {name: values.tobytes() for name, values in made.items()} == {n: v.tobytes() for n, v in kept.items()}
