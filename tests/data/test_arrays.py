"""NumPy's files: numbers and text as they were saved, no object ever loaded, damage explained."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nndsl.data import open_reader
from nndsl.diagnostics import UserError

ARRAYS = {
    "image": np.arange(24, dtype=np.uint8).reshape(3, 2, 4),
    "label": np.array(["a", "b", "ä"]),
    "bytes": np.array([b"x", b"yz", b""]),
    "flag": np.array([True, False, True]),
    "big": np.array([1, 2, 3], ">f4"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(3, 2)),
    "half": np.array([1, 2, np.nan], np.float16),
}


def packed(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def saved(array: object, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), version)
    return file.getvalue()


def test_columns_are_known_from_headers_and_read_as_they_were_saved(opened):
    table = opened("npz", "t.npz", packed(**ARRAYS, note=np.array("a single value"), empty=np.zeros((0, 3))))
    assert [(c.name, c.kind, c.shape, c.dtype) for c in table.schema] == [
        ("image", "number", (2, 4), "uint8"),
        ("label", "text", (), "<U1"),
        ("bytes", "text", (), "<U2"),
        ("flag", "bool", (), "bool"),
        ("big", "number", (), "float32"),
        ("fortran", "number", (2,), "float64"),
        ("half", "number", (), "float16"),
    ]
    assert table.rows == 3
    columns = table.read(list(ARRAYS))
    for name, expected in ARRAYS.items():
        expected = np.char.decode(expected, "utf-8") if name == "bytes" else expected
        assert columns[name].tolist() == expected.tolist() or name == "half"
        assert str(columns[name].dtype) == table.column(name).dtype
        assert columns[name].dtype.isnative and columns[name].flags.c_contiguous
    assert table.classes("label") == ("a", "b", "ä")
    assert table.classes("flag") == ("false", "true")
    assert table.classes("half", fill="unknown") == ("1", "2", "unknown")
    assert table.classes("bytes") == ("x", "yz")
    assert table.place("label", 2) == "t.npz, label[2]"


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(opened, version):
    assert opened("npy", "t.npy", saved([1.5, 2.5], version)).read(["value"])["value"].tolist() == [1.5, 2.5]


def test_npy_takes_labels_from_a_second_file(opened, tmp_path):
    np.save(tmp_path / "y.npy", np.array([1, 0, 1]))
    table = opened("npy", "x.npy", saved(ARRAYS["image"]), labels="y.npy")
    assert {name: values.shape for name, values in table.read(["value", "label"]).items()} == {
        "value": (3, 2, 4),
        "label": (3,),
    }
    assert table.place("label", 1) == "y.npy, row 1 (counted from 0)"


def test_parts_of_different_lengths_are_read_one_at_a_time(opened, said):
    table = opened("npz", "mnist.npz", packed(x_train=np.zeros((5, 2)), y_train=np.zeros(5), x_test=np.zeros((2, 2))))
    assert len(table.read(["x_train", "y_train"])["y_train"]) == 5
    assert table.read(["x_test"])["x_test"].shape == (2, 2)
    diagnostic = said(lambda: table.read(["x_train", "x_test"]))
    assert (diagnostic.code, diagnostic.message) == ("NN416", "mnist.npz: x_train has 5 rows and x_test has 2")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([{}, 1], object), "Python objects"),
        (np.array([1j, 2]), "complex"),
        (np.array(["2020-01-01"], "datetime64[D]"), "dates"),
        (np.array([1], "timedelta64[s]"), "durations"),
        (np.zeros(2, [("a", "f4"), ("b", "i4")]), "records"),
        (np.zeros((2, 0)), "rows without values"),
    ],
)
def test_arrays_that_cannot_be_used_say_why_when_they_are_needed(opened, said, array, words):
    file = io.BytesIO()
    np.savez(file, good=np.array([1, 2]), bad=array)
    table = opened("npz", "t.npz", file.getvalue())
    assert table.read(["good"])["good"].tolist() == [1, 2]
    for action in (lambda: table.column("bad"), lambda: table.read(["bad"]), lambda: table.number("bad")):
        diagnostic = said(action)
        assert diagnostic.code == "NN417"
        assert words in diagnostic.message


def test_no_object_is_unpickled(opened, said, tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "exploded",)

    for reader, content in (("npz", packed(a=np.array([Bomb()], object))), ("npy", saved(np.array([Bomb()], object)))):
        table = opened(reader, f"t.{reader}", content)
        assert said(lambda table=table: table.read([table.schema[0].name])).code == "NN417"
    assert not (tmp_path / "exploded").exists()


def with_header(header: str, numbers: bytes = b"\0" * 16) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + numbers


@pytest.mark.parametrize(
    "content",
    [
        saved(np.zeros(4))[:-1],
        saved(np.zeros(4)) + b"\0",
        saved(np.zeros(4))[:50],
        saved(np.zeros(4))[:9],
        b"\x93NUMPY\x09\x00" + saved(np.zeros(4))[8:],
        with_header("{}"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}"),
        with_header("{'descr': '<f8', 'fortran_order': 0, 'shape': (2,)}"),
        with_header("{'descr': '<q9', 'fortran_order': False, 'shape': (2,)}"),
        with_header("{'descr': 3, 'fortran_order': False, 'shape': (2,)}"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (10**30,)}"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000000000,)}"),
        with_header("(" * 9000),
        with_header("__import__('os').system('true')"),
        with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 100 + ")}", b"\0" * 8),
    ],
)
def test_damaged_arrays_are_explained(opened, said, content):
    assert said(lambda: opened("npy", "t.npy", content).read(["value"])).code == "NN405"
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w") as archive:
        archive.writestr("value.npy", content)
    assert said(lambda: opened("npz", "t.npz", inside.getvalue()).read(["value"])).code == "NN405"


@pytest.mark.parametrize(
    ("reader", "content", "code", "words"),
    [
        ("npy", b"", "NN404", "not an array that NumPy saved"),
        ("npy", packed(a=np.ones(2)), "NN404", "not an array"),
        ("npy", saved(np.array(3.0)), "NN418", "single value"),
        ("npy", saved(np.zeros((0, 3))), "NN410", "no rows"),
        ("npz", saved(np.ones(2)), "NN404", "single array"),
        ("npz", b"a,b\n1,2\n", "NN404", "not an .npz file"),
        ("npz", b"PK\x03\x04 and nothing else", "NN405", "damaged"),
        ("npz", packed(), "NN410", "no arrays"),
        ("npz", packed(note=np.array("x")), "NN410", "no arrays with rows"),
    ],
)
def test_files_of_another_kind_are_refused(opened, said, reader, content, code, words):
    diagnostic = said(lambda: opened(reader, f"t.{reader}", content))
    assert diagnostic.code == code
    assert words in diagnostic.message


def test_an_archive_that_would_unpack_to_everything_is_refused(opened, said):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,)}"
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", with_header(header))
    content = bytearray(inside.getvalue())
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = (2**31).to_bytes(4, "little")
    assert said(lambda: opened("npz", "t.npz", bytes(content))).code == "NN405"


def test_text_that_is_not_utf_8_is_explained(opened, said):
    table = opened("npz", "t.npz", packed(a=np.array([b"\xff"])))
    assert "UTF-8" in said(lambda: table.read(["a"])).message


def test_text_used_as_numbers_names_the_first_that_is_none(opened, said):
    table = opened("npz", "t.npz", packed(a=np.array(["1", "2.5", "x"]), b=np.zeros((3, 2))))
    diagnostic = said(lambda: table.number("a"))
    assert (diagnostic.code, diagnostic.message) == ("NN412", 't.npz, a[2]: "x" is not a number')
    assert said(lambda: table.classes("b")).code == "NN418"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(
        hnp.integer_dtypes()
        | hnp.floating_dtypes(sizes=(16, 32, 64))
        | hnp.boolean_dtypes()
        | hnp.unicode_string_dtypes(),
        hnp.array_shapes(max_dims=4),
    )
)
def test_any_array_is_read_as_numpy_reads_it(tmp_path, array):
    np.savez(tmp_path / "t.npz", a=array)
    values = open_reader("npz", {"path": "t.npz"}, tmp_path).read(["a"])["a"]
    np.testing.assert_array_equal(values, array)


NPZ = packed(a=np.arange(40), b=np.array(["x", "y"] * 20))
NPY = saved(np.arange(10.0))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(st.booleans(), st.data())
def test_mutated_archives_are_read_or_explained(tmp_path, archive, data):
    content = bytearray(NPZ if archive else NPY)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))]
    reader = "npz" if archive else "npy"
    (tmp_path / "t").write_bytes(content)
    try:
        table = open_reader(reader, {"path": "t"}, tmp_path)
        for column in table.schema:
            assert len(table.read([column.name])[column.name]) == column.rows
    except UserError as mistake:
        assert mistake.diagnostics[0].code.startswith("NN4")
