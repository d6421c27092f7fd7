"""MNIST's format, made here byte by byte from its description."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndsl.data import open_reader
from nndsl.diagnostics import UserError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array: np.ndarray, kind: str = "u1") -> bytes:
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, CODES[kind], array.ndim]) + lengths + array.astype(f">{kind}").tobytes()


IMAGES = np.arange(2 * 3 * 4).reshape(2, 3, 4)
LABELS = np.array([7, 3])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_and_labels(opened, tmp_path, pack):
    (tmp_path / "labels").write_bytes(pack(idx(LABELS)))
    table = opened("idx", "images", pack(idx(IMAGES)), labels="labels")
    assert [(c.name, c.kind, c.shape, c.dtype, c.rows) for c in table.schema] == [
        ("image", "number", (3, 4), "uint8", 2),
        ("label", "number", (), "uint8", 2),
    ]
    columns = table.read(["label", "image"])
    assert columns["image"].tolist() == IMAGES.tolist()
    assert columns["label"].tolist() == [7, 3]
    assert table.classes("label") == ("3", "7")
    assert table.place("label", 1) == "labels, row 1 (counted from 0)"


@pytest.mark.parametrize("kind", CODES)
def test_every_type_of_number_comes_in_the_machines_byte_order(opened, kind):
    table = opened("idx", "images", idx(IMAGES, kind))
    values = table.read(["image"])["image"]
    assert values.dtype == np.dtype(kind) and values.dtype.isnative
    assert str(values.dtype) == table.schema[0].dtype
    assert values.tolist() == IMAGES.tolist()


def test_images_and_labels_of_different_lengths_are_a_mistake(opened, said, tmp_path):
    (tmp_path / "labels").write_bytes(idx(np.array([1, 2, 3])))
    table = opened("idx", "images", idx(IMAGES), labels="labels")
    assert said(lambda: table.read(["image", "label"])).code == "NN416"


BOMB = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**31, 2**31)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "NN404"),
        (b"\0\0", "NN404"),
        (b"\0\0\x07\x01\0\0\0\x01\0", "NN404"),
        (b"a,b\n1,2\n", "NN404"),
        (idx(IMAGES)[:10], "NN405"),
        (idx(IMAGES)[:-1], "NN405"),
        (idx(IMAGES) + b"\0", "NN405"),
        (gzip.compress(idx(IMAGES)[:-1], mtime=0), "NN405"),
        (gzip.compress(idx(IMAGES) + b"\0", mtime=0), "NN405"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-9], "NN405"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-1], "NN405"),
        (gzip.compress(b"\0", mtime=0), "NN404"),
        (BOMB, "NN405"),
        (gzip.compress(BOMB, mtime=0), "NN405"),
        (bytes([0, 0, 8, 255]) + b"\0\0\0\x01" * 255 + b"\0", "NN405"),
        (idx(np.zeros((0, 2))), "NN410"),
        (bytes([0, 0, 8, 0, 1]), "NN418"),
    ],
)
def test_other_and_damaged_files_are_explained(opened, said, content, code):
    assert said(lambda: opened("idx", "images", content).read(["image"])).code == code


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.booleans(), st.integers(0, 60), st.integers(0, 39), st.integers(0, 255))
def test_mutated_files_are_read_or_explained(tmp_path, zipped, length, place, byte):
    content = bytearray(gzip.compress(idx(IMAGES), mtime=0) if zipped else idx(IMAGES))
    content[place % len(content)] = byte
    (tmp_path / "t").write_bytes(content[:length])
    try:
        table = open_reader("idx", {"images": "t"}, tmp_path)
        assert len(table.read(["image"])["image"]) == table.rows
    except UserError as mistake:
        assert mistake.diagnostics[0].code.startswith("NN4")
