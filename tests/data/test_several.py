"""Files that a pattern matches are read as one, in the order of their names."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from nndsl.data import csv_table, files, open_reader


def write_parts(folder, count=12):
    for part in range(1, count + 1):
        (folder / f"part-{part}.csv").write_text(f"n,t\n{part},a{part}\n{part}.5,b\n")


def test_rows_come_in_the_order_of_names_with_numbers_by_size(tmp_path):
    write_parts(tmp_path)
    table = open_reader("csv", {"path": "part-*.csv"}, tmp_path)
    assert table.rows == 24
    assert table.read(["n"])["n"].tolist() == [n + half for n in range(1, 13) for half in (0, 0.5)]
    assert table.place("t", 21) == "part-11.csv, line 3, column t"
    assert table.read_rows(["t"], np.array([22, 0]))["t"].tolist() == ["a12", "a1"]


def test_large_files_are_read_the_fast_way_and_scanned_once(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 0)
    for part in (1, 2):
        (tmp_path / f"{part}.csv").write_text(f"a,b\n{part},2\n3,4\n")
    for _ in range(2):
        table = open_reader("csv", {"path": "*.csv"}, tmp_path)
        assert table.read(["a"])["a"].tolist() == [1, 3, 2, 3]
        assert table.classes("a") == ("1", "2", "3")
    (tmp_path / "2.csv").write_text("a,b\n7,2\n3,4\n")
    assert open_reader("csv", {"path": "*.csv"}, tmp_path).classes("a") == ("1", "3", "7")


def test_a_column_of_numbers_in_one_file_and_text_in_another_is_text(tmp_path):
    (tmp_path / "1.csv").write_text("code,x\n12,1\n")
    (tmp_path / "2.csv").write_text("code,x\nA7,\n")
    table = open_reader("csv", {"path": "?.csv"}, tmp_path)
    assert table.classes("code") == ("12", "A7")
    assert table.place("x", table.missing_row("x")) == "2.csv, line 2, column x"


def test_folders_below_are_found_and_a_file_that_is_called_like_a_pattern_is_itself(tmp_path):
    (tmp_path / "2024" / "may").mkdir(parents=True)
    (tmp_path / "2024" / "may" / "a.csv").write_text("x\n1\n")
    (tmp_path / "2024" / "b.csv").write_text("x\n2\n")
    (tmp_path / "data[1].csv").write_text("x\n3\n")
    assert open_reader("csv", {"path": "2024/**/*.csv"}, tmp_path).read(["x"])["x"].tolist() == [2, 1]
    assert open_reader("csv", {"path": "data[1].csv"}, tmp_path).read(["x"])["x"].tolist() == [3]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("a,c\n1,2\n", '2.csv has no column "b" and has a column "c", unlike 1.csv'),
        ("a\n1\n", '2.csv has no column "b", unlike 1.csv'),
        ("b,a\n1,2\n", "2.csv has the columns of 1.csv in another order"),
    ],
)
def test_files_with_other_columns_are_refused(tmp_path, said, second, words):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text(second)
    diagnostic = said(lambda: open_reader("csv", {"path": "*.csv"}, tmp_path))
    assert (diagnostic.code, diagnostic.message) == ("NN424", words)


def test_a_pattern_that_matches_nothing_says_where_it_looked(tmp_path, said):
    (tmp_path / "part-1").mkdir()
    diagnostic = said(lambda: open_reader("npz", {"path": "part-*"}, tmp_path))
    assert (diagnostic.code, diagnostic.message) == ("NN401", 'no file matches "part-*"')


def test_arrays_are_joined_and_compared(tmp_path, said, monkeypatch):
    monkeypatch.setattr(files, "MAPPED_FROM_BYTES", 0)
    np.savez(tmp_path / "1.npz", x=np.arange(6, dtype=np.uint8).reshape(3, 2), t=np.array(["a", "b", ""]))
    np.savez(tmp_path / "2.npz", x=np.full((2, 2), 0.5, np.float32), t=np.array(["long", "b"]))
    table = open_reader("npz", {"path": "*.npz"}, tmp_path)
    assert [(c.name, c.kind, c.shape, c.dtype, c.rows) for c in table.schema] == [
        ("x", "number", (2,), "float32", 5),
        ("t", "text", (), "<U4", 5),
    ]
    assert table.read(["x"])["x"].tolist() == [[0, 1], [2, 3], [4, 5], [0.5, 0.5], [0.5, 0.5]]
    rows = table.read_rows(["x", "t"], np.array([4, 0, 3, 2]))
    assert rows["x"][:, 0].tolist() == [0.5, 0, 0.5, 4]
    assert rows["t"].tolist() == ["b", "a", "long", ""]
    assert table.place("x", 3) == "2.npz, x[0]"
    np.savez(tmp_path / "3.npz", x=np.zeros((2, 3)), t=np.array(["c", "d"]))
    assert said(lambda: open_reader("npz", {"path": "*.npz"}, tmp_path)).message == (
        "3.npz: a row of x has shape [3], in 1.npz [2]"
    )
    np.savez(tmp_path / "3.npz", x=np.zeros((2, 2)), t=np.array([1, 2]))
    assert said(lambda: open_reader("npz", {"path": "*.npz"}, tmp_path)).message == (
        "3.npz: the column t holds numbers, in 1.npz text"
    )


def test_two_patterns_go_file_by_file(tmp_path, said):
    for part in (1, 2):
        np.save(tmp_path / f"x{part}.npy", np.full((2, 3), part))
        np.save(tmp_path / f"y{part}.npy", np.array([part, 0]))
    table = open_reader("npy", {"path": "x*.npy", "labels": "y*.npy"}, tmp_path)
    assert table.read(["label"])["label"].tolist() == [1, 0, 2, 0]
    (tmp_path / "y2.npy").unlink()
    diagnostic = said(lambda: open_reader("npy", {"path": "x*.npy", "labels": "y*.npy"}, tmp_path))
    assert (diagnostic.code, diagnostic.message) == ("NN424", "2 files match x*.npy and 1 files match y*.npy")


def test_idx_files_are_joined(tmp_path):
    for part in (1, 2):
        (tmp_path / f"i{part}").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([part, part]))
    table = open_reader("idx", {"images": "i?"}, tmp_path)
    assert table.read(["image"])["image"].tolist() == [1, 1, 2, 2]
