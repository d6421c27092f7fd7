"""Files of named arrays, `.npz` and `.safetensors`: read strictly, since anybody may have made them.

Nothing is ever unpickled, and nothing takes more memory than the file says beforehand.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from nndsl.runtime.standalone.program import Array, Table
from nndsl.runtime.standalone.stored import StoredColumn, StoredError

SAFETENSORS_METADATA = "nndsl"
"""The entry of a `.safetensors` file's metadata that holds, as JSON, what `ABOUT` does and the arrays of texts."""

LONGEST_HEAD = 100_000_000
"""Bytes; as for everybody who reads such files."""

LONGEST_NPY_HEAD = 10_000
"""Bytes; NumPy's own limit."""

MOST_AXES = 32

LEFT_FROM_BYTES = 1 << 20
"""Arrays below this are read even where the data is streamed: a label need not be fetched for each batch."""

MEMBER_HEADER = struct.Struct("<26xHH")
"""What stands before each member of an archive; its last two numbers are the lengths of its name and its extras."""

MOST_COMPRESSED = 1040
"""Deflate makes nothing more than 1032 times smaller; an archive that claims to is there to fill the memory."""

LARGEST_EXTRAS = 1 << 28
"""Bytes of a weights file besides weights and states: what was learnt from data, and texts."""

SAFETENSORS_KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}
"""Kinds of numbers by their names in the head of a `.safetensors` file, as NumPy has their bytes."""

OTHER_FORMATS = (
    (b"\x80", "a Python pickle, which runs whatever its author wrote into it and is never opened"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "one array without a name"),
)
"""How files begin that are given for weights files, and what they are."""


class FileError(Exception):
    """A file that can't be used; the message says which and why, in one line."""


def is_archive(path: Path, help: str) -> bool:
    """Whether a file is a zip archive, as `.npz` files are, else a `.safetensors` file.

    Raises FileError, with `help`, for a file that is known to be neither.
    """
    try:
        if not path.is_file():
            raise FileError(f"can't read {path}: there is no such file")
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise FileError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from None
    if start.startswith(b"PK"):
        return True
    what = next((what for magic, what in OTHER_FORMATS if start.startswith(magic)), None)
    # A safetensors file begins with the length of its head, which may begin with any byte but is no large number.
    if what is not None and int.from_bytes(start, "little") > LONGEST_HEAD:
        raise FileError(f"{path} is {what}; {help}")
    return False


def read_safetensors_file(path: Path) -> tuple[Table, dict[str, Any]]:
    """The arrays of a `.safetensors` file, and what nndsl wrote into it about itself. Raises FileError.

    It is the length of its head in 8 bytes, its head (JSON: kind, shape and place of each array), and the numbers.
    The arrays are views of the file's bytes.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = path.stat().st_size - 8 - length
            if length > LONGEST_HEAD or size < 0:
                raise FileError(f"{path} is not a .safetensors file, or is cut off")
            head: Any = json.loads(file.read(length))
            content = file.read(size + 1)
        if len(content) != size:
            raise FileError(f"{path} is cut off, or was changed meanwhile")
        metadata: dict[str, str] = dict(head.pop("__metadata__", {}))
        arrays = {name: _array_in(content, entry) for name, entry in head.items()}
        if sum(entry["data_offsets"][1] - entry["data_offsets"][0] for entry in head.values()) != size:
            raise FileError(f"{path} is damaged: its head and its numbers don't agree")
        about = dict(json.loads(metadata.get(SAFETENSORS_METADATA, "{}")))
        arrays |= {name: _texts(texts) for name, texts in dict(about.pop("texts", {})).items()}
    except OSError as error:
        raise FileError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise FileError(f"{path} is not a .safetensors file, or is damaged") from None
    return arrays, about


def _array_in(content: bytes, entry: Mapping[str, Any]) -> Array:
    """An array of a `.safetensors` file. Raises ValueError, KeyError or TypeError for an entry that makes no sense."""
    start, stop = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if any(type(number) is not int or number < 0 for number in (start, stop, *shape)) or len(shape) > MOST_AXES:
        raise ValueError
    kind = np.dtype(SAFETENSORS_KINDS[entry["dtype"]])
    count = math.prod(shape)
    if not start <= stop <= len(content) or stop - start != count * kind.itemsize:
        raise ValueError
    values: Array = np.frombuffer(content, kind, count, start).reshape(shape) if count else np.zeros(shape, kind)
    if entry["dtype"] == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def _texts(texts: Sequence[Any]) -> Array:
    """A list of texts as an array. Raises ValueError where it is something else, or would fill the memory."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError
    if len(texts) * max(map(len, texts), default=0) * 4 > LARGEST_EXTRAS:
        raise ValueError
    return np.array(texts, np.str_)


@dataclass(frozen=True, slots=True)
class NpyHead:
    """What an array in an archive says about itself. size: of its numbers, in bytes; start: where they begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    start: int

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_arrays(
    path: Path,
    accept: Callable[[Mapping[str, NpyHead]], None] | None = None,
    only: str | None = None,
    without: Collection[str] = (),
) -> Table:
    """The arrays of an `.npz` file, or the one called `only` if it is there. Raises FileError for anything else.

    Nothing is unpacked that does not hold what its head says, and nothing before `accept` has seen all heads. without:
    those that are not wanted.
    """
    if not is_archive(path, "an .npz file is wanted"):
        raise FileError(f"{path} is not an .npz file of arrays")
    try:
        with ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise FileError(f"{path} holds two arrays of one name")
            chosen = {name: info for name, info in members.items() if only in (None, name) and name not in without}
            heads = {name: _npy_head(archive, info) for name, info in chosen.items()}
            if accept is not None:
                accept(heads)
            return {name: _npy_array(archive.read(members[name]), head) for name, head in heads.items()}
    except (ValueError, EOFError, BadZipFile, KeyError, TypeError, RuntimeError, OverflowError, zlib.error) as error:
        raise FileError(f"{path} is not an .npz file of arrays: {error}") from None
    except OSError as error:
        raise FileError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from None


def stored_arrays(path: Path) -> dict[str, StoredColumn]:
    """The large arrays of an `.npz` file that lie in it row after row, not compressed; they stay there.

    Raises FileError as `read_arrays`.
    """
    found: dict[str, StoredColumn] = {}
    try:
        with ZipFile(path) as archive, path.open("rb") as file:
            for info in archive.infolist():
                head = _npy_head(archive, info)
                by_rows = len(head.shape) == 1 or (len(head.shape) > 1 and not head.fortran_order)
                if info.compress_type != ZIP_STORED or head.size < LEFT_FROM_BYTES or not by_rows:
                    continue
                file.seek(info.header_offset)
                lengths = MEMBER_HEADER.unpack(file.read(MEMBER_HEADER.size))
                start = info.header_offset + MEMBER_HEADER.size + sum(lengths) + head.start
                found[info.filename.removesuffix(".npy")] = StoredColumn(path, start, head.dtype.str, head.shape)
    except (ValueError, EOFError, BadZipFile, KeyError, TypeError, RuntimeError, OverflowError, struct.error) as error:
        raise FileError(f"{path} is not an .npz file of arrays: {error}") from None
    except (OSError, StoredError) as error:
        raise FileError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from None
    return found


def _npy_head(archive: ZipFile, info: ZipInfo) -> NpyHead:
    """What an array in an archive says about itself. Raises ValueError where it is none, or is not all there."""
    if info.file_size > MOST_COMPRESSED * (info.compress_size + 1):
        raise ValueError(f"{info.filename} would unpack to {info.file_size:,} bytes")
    with archive.open(info) as entry:
        version = np.lib.format.read_magic(entry)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{info.filename} is of an unknown version of the format")
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(entry, max_header_size=LONGEST_NPY_HEAD)
        head = NpyHead(shape, dtype, fortran_order, entry.tell())
    if dtype.hasobject:
        raise ValueError(f"{info.filename} holds Python objects, which are never loaded")
    if len(shape) > MOST_AXES or any(length < 0 for length in shape) or info.file_size != head.start + head.size:
        raise ValueError(f"{info.filename} is not as large as it says")
    return head


def _npy_array(content: bytes, head: NpyHead) -> Array:
    """The array whose head and numbers are `content`."""
    if not head.size:
        return np.zeros(head.shape, head.dtype)
    values: Array = np.frombuffer(content, head.dtype, offset=head.start)
    return values.reshape(head.shape, order="F" if head.fortran_order else "C")
