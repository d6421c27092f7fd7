"""Parquet: types, nulls, vectors, groups of rows, damage."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndsl.data import open_file, open_reader, parquet
from nndsl.diagnostics import UserError

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet as arrow_parquet  # noqa: E402, only where pyarrow is

DAY = datetime.date(2020, 1, 2)
COLUMNS = {
    "byte": pyarrow.array([1, 2, 3, 4], pyarrow.int8()),
    "gaps": pyarrow.array([1, None, 3, 4], pyarrow.int64()),
    "half": pyarrow.array([0.5, 1.5, None, float("nan")], pyarrow.float32()),
    "flag": pyarrow.array([True, False, True, False]),
    "maybe": pyarrow.array([True, None, True, False]),
    "text": pyarrow.array(["a", None, "", "ä"]),
    "port": pyarrow.array(["S", "C", None, "S"]).dictionary_encode(),
    "price": pyarrow.array([decimal.Decimal("1.25")] * 4, pyarrow.decimal128(8, 2)),
    "day": pyarrow.array([DAY] * 4),
    "time": pyarrow.array([datetime.datetime(1970, 1, 2, 0, 0, 1)] * 4, pyarrow.timestamp("ms")),
    "pair": pyarrow.array([[1, 2], [3, 4], [5, 6], [7, 8]], pyarrow.list_(pyarrow.float32(), 2)),
    "list": pyarrow.array([[1, 2, 3]] * 4, pyarrow.list_(pyarrow.int16())),
    "matrix": pyarrow.array([[[1, 2], [3, 4]]] * 4, pyarrow.list_(pyarrow.list_(pyarrow.int16()))),
    "record": pyarrow.array([{"a": 1}] * 4),
    "words": pyarrow.array([["a"]] * 4),
}


def write(folder: Path, columns: object = None, rows_a_group: int = 2, name: str = "t.parquet") -> Path:
    arrow_parquet.write_table(pyarrow.table(columns or COLUMNS), folder / name, row_group_size=rows_a_group)
    return folder / name


def opened(folder: Path, **arguments: object):
    return open_reader("parquet", {"path": "t.parquet", **arguments}, folder)


def test_columns_by_their_types(tmp_path):
    table = open_file(write(tmp_path))
    assert {c.name: (c.kind, c.shape, c.dtype) for c in table.schema if c.problem is None} == {
        "byte": ("number", (), "int8"),
        "gaps": ("number", (), "float64"),
        "half": ("number", (), "float32"),
        "flag": ("bool", (), "bool"),
        "maybe": ("number", (), "float64"),
        "text": ("text", (), "<U"),
        "port": ("text", (), "<U"),
        "price": ("number", (), "float64"),
        "day": ("number", (), "float64"),
        "time": ("number", (), "float64"),
        "pair": ("number", (2,), "float32"),
        "list": ("number", (3,), "int16"),
        "matrix": ("number", (2, 2), "int16"),
    }
    found = table.read([c.name for c in table.schema if c.problem is None])
    nan = float("nan")
    expected = {
        "byte": [1, 2, 3, 4],
        "gaps": [1, nan, 3, 4],
        "half": [0.5, 1.5, nan, nan],
        "flag": [True, False, True, False],
        "maybe": [1, nan, 1, 0],
        "text": ["a", "", "", "ä"],
        "port": ["S", "C", "", "S"],
        "price": [1.25] * 4,
        "day": [18263] * 4,
        "time": [86401] * 4,
        "pair": [[1, 2], [3, 4], [5, 6], [7, 8]],
        "list": [[1, 2, 3]] * 4,
        "matrix": [[[1, 2], [3, 4]]] * 4,
    }
    assert repr({name: values.tolist() for name, values in found.items()}) == repr(
        {name: np.array(values, found[name].dtype).tolist() for name, values in expected.items()}
    )
    assert all(
        str(values.dtype) == table.column(name).dtype or name in ("text", "port") for name, values in found.items()
    )


def test_classes_and_missing_rows_are_known_without_the_whole_column(tmp_path, said):
    table = opened(write(tmp_path).parent)
    assert table.classes("port") == ("C", "S")
    assert table.classes("port", fill="?") == ("?", "C", "S")
    assert table.classes("gaps") == ("1", "3", "4")
    assert table.classes("flag") == ("false", "true")
    assert [table.missing_row(name) for name in ("byte", "gaps", "half", "port", "list")] == [None, 1, 2, 2, None]
    diagnostic = said(lambda: table.require_present("half"))
    assert diagnostic.message == "t.parquet, row 2 (counted from 0), column half: the value is missing"
    assert said(lambda: table.number("text")).code == "NN412"


@pytest.mark.parametrize(("name", "words"), [("record", "neither numbers nor text"), ("words", "lists of something")])
def test_columns_that_cannot_be_used_say_why_when_they_are_needed(tmp_path, said, name, words):
    table = opened(write(tmp_path).parent)
    diagnostic = said(lambda: table.column(name))
    assert diagnostic.code == "NN417"
    assert words in diagnostic.message


def test_rows_are_read_by_their_groups_in_any_order(tmp_path, monkeypatch):
    write(tmp_path, {"a": pyarrow.array(range(100)), "b": [f"t{n}" for n in range(100)]}, rows_a_group=7)
    monkeypatch.setattr(parquet, "MOST_KEPT_BYTES", 7 * 8 * 3)
    table = opened(tmp_path)
    rows = np.array([93, 0, 50, 51, 7, 93])
    found = table.read_rows(["a", "b"], rows)
    assert found["a"].tolist() == rows.tolist()
    assert found["b"].tolist() == [f"t{n}" for n in rows]
    assert sum(values.nbytes for values in table._recent.values()) <= 7 * 8 * 3
    assert table.read_rows(["a"], rows[:0])["a"].shape == (0,)
    assert table.read(["a"])["a"].tolist() == list(range(100))


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ([[1, 2], [3, 4], [5]], "NN418", "row 2 (counted from 0), column v: a list has 1 values where the first"),
        ([[1, 2], None, [5, 6]], "NN413", "row 1 (counted from 0), column v: a list is missing"),
        ([[[1], [2]], [[3], [4, 5]]], "NN418", "row 1 (counted from 0), column v: a list in a list has 2 values"),
    ],
)
def test_lists_of_other_lengths_are_named_with_their_row(tmp_path, said, rows, code, words):
    write(tmp_path, {"v": rows}, rows_a_group=1)
    diagnostic = said(lambda: opened(tmp_path).read(["v"]))
    assert diagnostic.code == code
    assert words in diagnostic.message


def test_files_of_a_pattern_are_one_table(tmp_path):
    write(tmp_path, {"a": [1, 2]}, name="1.parquet")
    write(tmp_path, {"a": [3.5]}, name="2.parquet")
    assert opened(tmp_path, path="?.parquet").read(["a"])["a"].tolist() == [1, 2, 3.5]


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "NN404"), (b"a,b\n1,2\n", "NN404"), (b"PAR1", "NN405"), (b"PAR1" + b"x" * 99, "NN405")]
)
def test_other_files_are_refused(tmp_path, said, content, code):
    (tmp_path / "t.parquet").write_bytes(content)
    assert said(lambda: opened(tmp_path)).code == code


def test_a_table_without_rows_is_refused(tmp_path, said):
    write(tmp_path, {"a": pyarrow.array([], pyarrow.int32())})
    assert said(lambda: opened(tmp_path)).code == "NN410"


def test_without_pyarrow_the_extra_is_named(tmp_path, said, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr("nndsl.data.extras.find_spec", lambda name: None)
    diagnostic = said(lambda: opened(tmp_path))
    assert (diagnostic.code, diagnostic.help) == ("NN425", 'pip install "nndsl[parquet]"')


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_damaged_files_are_read_or_explained(tmp_path, data):
    if not (tmp_path / "whole.parquet").exists():
        write(tmp_path, name="whole.parquet")
    content = bytearray((tmp_path / "whole.parquet").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "t.parquet").write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        table = opened(tmp_path)
        for column in table.schema:
            if column.problem is None:
                table.read([column.name])
                if not column.shape:
                    table.classes(column.name)
    except UserError as mistake:
        assert mistake.diagnostics
