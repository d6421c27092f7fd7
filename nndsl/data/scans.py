"""What a scan of a text file found, kept by the file's content, so that `check` need not read a large file twice."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from nndsl.records import record

KEPT_FROM_BYTES = 1 << 20
"""Files below this are scanned faster than it takes to look."""

_FORMAT = 2
"""Grows whenever a scan of the same file would find something else."""


@record
class ColumnScan:
    """What a column of text cells turned out to hold.

    kind: "number", "text" or "bool". missing: how many values are; first_missing: the row of the first. widest:
    length of the longest.
    not_number: (row, text) of the first cell that is no number, in a text column. truths: its numbers are written
    true and false (with some missing: else it is "bool").
    names: its different names in their order, None where there are too many to keep.
    """

    name: str
    kind: str
    missing: int
    first_missing: int | None
    widest: int
    not_number: tuple[int, str] | None
    truths: bool
    names: tuple[str, ...] | None


@record
class Scan:
    """The columns of a file and the number of its rows."""

    columns: tuple[ColumnScan, ...]
    rows: int


def content_key(paths: Sequence[Path], *options: object) -> str:
    """A key for what reading the files' present content with these options gives."""
    import hashlib

    digest = hashlib.blake2b(repr((_FORMAT, options)).encode())
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()[:40]


def load_scan(key: str) -> Scan | None:
    """The scan kept under `key`; None where there is none, or none that can be read."""
    folder = cache_folder("scans")
    if folder is None:
        return None
    try:
        return _from_json((folder / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not kept, or cut short: it is only a shortcut, the file is scanned again


def save_scan(key: str, scan: Scan) -> None:
    """Keeps a scan. Where that is impossible the next scan just takes as long as this one."""
    folder = cache_folder("scans")
    if folder is None:
        return
    unfinished = folder / f"{key}.{os.getpid()}.unfinished"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(asdict(scan)), encoding="utf-8")
        unfinished.replace(folder / f"{key}.json")


def cache_folder(kind: str) -> Path | None:
    """Where copies of such a kind are kept, in the user's cache folder; None for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base, "nndsl", kind)
    try:
        return Path.home() / ".cache" / "nndsl" / kind
    except RuntimeError:
        return None


def _from_json(text: str) -> Scan:
    found = json.loads(text)
    columns = tuple(
        ColumnScan(
            name=str(column["name"]),
            kind={"number": "number", "text": "text", "bool": "bool"}[column["kind"]],
            missing=int(column["missing"]),
            first_missing=None if column["first_missing"] is None else int(column["first_missing"]),
            widest=int(column["widest"]),
            not_number=None
            if column["not_number"] is None
            else (int(column["not_number"][0]), str(column["not_number"][1])),
            truths=bool(column["truths"]),
            names=None if column["names"] is None else tuple(map(str, column["names"])),
        )
        for column in found["columns"]
    )
    return Scan(columns, int(found["rows"]))
