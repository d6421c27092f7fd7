"""Large arrays stay in their files: rows are read when they are looked at, and say the same as arrays read whole."""

from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest

from nndsl.data import files, open_reader

ARRAYS = {
    "image": np.arange(48, dtype=np.uint8).reshape(6, 2, 4),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(6, 2)),
    "big": np.arange(6, dtype=">f4"),
    "text": np.array(["a", "bc", "", "ä", "e", "f"]),
    "bytes": np.array([b"x", b"yz", b"", b"a", b"b", b"c"]),
}
MAPPED = {"image", "fortran", "text"}
"""What lies in the file as it is used: numbers in the machine's order, no bytes that are text."""


@pytest.fixture(autouse=True)
def map_everything(monkeypatch):
    monkeypatch.setattr(files, "MAPPED_FROM_BYTES", 0)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_an_npz_are_mapped_where_they_are_stored_as_they_are(tmp_path, save):
    save(tmp_path / "t.npz", **ARRAYS)
    columns = open_reader("npz", {"path": "t.npz"}, tmp_path).read(list(ARRAYS))
    assert {name for name, values in columns.items() if isinstance(values, np.memmap)} == (
        MAPPED if save is np.savez else set()
    )
    for name, expected in ARRAYS.items():
        expected = np.char.decode(expected, "utf-8") if name == "bytes" else expected
        assert columns[name].tolist() == expected.tolist()


def test_members_with_extra_fields_are_found(tmp_path):
    np.save(tmp_path / "a.npy", ARRAYS["image"])
    member = zipfile.ZipInfo("image.npy")
    member.extra = struct.pack("<HH7s", 0xCAFE, 7, b"nothing")
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("first.txt", "not an array")
        archive.writestr(member, (tmp_path / "a.npy").read_bytes())
    columns = open_reader("npz", {"path": "t.npz"}, tmp_path).read(["image"])
    assert isinstance(columns["image"], np.memmap)
    assert columns["image"].tolist() == ARRAYS["image"].tolist()


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_npy_files_give_rows_in_any_order(tmp_path, name):
    np.save(tmp_path / "t.npy", ARRAYS[name])
    table = open_reader("npy", {"path": "t.npy"}, tmp_path)
    assert isinstance(table.read(["value"])["value"], np.memmap) is (name in MAPPED)
    found = table.read_rows(["value"], np.array([4, 0, 4]))["value"]
    expected = ARRAYS[name] if name != "bytes" else np.char.decode(ARRAYS[name], "utf-8")
    assert found.tolist() == expected[[4, 0, 4]].tolist()


def test_bytes_of_an_idx_file_are_mapped_and_wider_numbers_turned_round(tmp_path):
    for kind, dtype in ((8, ">u1"), (12, ">i4")):
        values = np.arange(24).reshape(4, 3, 2).astype(dtype)
        (tmp_path / "t").write_bytes(struct.pack(">4B3I", 0, 0, kind, 3, 4, 3, 2) + values.tobytes())
        found = open_reader("idx", {"images": "t"}, tmp_path).read(["image"])["image"]
        assert isinstance(found, np.memmap) is (kind == 8)
        assert found.dtype.isnative
        assert found.tolist() == values.tolist()


def test_what_is_mapped_cannot_be_written_to(tmp_path):
    np.save(tmp_path / "t.npy", ARRAYS["image"])
    found = open_reader("npy", {"path": "t.npy"}, tmp_path).read(["value"])["value"]
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_a_file_that_was_cut_since_it_was_opened_is_damaged(tmp_path, said):
    np.save(tmp_path / "t.npy", ARRAYS["image"])
    table = open_reader("npy", {"path": "t.npy"}, tmp_path)
    with (tmp_path / "t.npy").open("r+b") as file:
        file.truncate(140)
    assert said(lambda: table.read(["value"])).code == "NN405"
