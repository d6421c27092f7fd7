"""Pictures: folders of them by class, tables that name them, and what is said of those that can't be read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndsl.data import open_like, open_reader, open_table
from nndsl.diagnostics import UserError
from nndsl.ir.program import Pictures, ReaderCall
from nndsl.source import SourceFile, Span

Image = pytest.importorskip("PIL.Image")

SPAN = Span(SourceFile("t.nn", "x"), 0, 1)


def picture(height: int = 4, width: int = 6, mode: str = "RGB", seed: int = 0):
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def save(path: Path, made=None, **options: object) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = made or picture()
    made.save(path, **options)
    return np.asarray(made)


def opened(folder: Path, path: str = "pets", **arguments: object):
    return open_reader("images", {"path": path, "color_mode": "rgb", "resize": "stretch", **arguments}, folder)


def test_folders_are_labels_and_rows_come_by_label_and_name(tmp_path):
    first = save(tmp_path / "pets/cat/2.png", picture(seed=1))
    save(tmp_path / "pets/cat/10.PNG", picture(seed=2))
    save(tmp_path / "pets/cat/kittens/1.bmp", picture(seed=3))
    save(tmp_path / "pets/a dog/x.gif", picture(mode="L"))
    save(tmp_path / "pets/.hidden/x.png")
    save(tmp_path / "pets/cat/.hidden.png")
    (tmp_path / "pets/empty").mkdir()
    (tmp_path / "pets/cat/notes.txt").write_text("not a picture")
    table = opened(tmp_path)
    assert [(c.name, c.kind, c.shape, c.dtype, c.rows) for c in table.schema] == [
        ("image", "number", (4, 6, 3), "uint8", 4),
        ("label", "text", (), "<U5", 4),
        ("file", "text", (), "<U17", 4),
    ]
    columns = table.read(["image", "label", "file"])
    assert columns["label"].tolist() == ["a dog", "cat", "cat", "cat"]
    assert columns["file"].tolist() == ["a dog/x.gif", "cat/2.png", "cat/10.PNG", "cat/kittens/1.bmp"]
    assert (columns["image"][1] == first).all()
    assert (columns["image"][0][..., 0] == columns["image"][0][..., 2]).all()
    assert table.classes("label") == ("a dog", "cat")
    assert (table.read_rows(["image"], np.array([3, 1]))["image"] == columns["image"][[3, 1]]).all()
    assert table.place("image", 2) == "pets/cat/10.PNG, column image"


def test_pictures_without_folders_have_no_label_and_one_picture_is_a_row(tmp_path, said):
    values = save(tmp_path / "new/1.png")
    save(tmp_path / "new/2.png")
    table = opened(tmp_path, "new")
    assert [column.name for column in table.schema] == ["image", "file"]
    assert "a folder for each class" in said(lambda: table.column("label")).help
    alone = opened(tmp_path, "new/1.png").read(["image", "file"])
    assert (alone["image"][0] == values).all()
    call = ReaderCall("images", (("path", "pets"), ("size", (2, 3)), ("color_mode", "grayscale")), tmp_path, SPAN)
    for path in ("new", "new/1.png"):
        filled = ReaderCall(call.reader, (*call.arguments, ("resize", "stretch")), tmp_path, SPAN)
        assert open_like(tmp_path / path, filled).read(["image"])["image"].shape[1:] == (2, 3, 1)


@pytest.mark.parametrize(
    ("resize", "left", "right"), [("stretch", 255, 255), ("crop", 255, 255), ("pad", 0, 0)], ids=str
)
def test_other_proportions_are_stretched_cropped_or_padded(tmp_path, resize, left, right):
    wide = np.full((10, 40, 3), 255, np.uint8)
    wide[:, :5] = [255, 0, 0]
    save(tmp_path / "p/1.png", Image.fromarray(wide))
    made = opened(tmp_path, "p", size=(20, 20), resize=resize).read(["image"])["image"][0]
    assert made.shape == (20, 20, 3)
    assert (made[0, 0, 0], made[0, -1, 0]) == (left, right)
    red = (made[10, :, 1] < 128).sum()
    assert red == {"stretch": 2, "crop": 0, "pad": 2}[resize]
    assert (made[10, 10] == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "LA"])
def test_every_kind_of_colour_becomes_three_channels_or_one(tmp_path, mode):
    if mode == "I;16":
        made = Image.fromarray(np.full((4, 6), 0x8040, np.uint16))
    else:
        made = picture(mode="L").convert("RGB").convert(mode)
    save(tmp_path / "p/1.tif", made)
    colours = opened(tmp_path, "p").read(["image"])["image"]
    greys = opened(tmp_path, "p", color_mode="grayscale").read(["image"])["image"]
    assert colours.shape == (1, 4, 6, 3)
    assert greys.shape == (1, 4, 6, 1)
    assert np.abs(colours @ [0.299, 0.587, 0.114] - greys[..., 0]).max() < 3
    if mode == "I;16":
        assert (greys == 0x80).all()


def test_a_picture_that_the_camera_turned_is_turned_back(tmp_path):
    made = picture(4, 6)
    tags = Image.Exif()
    tags[0x0112] = 6  # to be turned clockwise by a quarter
    save(tmp_path / "p/1.png", made, exif=tags)
    found = opened(tmp_path, "p").read(["image"])["image"][0]
    assert (found == np.rot90(np.asarray(made), -1)).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no picture"), (b"text", "no picture"), (b"\x89PNG\r\n\x1a\n" + b"x" * 50, "p/2.png is damaged")],
)
def test_a_damaged_picture_is_named(tmp_path, said, content, words):
    save(tmp_path / "p/1.png")
    (tmp_path / "p/2.png").write_bytes(content)
    diagnostic = said(lambda: opened(tmp_path, "p").read(["image"]))
    assert diagnostic.code == "NN405"
    assert "p/2.png" in diagnostic.message
    assert words in diagnostic.message
    assert str(tmp_path) not in diagnostic.message


def test_a_truncated_picture_is_named(tmp_path, said):
    save(tmp_path / "p/1.jpg", picture(64, 64))
    content = (tmp_path / "p/1.jpg").read_bytes()
    (tmp_path / "p/1.jpg").write_bytes(content[: len(content) // 2])
    assert said(lambda: opened(tmp_path, "p").read(["image"])).code == "NN405"


def test_pictures_of_other_sizes_need_a_size(tmp_path, said):
    save(tmp_path / "p/1.png", picture(4, 6))
    save(tmp_path / "p/2.png", picture(5, 6))
    diagnostic = said(lambda: opened(tmp_path, "p").read(["image"]))
    assert (diagnostic.code, diagnostic.message) == ("NN418", "p/2.png has 5x6 pixels, p/1.png 4x6")
    assert "size=[4, 6]" in diagnostic.help


def test_a_picture_that_unpacks_to_too_much_is_refused(tmp_path, said, monkeypatch):
    save(tmp_path / "p/1.png", Image.new("1", (200, 100)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_000)
    assert "exceeds limit" in said(lambda: opened(tmp_path, "p", size=(8, 8)).read(["image"])).message


def test_numbers_of_32_bits_are_no_picture(tmp_path, said):
    save(tmp_path / "p/1.tif", Image.fromarray(np.ones((4, 6), np.float32)))
    assert said(lambda: opened(tmp_path, "p")).code == "NN417"


@pytest.mark.parametrize(
    ("made", "code"), [([], "NN401"), (["pets/"], "NN410"), (["pets/cat/a.png", "pets/b.png"], "NN427")]
)
def test_folders_that_hold_no_classes(tmp_path, said, made, code):
    for path in made:
        (tmp_path / path).mkdir() if path.endswith("/") else save(tmp_path / path)
    assert said(lambda: opened(tmp_path)).code == code


@pytest.mark.parametrize("size", [(0, 4), (4,), (4, 5.5), 3, (True, 4), (4, 10**9)])
def test_sizes_that_no_picture_has(tmp_path, said, size):
    save(tmp_path / "pets/1.png")
    assert said(lambda: opened(tmp_path, size=size)).code == "NN402"


def test_without_pillow_the_extra_is_named(tmp_path, said, monkeypatch):
    save(tmp_path / "pets/1.png")
    monkeypatch.setattr("nndsl.data.extras.find_spec", lambda name: None)
    assert said(lambda: opened(tmp_path)).help == 'pip install "nndsl[images]"'


# ------------------------------------------------------------------------------------------------ named in a table


def table_with(place: Path, rows: str, **options: object):
    (place / "d").mkdir(exist_ok=True)
    (place / "d/t.csv").write_text(f"file,label\n{rows}")
    said = {"name": "p", "column": "file", "size": None, "color_mode": "rgb", "resize": "stretch", "folder": None}
    pictures = Pictures(**{**said, **options}, span=SPAN)
    defaults = (("delimiter", None), ("header", True), ("encoding", "utf-8"), ("decimal", "."))
    return open_table(ReaderCall("csv", (("path", "d/t.csv"), *defaults), place, SPAN, (pictures,)))


def test_pictures_are_looked_for_beside_the_table_or_where_it_says(tmp_path):
    first = save(tmp_path / "d/1.png")
    second = save(tmp_path / "d/x/2.png", picture(seed=4))
    table = table_with(tmp_path, "1.png,a\nx/2.png,b\n1.png,c\n")
    assert table.column("p").shape == (4, 6, 3)
    found = table.read(["label", "p"])
    assert found["label"].tolist() == ["a", "b", "c"]
    assert (found["p"] == np.stack([first, second, first])).all()
    assert (table.read_rows(["p"], np.array([1]))["p"][0] == second).all()
    elsewhere = table_with(tmp_path, "2.png,a\n", folder="d/x")
    assert (elsewhere.read(["p"])["p"][0] == second).all()


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "x/../../secret.png", '"a\n../b.png"'])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, said, name):
    save(tmp_path / "secret.png")
    assert said(lambda: table_with(tmp_path, f"{name},a\n").read(["p"])).code in ("NN427", "NN401")


def test_a_picture_that_is_not_there_is_named_with_its_line(tmp_path, said):
    save(tmp_path / "d/1.png")
    table = table_with(tmp_path, "1.png,a\n3.png,b\n")
    diagnostic = said(lambda: table.read(["p"]))
    assert (diagnostic.code, diagnostic.message) == ("NN401", 'd/t.csv, line 3, column file: there is no file "3.png"')


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_damaged_pictures_are_read_or_explained(tmp_path, data):
    file = io.BytesIO()
    picture(16, 16).save(file, data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])))
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "p").mkdir(exist_ok=True)
    (tmp_path / "p/1.png").write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        assert opened(tmp_path, "p", size=(8, 8)).read(["image"])["image"].shape == (1, 8, 8, 3)
    except UserError as mistake:
        assert mistake.diagnostics
