"""Parts with files of their own: `test from csv("t.csv")`, checked as far as headers and scans say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nndsl
from nndsl.diagnostics import UserError

PROGRAM = """data d {from_file}{{
  x = standardize(columns("a", "b"))
  label = class(column("label"))
  {parts}
}}

model N {{
  input x
  Dense(d.label.classes)
}}

train N on d {{
  epochs = 2
  scores = N(x)
  minimize cross_entropy(scores, label) using Adam
  predict label = argmax(scores), x = x
}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = ["1,2,x", "3,4,y", "5,9,x", "2,2,y"]
    (tmp_path / "train.csv").write_text("\n".join(["a,b,label", *rows, ""]))
    (tmp_path / "test.csv").write_text("b,a,label\n40,30,y\n50,20,x\n")
    return tmp_path


def load(folder: Path, parts: str, from_file: str = 'from csv("train.csv") ') -> nndsl.Model:
    (folder / "p.nn").write_text(PROGRAM.format(from_file=from_file, parts=parts))
    return nndsl.load(folder / "p.nn")


def said(folder: Path, parts: str, from_file: str = 'from csv("train.csv") ') -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        load(folder, parts, from_file)
    return caught.value.diagnostics[0].code, caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("parts", "from_file"),
    [
        ('test from csv("test.csv")', 'from csv("train.csv") '),
        ('train from csv("train.csv")\n  test from csv("test.csv")', ""),
        ('test from csv("test.csv")\n  train from csv("train.csv")', ""),
        ('split train 100%\n  test from csv("t*t.csv")', 'from csv("train.csv") '),
    ],
)
def test_a_part_has_rows_of_its_own_and_teaches_nothing(folder, parts, from_file):
    model = load(folder, parts, from_file)
    model.fit()
    fitted = model.memory.fitted["d"]
    assert fitted["x.mean"].tolist() == [2.75, 4.25]
    tables = model.parts(model.checked.trains[0])
    assert {part: len(fields["label"]) for part, fields in tables.items()} == {"train": 4, "test": 2}
    expected = (np.array([[30, 40], [20, 50]]) - fitted["x.mean"]) / fitted["x.standard_deviation"]
    np.testing.assert_allclose(tables["test"]["x"], expected, rtol=1e-6)
    assert tables["test"]["label"].tolist() == [1, 0]
    found = model.predict({"a": np.array([30.0]), "b": np.array([40.0])})
    np.testing.assert_allclose(found["x"], expected[:1], rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("b,label\n1,x\n", "NN411", 'other.csv has no column "a"'),
        ("a,b,label\nq,1,x\n", "NN412", 'other.csv, line 2, column a: "q" is not a number'),
        ("a,b,label\n1,1,w\n", "NN415", 'other.csv: "w" in the column label is none of the classes x, y'),
        ("a,b,label\n1,1,x\n,1,x\n", "NN413", "other.csv, line 3, column a: the value is missing"),
        ("a,b,label\n", "NN410", "other.csv has no rows"),
    ],
)
def test_what_a_part_lacks_is_said_before_anything_runs(folder, content, code, message):
    (folder / "other.csv").write_text(content)
    assert said(folder, 'test from csv("other.csv")') == (code, message)


def test_rows_of_another_shape_are_refused(folder):
    np.savez(folder / "train.npz", a=np.ones(3), b=np.ones((3, 2)), label=np.array([0, 1, 0]))
    np.savez(folder / "test.npz", a=np.ones(3), b=np.ones((3, 4)), label=np.array([0, 1, 0]))
    text = PROGRAM.replace('standardize(columns("a", "b"))', 'standardize(column("b"))')
    (folder / "p.nn").write_text(text.format(from_file='from npz("train.npz") ', parts='test from npz("test.npz")'))
    with pytest.raises(UserError) as caught:
        nndsl.load(folder / "p.nn")
    assert caught.value.diagnostics[0].message == ("test.npz: a row of b has shape [4], in the block's file [2]")


@pytest.mark.parametrize(
    ("parts", "from_file", "words"),
    [
        ('split train 50%, test 50%\n  test from csv("test.csv")', 'from csv("train.csv") ', "and rows of the block's"),
        ('train from csv("train.csv")', 'from csv("train.csv") ', "and rows of the block's"),
        ('train from csv("train.csv")\n  split train 100%', "", "nothing is split"),
        ('test from csv("test.csv")\n  test from csv("test.csv")', 'from csv("train.csv") ', "is said twice"),
    ],
)
def test_a_part_has_its_rows_from_one_place(folder, parts, from_file, words):
    code, message = said(folder, parts, from_file)
    assert code == "NN454"
    assert words in message
