"""Columns written out so that their rows can be read one by one: once, whole, and anew where their source changes."""

from __future__ import annotations

import gzip
import io
import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from nndsl.data import csv_table, csv_text, open_reader, spool, spooled
from nndsl.data import table as table_module
from nndsl.data.scans import cache_folder
from nndsl.runtime.standalone.stored import StoredColumn

Usage = namedtuple("Usage", ("total", "used", "free"))


def values_at(place):
    return StoredColumn(place.path, place.start, place.dtype, place.shape)[slice(None)]


def people(folder, rows=1000, name="people.csv"):
    ages = ["" if row % 5 == 3 else str(row / 4) for row in range(rows)]
    lines = [f"{age},{'name ' * (row % 4)}x,{row % 2 == 0}" for row, age in enumerate(ages)]
    (folder / name).write_text("age,name,sick\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return open_reader("csv", {"path": name}, folder)


def numbers(folder, rows=1000):
    lines = [f"{row / 8},{row % 3}" for row in range(rows)]
    (folder / "numbers.csv").write_text("a,b\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return open_reader("csv", {"path": "numbers.csv"}, folder)


def parquet(folder, rows=1000):
    pyarrow = pytest.importorskip("pyarrow")
    parquet_files = pytest.importorskip("pyarrow.parquet")
    generator = np.random.default_rng(0)
    columns = {
        "vector": list(generator.normal(0, 1, (rows, 3)).astype(np.float32)),
        "count": [None if row % 7 == 0 else row for row in range(rows)],
        "name": [None if row % 9 == 0 else "long " * (row % 5) for row in range(rows)],
        "true": [row % 2 == 0 for row in range(rows)],
    }
    parquet_files.write_table(pyarrow.table(columns), folder / "t.parquet", row_group_size=300)
    return open_reader("parquet", {"path": "t.parquet"}, folder)


def packed(folder, rows=1000):
    generator = np.random.default_rng(0)
    np.savez_compressed(
        folder / "packed.npz",
        image=generator.integers(0, 255, (rows, 4, 3), np.uint8),
        name=np.array([f"n{row % 30}" for row in range(rows)]),
        bytes=np.array([b"a", b"bcd"] * (rows // 2)),
        columns=np.asfortranarray(generator.normal(0, 1, (rows, 2))),
    )
    return open_reader("npz", {"path": "packed.npz"}, folder)


def images(folder, rows=1000):
    numbers = np.random.default_rng(0).integers(0, 255, (rows, 5, 5), np.uint8)
    head = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in numbers.shape)
    (folder / "images.gz").write_bytes(gzip.compress(head + numbers.tobytes()))
    return open_reader("idx", {"images": "images.gz"}, folder)


def several(folder):
    people(folder, 300, "part-1.csv")
    people(folder, 200, "part-2.csv")
    return open_reader("csv", {"path": "part-*.csv"}, folder)


def arrays(folder):
    for number in (1, 2):
        np.save(
            folder / f"part-{number}.npy", np.arange(6.0 * number).reshape(-1, 3).astype("f4" if number > 1 else "f8")
        )
    return open_reader("npy", {"path": "part-*.npy"}, folder)


@pytest.mark.parametrize("make", [people, numbers, parquet, packed, images, several, arrays])
def test_columns_written_out_are_those_that_are_read(make, tmp_path, monkeypatch):
    monkeypatch.setattr(table_module, "BLOCK_BYTES", 4000)
    monkeypatch.setattr("nndsl.data.arrays.BLOCK_BYTES", 4000)
    monkeypatch.setattr("nndsl.data.parquet.BLOCK_BYTES", 4000)
    monkeypatch.setattr(csv_table, "_CHUNK", 64)
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 1000)
    monkeypatch.setattr(csv_text, "BLOCK_LETTERS", 700)
    table = make(tmp_path)
    names = [column.name for column in table.schema]
    places = spooled(table, names)
    for name, expected in table.read(names).items():
        found = values_at(places[name])
        assert found.shape == expected.shape
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")


@pytest.mark.parametrize("make", [people, numbers, parquet, packed, images, several])
def test_blocks_are_what_is_read_at_once(make, tmp_path, monkeypatch):
    monkeypatch.setattr(table_module, "BLOCK_BYTES", 4000)
    monkeypatch.setattr("nndsl.data.arrays.BLOCK_BYTES", 4000)
    monkeypatch.setattr("nndsl.data.parquet.BLOCK_BYTES", 4000)
    monkeypatch.setattr(csv_table, "_CHUNK", 64)
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 1000)
    monkeypatch.setattr(csv_text, "BLOCK_LETTERS", 700)
    table = make(tmp_path)
    names = [column.name for column in table.schema]
    blocks = list(table.blocks(names))
    assert len(blocks) > 3
    for name, expected in table.read(names).items():
        found = np.concatenate([block[name] for block in blocks])
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")


def test_numbers_that_only_the_slow_way_reads_come_behind_those_of_the_fast_way(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 1000)
    monkeypatch.setattr(csv_text, "BLOCK_LETTERS", 700)
    monkeypatch.setattr(csv_table, "_CHUNK", 64)
    table = numbers(tmp_path)
    expected = table.read(["b", "a"])
    plain = table._plain_numbers

    def broken(columns):
        for position, block in enumerate(plain(columns)):
            if position == 3:
                raise csv_text.NotPlainError
            yield block

    monkeypatch.setattr(table, "_plain_numbers", broken)
    blocks = list(table.blocks(["b", "a"]))
    assert {name: np.concatenate([block[name] for block in blocks]).tolist() for name in expected} == {
        name: values.tolist() for name, values in expected.items()
    }


def test_columns_are_written_out_once(tmp_path, monkeypatch):
    first = spooled(people(tmp_path), ["age", "sick"])
    monkeypatch.setattr(spool, "_write", lambda *_: pytest.fail("written again"))
    assert spooled(people(tmp_path), ["sick", "age"]) == first


def test_columns_of_a_changed_file_are_written_anew(tmp_path):
    first = spooled(people(tmp_path), ["age"])["age"]
    second = spooled(people(tmp_path, 1001), ["age"])["age"]
    assert (first.shape, second.shape) == ((1000,), (1001,))
    other = open_reader("csv", {"path": "people.csv", "missing": ("0.0",)}, tmp_path)
    assert spooled(other, ["age"])["age"].path not in (first.path, second.path)


@pytest.mark.parametrize(
    "harm",
    [
        lambda place: place.path.write_bytes(b"short"),
        lambda place: place.path.write_bytes(bytes(place.path.stat().st_size)),
        lambda place: place.path.unlink(),
        lambda place: place.path.with_suffix(".json").write_text("{"),
        lambda place: place.path.with_suffix(".json").write_text('{"dtype": 3}'),
        lambda place: place.path.with_suffix(".json").unlink(),
    ],
    ids=["shorter", "rewritten", "removed", "torn note", "other note", "no note"],
)
def test_a_copy_that_is_not_as_it_was_left_is_written_again(harm, tmp_path):
    table = people(tmp_path)
    place = spooled(table, ["age"])["age"]
    harm(place)
    again = spooled(table, ["age"])["age"]
    assert np.array_equal(values_at(again), table.read(["age"])["age"], equal_nan=True)


def test_a_table_cut_short_in_the_middle_leaves_nothing(tmp_path, monkeypatch, said):
    table = people(tmp_path)

    def cut(names):
        yield table.read(names)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(table, "blocks", cut)
    assert said(lambda: spooled(table, ["age"])).code == "NN426"
    assert not list(cache_folder("columns").iterdir())


def test_a_disk_with_too_little_room_is_said_before_anything_is_written(tmp_path, monkeypatch, said):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10, 10, 10))
    found = said(lambda: spooled(people(tmp_path), ["age"]))
    assert found.code == "NN426"
    assert "people.csv" in found.message
    assert "XDG_CACHE_HOME" in found.help


def test_a_cache_folder_that_cant_be_made_is_said(tmp_path, monkeypatch, said):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert said(lambda: spooled(people(tmp_path), ["age"])).code == "NN426"


def test_columns_that_nothing_used_for_long_are_removed(tmp_path):
    old = spooled(people(tmp_path), ["age"])["age"].path
    os.utime(old.with_suffix(".json"), (0, 0))
    spooled(people(tmp_path, 900), ["age"])
    assert not old.exists()
    assert not old.with_suffix(".json").exists()


def test_files_that_hold_rows_need_no_copy(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(12, dtype=">i2").reshape(4, 3))
    np.savez(tmp_path / "x.npz", a=np.arange(4.0), b=np.array(["a", "bc", "", "d"]))
    numbers = np.arange(60, dtype=">f4").reshape(5, 12)
    head = b"\0\0\x0d\x02" + b"".join(size.to_bytes(4, "big") for size in numbers.shape)
    (tmp_path / "images").write_bytes(head + numbers.tobytes())
    for table in (
        open_reader("npy", {"path": "x.npy"}, tmp_path),
        open_reader("npz", {"path": "x.npz"}, tmp_path),
        open_reader("idx", {"images": "images"}, tmp_path),
    ):
        for name, expected in table.read([column.name for column in table.schema]).items():
            assert np.array_equal(values_at(table.lies_at(name)), expected)


def test_columns_before_rows_have_no_place(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(np.ones((3, 4))))
    (tmp_path / "x.npy").write_bytes(buffer.getvalue())
    assert open_reader("npy", {"path": "x.npy"}, tmp_path).lies_at("value") is None
