"""docs/data.md: its files are made, its programs train, and its messages are those that come."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import nndsl
from nndsl.check import check
from nndsl.cli.topics import topics
from nndsl.data import READERS
from nndsl.diagnostics import UserError
from nndsl.source import SourceFile
from tests.docs.page import Block, Page, with_shapes_asserted

PAGE = Page.of("data.md")
PROGRAMS = [block for block in PAGE.blocks("nn") if block.words == ("nn",)]
MISTAKES = PAGE.blocks("nn-error")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the page shows, and those that its Python lines make."""
    pytest.importorskip("PIL")
    pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("data")
    PAGE.write_files(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(path)
        for block in PAGE.blocks("python"):
            exec(compile(block.text, block.id, "exec"), {})
    return path


def program(block: Block, folder: Path, name: str = "example.nn") -> Path:
    path = folder / name
    path.write_text(block.text, encoding="utf-8")
    return path


@pytest.mark.parametrize("block", PROGRAMS, ids=[block.id for block in PROGRAMS])
def test_a_program_of_the_page_trains(block: Block, folder: Path) -> None:
    path = program(block, folder)
    asserted = with_shapes_asserted(block.text)
    assert not check(SourceFile("example.nn", asserted, path)).warnings
    rows = [row["train.loss"] for row in nndsl.load(path).fit(epochs=15)]
    assert np.isfinite(rows).all()
    assert min(rows[5:]) < rows[0]


FILES = [row[0].strip("`") for row in PAGE.rows("NumPy, Parquet, MNIST's format")]


@pytest.mark.parametrize("reader", FILES)
def test_a_file_of_each_kind_is_read(reader: str, folder: Path) -> None:
    assert len(FILES) == 4
    lines = f"""data d from {reader} {{
  label = class(column("label"))
}}

model Guess {{
  input label
  one_hot(label, 2) -> Dense(d.label.classes)
}}

train Guess on d {{
  epochs = 1
  batch_size = 10
  minimize cross_entropy(Guess(label), label) using SGD
}}
"""
    (folder / "kinds.nn").write_text(lines, encoding="utf-8")
    (row,) = nndsl.load(folder / "kinds.nn").fit()
    assert np.isfinite(row["train.loss"])


def test_data_by_name_is_checked_without_fetching_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nndsl.data.builtin.kept", None)
    (block,) = [block for block in PAGE.blocks("nn") if "unfetched" in block.words]
    assert not check(SourceFile("example.nn", with_shapes_asserted(block.text), folder / "example.nn")).warnings


@pytest.mark.parametrize("block", MISTAKES, ids=[block.id for block in MISTAKES])
def test_a_mistake_of_the_page_gets_its_message(block: Block, folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        check(SourceFile("example.nn", block.text, folder / "example.nn"))
    found = caught.value.diagnostics[0]
    (said,) = [each for each in PAGE.blocks("text") if each.words == ("text", "said", block.words[1])]
    assert (found.code, found.message) == (block.words[1], said.text.strip())


def test_new_rows_are_answered_in_the_units_of_the_column(folder: Path) -> None:
    model = nndsl.load(program(PROGRAMS[0], folder))
    model.fit(epochs=100)
    prices = model.predict(folder / "new.csv")["price"][:, 0]
    assert len(prices) == 3
    assert ((prices > 50_000) & (prices < 800_000)).all()


def test_pictures_and_folders_of_them_are_answered(folder: Path) -> None:
    (block,) = [block for block in PROGRAMS if "from images(" in block.text]
    model = nndsl.load(program(block, folder))
    model.fit(epochs=1)
    assert len(model.predict(folder / "shapes")["shape"]) == 24
    assert model.predict(folder / "shapes" / "cross" / "1.png")["shape"].tolist()[0] in ("circle", "cross")


def test_every_reader_and_layer_of_augmentation_is_on_the_page() -> None:
    for name in READERS:
        assert f"`{name}" in PAGE.text or f"from {name}(" in PAGE.text, name
    layers = {topic.name for topic in topics() if topic.family == "layers"}
    for name in {each for each in layers if each.startswith(("Random", "Gaussian"))}:
        assert f"`{name}`" in PAGE.section("Pictures")


def test_links_lead_to_pages_that_are_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.text):
        assert (PAGE.path.parent / target.partition("#")[0]).exists(), target
