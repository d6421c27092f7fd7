"""Weights files from anybody: used where they are the network's, refused with a diagnostic where they are not."""

from __future__ import annotations

import bz2
import io
import json
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nndsl
from nndsl.diagnostics import UserError
from nndsl.diagnostics.render import render_all
from nndsl.runtime.exchange import import_weights
from nndsl.runtime.standalone import files

PROGRAM = """
data people from csv("people.csv") {
  age  = standardize(column("age"))
  port = one_hot(category(column("port")))
  y    = column("y")
}

model Net {
  input age
  input port
  concatenate([reshape(age, [1]), port]) -> Dense(3, activation=tanh)
  Dense(1)
}

train Net on people {
  epochs = 1
  minimize mean((Net(age, port)[0] - y)^2) using SGD()
  predict y = Net(age, port)
}
"""
MOST = 48 << 20
"""Bytes that reading a refused file may take at most, here: a thousandth of what the bombs would unpack to."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    (folder / "people.csv").write_text("age,port,y\n20,S,1\n30,C,2\n40,S,3\n", encoding="utf-8")
    (folder / "net.nn").write_text(PROGRAM, encoding="utf-8")
    made = nndsl.load(folder / "net.nn")
    made.fit()
    made.save(folder / "w.safetensors")
    made.save(folder / "w.npz")
    return made, folder


def held(model: Any) -> dict[str, np.ndarray]:
    return {path: values.copy() for path, values in model.weights.items()}


def refused(model: Any, path: Path) -> str:
    """The code that refuses a file, which changed nothing, took little memory and left a message to show."""
    before, fitted = held(model), {name: dict(table) for name, table in model.memory.fitted.items()}
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as raised:
            model.load_weights(path)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    assert all(np.array_equal(values, before[name]) for name, values in held(model).items())
    assert model.memory.fitted.keys() == fitted.keys()
    assert "\x1b" not in render_all(raised.value.diagnostics)
    return raised.value.diagnostics[0].code


def safetensors(head: Any, content: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + content


def entry(shape: Any = (1,), offsets: Any = (0, 4), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


# ------------------------------------------------------------------------------------------------ safetensors

HEADS = {
    "a length beyond all files": b"\xff" * 8,
    "a length beyond this file": (10**7).to_bytes(8, "little") + b"{}",
    "nothing": b"",
    "a list": safetensors([1, 2]),
    "a number": safetensors(b"1"),
    "brackets without an end": safetensors(b"[" * 100_000),
    "a number of many digits": safetensors(b'{"a": {"dtype": "F32", "shape": [' + b"9" * 5000 + b"]}}"),
    "a shape beyond all memory": safetensors({"a": entry([10**9, 10**9], [0, 4])}, b"1234"),
    "a shape that wraps around": safetensors({"a": entry([2**62, 4], [0, 0])}),
    "a negative size": safetensors({"a": entry([-1], [0, 4])}, b"1234"),
    "a size that is true": safetensors({"a": entry([True], [0, 4])}, b"1234"),
    "a size that is a fraction": safetensors({"a": entry([1.0], [0, 4])}, b"1234"),
    "a size in words": safetensors({"a": entry("12", [0, 4])}, b"1234"),
    "very many axes": safetensors({"a": entry([1] * 5000)}, b"1234"),
    "offsets backwards": safetensors({"a": entry(offsets=[4, 0])}, b"1234"),
    "offsets beyond the file": safetensors({"a": entry(offsets=[10**12, 10**12 + 4])}, b"1234"),
    "offsets before the numbers": safetensors({"a": entry(offsets=[-8, -4])}, b"1234"),
    "offsets in words": safetensors({"a": entry(offsets="04")}, b"1234"),
    "three offsets": safetensors({"a": entry(offsets=[0, 4, 8])}, b"1234"),
    "an unknown kind": safetensors({"a": entry(dtype="PICKLE")}, b"1234"),
    "a kind that is a list": safetensors({"a": entry(dtype=["F32"])}, b"1234"),
    "nothing about an array": safetensors({"a": None}),
    "numbers of nobody": safetensors({"a": entry()}, b"12345678"),
    "metadata in a list": safetensors({"__metadata__": [1]}),
    "metadata of numbers": safetensors({"__metadata__": {"nndsl": 3}}),
    "what it says is no JSON": safetensors({"__metadata__": {"nndsl": "{"}}),
    "what it says is a list": safetensors({"__metadata__": {"nndsl": "[[1, 2], [3, 4]]"}}),
    "what it says has no end": safetensors({"__metadata__": {"nndsl": "[" * 100_000}}),
    "texts that are none": safetensors({"__metadata__": {"nndsl": '{"texts": {"fitted:people/x": [1, 2]}}'}}),
    "texts of texts": safetensors({"__metadata__": {"nndsl": '{"texts": {"fitted:people/x": [["a"]]}}'}}),
    "texts that fill the memory": safetensors(
        {"__metadata__": {"nndsl": json.dumps({"texts": {"fitted:people/x": ["x" * 10_000, *[""] * 100_000]}})}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("content", HEADS.values(), ids=HEADS)
def test_a_hostile_safetensors_file_is_refused(model, tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    assert refused(model[0], path) in ("NN604", "NN605")


ABOUT = [
    {"seed": "x"},
    {"seed": -1},
    {"seed": 2**70},
    {"seed": 1.5},
    {"seed": True},
    {"sets": [1]},
    {"sets": {"a": {"b": 1}}},
    {"program": ["\x1b[31m"]},
    {"program": None},
]


@pytest.mark.parametrize("said", ABOUT)
@pytest.mark.parametrize("misfit", [False, True])
def test_whatever_a_file_says_about_itself_is_only_read(model, tmp_path, said, misfit):
    made, folder = model
    arrays, about = files.read_weights_file(folder / "w.npz", made.generated.program)
    if misfit:
        arrays = {name: values for name, values in arrays.items() if name != "Net/dense/bias"}
    path = tmp_path / "w.npz"
    files.write_arrays(path, {**arrays, files.ABOUT: np.array(json.dumps({**about, **said}))})
    if misfit:
        assert refused(made, path) == "NN604"
    else:
        made.load_weights(path)
        assert 0 <= made.seed < 2**63


def constants(arrays: dict[str, np.ndarray]) -> str:
    return next(name for name, values in arrays.items() if name.startswith("fitted:") and values.dtype.kind == "f")


CONSTANTS = {
    "another shape": lambda arrays: {**arrays, constants(arrays): np.zeros((3, 3))},
    "texts for numbers": lambda arrays: {**arrays, constants(arrays): np.array(["a"])},
    "numbers for names": lambda arrays: {**arrays, "fitted:people/port.class.names": np.zeros(3)},
    "one too few": lambda arrays: {name: values for name, values in arrays.items() if name != constants(arrays)},
    "one too many": lambda arrays: {**arrays, "fitted:people/other": np.zeros(3)},
    "of other data": lambda arrays: {**arrays, "fitted:nobody/x": np.zeros(3)},
    "of a name that goes up": lambda arrays: {**arrays, "fitted:../../x": np.zeros(3)},
}


@pytest.mark.parametrize("change", CONSTANTS.values(), ids=CONSTANTS)
def test_what_a_file_says_was_learnt_from_data_must_be_what_the_program_learns(model, tmp_path, change):
    made, folder = model
    arrays, about = files.read_weights_file(folder / "w.npz", made.generated.program)
    files.write_arrays(tmp_path / "w.npz", {**change(arrays), files.ABOUT: np.array(json.dumps(about))})
    assert refused(made, tmp_path / "w.npz") in ("NN604", "NN605")


@pytest.mark.parametrize("values", [np.array([["a", "b"]] * 3), np.zeros((1, 3), complex), np.zeros((1, 3), "M8[s]")])
def test_weights_that_are_no_numbers_are_refused(model, tmp_path, values):
    made, folder = model
    arrays, _ = files.read_weights_file(folder / "w.npz", made.generated.program)
    name, like = next((name, like) for name, like in arrays.items() if like.ndim == 2)
    files.write_arrays(tmp_path / "w.npz", {**arrays, name: np.resize(values, like.shape)})
    assert refused(made, tmp_path / "w.npz") == "NN605"


# ------------------------------------------------------------------------------------------------ archives


def npy(values: Any, **header: Any) -> bytes:
    written = io.BytesIO()
    np.lib.format.write_array(written, np.asarray(values), allow_pickle=True)
    content = written.getvalue()
    if header:
        start = {"descr": "<f8", "fortran_order": False, "shape": (1,), **header}
        text = repr(start).encode().ljust(118) + b"\n"
        content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content[-8:]
    return content


def archive(*members: tuple[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", kind) as made:
        for name, content in members:
            made.writestr(name, content)
    return written.getvalue()


class Payload:
    """Unpickling this would run a command."""

    def __reduce__(self):
        return (Path.touch, (Path("unpickled"),))


def bomb(size: int = 1 << 29) -> bytes:
    """An archive of an array of zeros, far smaller than they are."""
    head = npy([0.0], shape=(size // 8,))[:-8]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made, made.open("fitted:people/x.npy", "w") as member:
        member.write(head)
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return written.getvalue()


ARCHIVES = {
    "objects": lambda: archive(("Net/dense/kernel.npy", npy(np.array([Payload()], object)))),
    "a pickle": lambda: archive(("archive/data.pkl", pickle.dumps(Payload()))),
    "a header that is a program": lambda: archive(("a.npy", npy([1.0], shape="__import__('os')"))),
    "records": lambda: archive(("a.npy", npy(np.zeros(2, [("x", "f4"), ("y", "O")])))),
    "a shape beyond all memory": lambda: archive(("Net/dense/kernel.npy", npy([1.0], shape=(10**9, 10**9)))),
    "a negative shape": lambda: archive(("Net/dense/kernel.npy", npy([1.0], shape=(-1,)))),
    "two of one name": lambda: archive(("a.npy", npy([1.0])), ("a", npy([1.0]))),
    "a bomb": bomb,
    "a bomb of another packer": lambda: archive(("a.npy", npy(np.zeros(1 << 23))), kind=zipfile.ZIP_BZIP2),
    "an archive in an archive": lambda: archive(("a.npy", archive(("b.npy", npy([1.0]))))),
    "names that go up": lambda: archive(("../../outside.npy", npy([1.0])), ("/etc/outside.npy", npy([1.0]))),
    "half of one": lambda: archive(("a.npy", npy(np.arange(1000.0))))[:300],
    "garbage": lambda: b"PK\x03\x04" + bytes(range(256)) * 4,
    "packed garbage": lambda: bz2.compress(b"x" * 10_000),
    "a header that is far too long": lambda: archive(
        ("a.npy", b"\x93NUMPY\x02\x00" + (10**9).to_bytes(4, "little") + b" " * 100)
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES)
def test_a_hostile_archive_is_refused_before_it_is_unpacked(model, tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.npz"
    path.write_bytes(make())
    assert refused(model[0], path) in ("NN604", "NN605")
    assert {found.name for found in tmp_path.iterdir()} == {"w.npz"}


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors", "w.npz"])
def test_a_pickle_is_never_opened_and_how_to_convert_it_is_said(model, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for content in (pickle.dumps(Payload()), archive(("archive/data.pkl", pickle.dumps(Payload())))):
        (tmp_path / name).write_bytes(content)
        for read in (model[0].load_weights, lambda path: import_weights(model[0], path, "pytorch")):
            with pytest.raises(UserError) as raised:
                read(tmp_path / name)
            (diagnostic,) = raised.value.diagnostics
            assert diagnostic.code == "NN605"
            assert "weights_only=True" in (diagnostic.help or "")
    assert {found.name for found in tmp_path.iterdir()} == {name}


def test_no_file_of_this_project_unpickles() -> None:
    """`allow_pickle=True` stands nowhere, `pickle` is imported nowhere."""
    root = Path(nndsl.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "allow_pickle=True" not in text, path
        assert "import pickle" not in text and "import marshal" not in text and "import shelve" not in text, path
        if "np.load(" in text or "numpy.load(" in text:
            assert "allow_pickle=False" in text, path


# ------------------------------------------------------------------------------------------------ anything at all


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few bytes changed, left out, doubled or put in, or its end missing."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        stop = min(len(content), start + draw(st.integers(0, 12)))
        match draw(st.integers(0, 4)):
            case 0:
                content = content[:start] + draw(st.binary(max_size=8)) + content[stop:]
            case 1:
                content = content[:start] + content[stop:]
            case 2:
                content = content[:stop] + content[start:stop] + content[stop:]
            case 3:
                bit = 1 << draw(st.integers(0, 7))
                content = content[:start] + bytes(byte ^ bit for byte in content[start:stop]) + content[stop:]
            case _:
                content = content[:start]
    return content


FUZZING = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz"])
def test_any_damage_to_a_weights_file_is_refused_or_does_no_harm(model, tmp_path, name):
    made, folder = model
    whole = (folder / name).read_bytes()

    @FUZZING
    @given(damaged(whole) | st.binary(max_size=200).map(lambda tail: whole[:8] + tail))
    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        for read in (made.load_weights, lambda path: import_weights(made, path, "keras")):
            try:
                read(tmp_path / name)
            except UserError as mistake:
                assert mistake.diagnostics[0].code in ("NN604", "NN605")
                render_all(mistake.diagnostics)

    check()
    made.load_weights(folder / name)


def test_any_damage_to_columns_is_refused_or_does_no_harm(tmp_path):
    path = tmp_path / "columns.npz"
    files.write_columns(path, {"all": {"x": np.arange(12.0).reshape(4, 3), "name": np.array(["a", "b", "c", "d"])}})
    whole = path.read_bytes()

    @FUZZING
    @given(damaged(whole))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        try:
            files.read_columns(path)
        except files.FileError as failure:
            assert "\n" not in str(failure)

    check()
