"""Data that is fetched: once, checked, kept whole; and what is said where that fails. The server is a local one."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nndsl.data import BUILTINS, open_reader
from nndsl.data.builtin import Part, _read_cifar, _read_idx
from nndsl.data.downloads import MIRROR, RemoteFile

IMAGES = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.astype(np.uint8).tobytes(), mtime=0)


def cifar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


COLOURS = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), np.uint8)
ROWS = [bytes([label]) + COLOURS[n].transpose(2, 0, 1).tobytes() for n, label in enumerate((3, 9, 0, 3))]
FILES = {
    "/mnist/images.gz": idx(IMAGES),
    "/mnist/labels.gz": idx(np.array([7, 0, 9])),
    "/fashion_mnist/images.gz": idx(IMAGES),
    "/fashion_mnist/labels.gz": idx(np.array([0, 9, 7])),
    "/cifar10/cifar.tar.gz": cifar({"a.bin": ROWS[0] + ROWS[1], "b.bin": ROWS[2], "t.bin": ROWS[3], "x.txt": b"?"}),
}


@pytest.fixture
def server(monkeypatch):
    """A server of `FILES`; `server.asked` are the paths it was asked for, `server.wrong` what it answers otherwise."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            made.asked.append(self.path)
            code, content, length = made.wrong.get(self.path, (200, FILES.get(self.path), None))
            if content is None:
                code, content = 404, b"not here"
            self.send_response(code)
            self.send_header("Content-Length", str(length or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.wrong = [], {}
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{made.server_port}/")
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture(autouse=True)
def small_sets(monkeypatch):
    """The data sets, of a few rows."""

    def file(path: str) -> RemoteFile:
        content = FILES[path]
        return RemoteFile(path.rpartition("/")[2], len(content), hashlib.sha256(content).hexdigest())

    for name in ("mnist", "fashion_mnist"):
        files = (file(f"/{name}/images.gz"), file(f"/{name}/labels.gz"))
        part = Part(3, files, _read_idx)
        monkeypatch.setitem(BUILTINS, name, replace(BUILTINS[name], parts={"train": part, "test": part}))
    archive = (file("/cifar10/cifar.tar.gz"),)
    parts = {
        "train": Part(3, archive, _read_cifar(("a.bin", "b.bin"))),
        "test": Part(1, archive, _read_cifar(("t.bin",))),
    }
    monkeypatch.setitem(BUILTINS, "cifar10", replace(BUILTINS["cifar10"], parts=parts))


def opened(name: str = "mnist", part: str | None = None):
    return open_reader("builtin", {"name": name, "part": part}, Path())


def cache() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"], "nndsl", "datasets")


def test_files_are_fetched_once_and_kept(server, capsys):
    columns = opened().read(["image", "label"])
    assert (columns["image"] == IMAGES).all()
    assert columns["label"].tolist() == [7, 0, 9]
    assert server.asked == ["/mnist/images.gz", "/mnist/labels.gz"]
    assert "fetching http://127.0.0.1" in capsys.readouterr().err
    assert (opened(part="test").read(["image"])["image"] == IMAGES).all()
    assert len(server.asked) == 2
    assert sorted(path.name for path in (cache() / "mnist").iterdir()) == ["images.gz", "labels.gz"]
    assert capsys.readouterr().err == ""


def test_labels_of_clothes_and_things_are_names_in_the_order_of_their_makers(server):
    table = opened("fashion_mnist")
    assert table.classes("label")[:2] == ("T-shirt/top", "Trouser")
    assert table.read(["label"])["label"].tolist() == ["T-shirt/top", "Ankle boot", "Sneaker"]


def test_cifar_is_read_out_of_its_archive(server):
    columns = opened("cifar10").read(["image", "label"])
    assert (columns["image"] == COLOURS[:3]).all()
    assert columns["label"].tolist() == ["cat", "truck", "airplane"]
    assert (opened("cifar10", "test").read(["image"])["image"] == COLOURS[3:]).all()
    assert server.asked == ["/cifar10/cifar.tar.gz"]


def test_nothing_is_fetched_to_check_a_program(server, tmp_path):
    import nndsl

    (tmp_path / "t.nn").write_text(
        'data m from builtin("mnist") {\n  image = column("image") / 255\n  label = class(column("label"))\n'
        '  test from builtin("mnist", part=test)\n}\n'
        "model N {\n  input image\n  Flatten\n  Dense(m.label.classes)\n}\n"
        "train N on m {\n  epochs = 1\n  scores = N(image)\n  minimize cross_entropy(scores, label) using SGD\n}\n"
    )
    model = nndsl.load(tmp_path / "t.nn")
    assert server.asked == []
    model.fit()
    assert np.isfinite(model.evaluate(part="test")["loss"])
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, None, None), "the server says 404"),
        ((500, b"", None), "the server says 500"),
        ((200, b"x" * len(FILES["/mnist/labels.gz"]), None), "its SHA-256 is not the one it should be"),
        ((200, FILES["/mnist/labels.gz"][:-5], None), "bytes arrived"),
        ((200, FILES["/mnist/labels.gz"][:-5], len(FILES["/mnist/labels.gz"])), "bytes arrived"),
        ((200, FILES["/mnist/labels.gz"] + b"more", None), "it is longer than"),
    ],
)
def test_what_does_not_arrive_as_it_should_is_not_kept(server, said, answer, words):
    server.wrong["/mnist/labels.gz"] = answer
    table = opened()
    diagnostic = said(lambda: table.read(["image"]))
    assert diagnostic.code == "NN428"
    assert "labels.gz of mnist is not on this machine yet" in diagnostic.message
    assert words in diagnostic.notes[0]
    assert str(cache() / "mnist") in diagnostic.help
    assert [path.name for path in (cache() / "mnist").iterdir()] == ["images.gz"]
    del server.wrong["/mnist/labels.gz"]
    assert table.read(["label"])["label"].tolist() == [7, 0, 9]


def test_without_a_network_it_says_where_to_put_the_files(monkeypatch, said):
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:1")
    diagnostic = said(lambda: opened().read(["image"]))
    assert "refused" in diagnostic.notes[0]
    folder = cache() / "mnist"
    assert f"put images.gz into {folder}" in diagnostic.help
    for name in ("images.gz", "labels.gz"):
        (folder / name).write_bytes(FILES[f"/mnist/{name}"])
    assert opened().read(["label"])["label"].tolist() == [7, 0, 9]


def test_a_copy_that_was_damaged_is_fetched_again(server, said):
    opened().read(["label"])
    kept = cache() / "mnist" / "labels.gz"
    kept.write_bytes(b"x" * kept.stat().st_size)
    assert opened().read(["label"])["label"].tolist() == [7, 0, 9]
    kept.write_bytes(b"")
    server.wrong["/mnist/labels.gz"] = (404, None, None)
    assert "labels.gz of mnist is damaged on this machine" in said(lambda: opened().read(["label"])).message


@pytest.mark.parametrize("address", ["ftp://example.org", "file:///etc", "nonsense", "http://[", "http://127.0.0.1:x"])
def test_addresses_that_are_none(monkeypatch, said, address):
    monkeypatch.setenv(MIRROR, address)
    assert said(lambda: opened().read(["image"])).code == "NN428"


def test_a_cache_that_cannot_be_written_is_named(server, monkeypatch, tmp_path, said):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    diagnostic = said(lambda: opened().read(["image"]))
    assert (diagnostic.code, "not a directory" in diagnostic.notes[0]) == ("NN428", True)


def test_files_of_the_right_checksum_that_hold_something_else_are_damaged(server, monkeypatch, said):
    part = replace(BUILTINS["mnist"].parts["train"], rows=4)
    monkeypatch.setitem(BUILTINS, "mnist", replace(BUILTINS["mnist"], parts={"train": part}))
    assert said(lambda: opened().read(["image"])).code == "NN405"
    part = replace(BUILTINS["cifar10"].parts["train"], rows=2)
    monkeypatch.setitem(BUILTINS, "cifar10", replace(BUILTINS["cifar10"], parts={"train": part}))
    assert said(lambda: opened("cifar10").read(["image"])).code == "NN405"


def test_data_without_parts_has_none(said):
    assert said(lambda: opened("digits", "test")).code == "NN402"
