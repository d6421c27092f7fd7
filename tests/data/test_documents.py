"""Folders of text files by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.data import names, open_like, open_reader
from nndsl.ir.program import ReaderCall
from nndsl.source import SourceFile, Span

SPAN = Span(SourceFile("t.nn", "x"), 0, 1)


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def opened(folder: Path, path: str = "mail", encoding: str = "utf-8"):
    return open_reader("texts", {"path": path, "encoding": encoding}, folder)


def test_folders_are_labels_and_files_are_rows(tmp_path):
    write(
        tmp_path,
        {
            "mail/spam/10.txt": "Buy!\n",
            "mail/spam/9.txt": "\ufeffWin\nnow ",
            "mail/ham/deep/1.TXT": "Grüße",
            "mail/ham/picture.png": b"\0",
            "mail/.hidden/1.txt": "x",
        },
    )
    table = opened(tmp_path)
    assert [(c.name, c.kind, c.rows) for c in table.schema] == [
        ("text", "text", 3),
        ("label", "text", 3),
        ("file", "text", 3),
    ]
    columns = table.read(["text", "label", "file"])
    assert columns["text"].tolist() == ["Grüße", "Win\nnow", "Buy!"]
    assert columns["label"].tolist() == ["ham", "spam", "spam"]
    assert columns["file"].tolist() == ["ham/deep/1.TXT", "spam/9.txt", "spam/10.txt"]
    assert table.classes("label") == ("ham", "spam")
    assert table.read_rows(["text"], np.array([2, 0]))["text"].tolist() == ["Buy!", "Grüße"]
    assert table.place("text", 1) == "mail/spam/9.txt, column text"
    key = table.content()
    write(tmp_path, {"mail/ham/deep/1.TXT": "other"})
    assert opened(tmp_path).content() != key


def test_long_texts_are_kept_as_long_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "MOST_WIDE_BYTES", 100)
    write(tmp_path, {"mail/1.txt": "x" * 50, "mail/2.txt": "y"})
    found = opened(tmp_path).read(["text"])["text"]
    assert found.dtype.kind == "T"
    assert found.tolist() == ["x" * 50, "y"]


def test_new_texts_are_a_folder_or_a_file(tmp_path, said):
    write(tmp_path, {"new/1.txt": "a", "new/2.txt": "b"})
    call = ReaderCall("texts", (("path", "mail"), ("encoding", "utf-8")), tmp_path, SPAN)
    assert open_like(tmp_path / "new", call).read(["text"])["text"].tolist() == ["a", "b"]
    assert open_like(tmp_path / "new" / "2.txt", call).read(["text"])["text"].tolist() == ["b"]
    assert "a folder for each class" in said(lambda: opened(tmp_path, "new").column("label")).help


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"mail/a/x.png": b"x"}, "NN410"),
        ({"mail/a/1.txt": "x", "mail/2.txt": "y"}, "NN427"),
        ({"mail/1.txt": b"\xff\xfe"}, "NN406"),
        ({"mail/1.txt": b"a\0b"}, "NN404"),
        ({"other.txt": "x"}, "NN401"),
    ],
)
def test_folders_that_hold_no_texts(tmp_path, said, files, code):
    write(tmp_path, files)
    assert said(lambda: opened(tmp_path).read(["text"])).code == code
