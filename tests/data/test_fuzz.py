"""Whatever bytes a file holds, every reader reads them or says in a diagnostic what is wrong: never a traceback."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndsl.data import files, open_file, open_reader
from nndsl.diagnostics import UserError


def npz(save: object) -> bytes:
    file = io.BytesIO()
    save(file, a=np.arange(6.0).reshape(3, 2), t=np.array(["x", "yz", ""]), b=np.array([b"x", b"y", b""]))
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(12, dtype=np.int16).reshape(3, 4))
    return file.getvalue()


CSV = 'a,b,"c d"\n1,x,true\n2.5,"y, ""z""",false\n,é,true\n'.encode()
SEEDS: dict[str, list[bytes]] = {
    "csv": [CSV, gzip.compress(CSV, mtime=0), CSV.decode().encode("utf-16")],
    "text": [b"Ein kurzer Text, nicht mehr.\n", gzip.compress(b"text", mtime=0)],
    "npz": [npz(np.savez), npz(np.savez_compressed)],
    "npy": [npy()],
    "idx": [b"\0\0\x08\x02\0\0\0\x03\0\0\0\x02abcdef", gzip.compress(b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", mtime=0)],
    "parquet": [b"PAR1" + bytes(60) + b"PAR1"],
}
ARGUMENTS = {"idx": "images"}


@st.composite
def contents(draw: st.DrawFn, reader: str) -> bytes:
    """Any bytes, any behind a true beginning, or a whole file with some bytes changed, cut or put in."""
    seed = draw(st.sampled_from(SEEDS[reader]))
    match draw(st.sampled_from(["any", "beginning", "changed"])):
        case "any":
            return draw(st.binary(max_size=200))
        case "beginning":
            return seed[: draw(st.integers(0, 16))] + draw(st.binary(max_size=100))
        case _:
            made = bytearray(seed)
            for _ in range(draw(st.integers(1, 4))):
                made[draw(st.integers(0, len(made) - 1))] = draw(st.integers(0, 255))
            place = draw(st.integers(0, len(made)))
            made[place:place] = draw(st.binary(max_size=6))
            return bytes(made[: draw(st.integers(1, len(made)))])


def read_all(table: object) -> None:
    """Everything that a table offers."""
    for column in table.schema:
        if column.problem is not None:
            continue
        assert len(table.read([column.name])[column.name]) == column.rows
        table.read_rows([column.name], np.array([0, column.rows - 1, 0]))
        assert sum(len(block[column.name]) for block in table.blocks([column.name])) == column.rows
        table.place(column.name, 0)
        table.missing_row(column.name)
        table.lies_at(column.name)
        if not column.shape:
            table.classes(column.name)
        if column.kind == "text":
            table.not_a_number(column.name)
    table.content()


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("reader", SEEDS)
@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_any_bytes_are_read_or_explained(tmp_path_factory, reader, mapped, data):
    if reader == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path_factory.getbasetemp()
    (folder / "file").write_bytes(data.draw(contents(reader)))
    least = 0 if mapped else 1 << 20
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "MAPPED_FROM_BYTES", least)
        try:
            read_all(open_reader(reader, {ARGUMENTS.get(reader, "path"): "file", **_defaults(reader)}, folder))
        except UserError as mistake:
            assert all(diagnostic.code.startswith("NN4") for diagnostic in mistake.diagnostics)


def _defaults(reader: str) -> dict[str, object]:
    from nndsl.data import READERS

    return {p.name: p.default for p in READERS[reader].parameters if not p.required}


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=12), st.binary(max_size=60))
def test_any_name_on_the_command_line_is_read_or_explained(tmp_path_factory, name, content):
    folder = tmp_path_factory.getbasetemp() / "named"
    folder.mkdir(exist_ok=True)
    for ending in (".csv", ".npz", ".parquet", ""):
        path = folder / Path(f"{name}{ending}").name
        try:
            path.write_bytes(content)
        except (OSError, ValueError):
            continue
        try:
            read_all(open_file(path))
        except UserError as mistake:
            assert mistake.diagnostics
        path.unlink()


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=20), st.sampled_from(["csv", "npz", "images", "text", "builtin", "idx"]))
def test_any_path_in_a_program_is_explained(tmp_path_factory, path, reader):
    first = {"idx": "images", "builtin": "name"}.get(reader, "path")
    folder = tmp_path_factory.getbasetemp() / "paths"
    folder.mkdir(exist_ok=True)
    with pytest.raises(UserError):
        open_reader(reader, {**_defaults(reader), first: path}, folder)
