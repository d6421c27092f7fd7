"""Files: let and --set, imports, data blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from nndsl.ir.program import DataProgram
from tests.check.programs import DIGITS, checked, mistakes, model, shapes

CSV = """name,age,fare,port,sex,survived
a,22,7.25,S,male,no
b,,71.3,C,female,yes
c,26,7.9,,female,yes
d,35,53.1,S,female,yes
"""


def data(folder: Path, *lines: str) -> DataProgram:
    """A data block over a small table."""
    (folder / "people.csv").write_text(CSV)
    body = "".join(f"  {line}\n" for line in lines)
    (program,) = checked(f'data people from csv("people.csv") {{\n{body}}}\n', folder=folder).data
    return program


# ---------------------------------------------------------------------------------------- let and --set


def test_set_replaces_a_let() -> None:
    text = "let hidden = 8\n" + model("Dense(hidden)")
    assert shapes(checked(text, hidden="16"))["M/dense/kernel"] == (4, 16)


@pytest.mark.parametrize(("name", "value"), [("hiden", "3"), ("hidden", "wide"), ("hidden", "true"), ("hidden", "[1]")])
def test_a_set_that_does_not_fit_is_refused(name: str, value: str) -> None:
    found = mistakes("let hidden = 8\n" + model("Dense(hidden)"), **{name: value})
    assert {mistake.code for mistake in found} <= {"NN106", "NN101"}


def test_a_text_is_set_without_quotes() -> None:
    text = 'let which = "digits"\ndata d from builtin(which) {\n  image = column("image")\n}\n'
    assert checked(text, which="digits").data[0].reader is not None


def test_lets_may_be_functions_and_lists() -> None:
    text = "let act = leaky_relu(negative_slope=0.1)\nlet sizes = [5, 6]\n"
    program = checked(text + model("for n in sizes { Dense(n, activation=act) }"))
    assert len(program.weights) == 4


# ---------------------------------------------------------------------------------------- imports


def test_an_import_brings_definitions_that_see_their_own_file(tmp_path: Path) -> None:
    (tmp_path / "blocks.nn").write_text(
        "let width = 5\nlayer Block {\n  input x: [d]\n  output x -> Dense(width)\n}\n", encoding="utf-8"
    )
    text = 'import Block from "blocks.nn"\nlet width = 9\n' + model("Block", "Dense(width)")
    assert [s for s in shapes(checked(text, folder=tmp_path)).values() if len(s) == 2] == [(4, 5), (5, 9)]


def test_an_import_of_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    (tmp_path / "blocks.nn").write_text("layer Residual {\n  input x: [d]\n  output x\n}\n", encoding="utf-8")
    (mistake,) = mistakes('import Residuel from "blocks.nn"\n', folder=tmp_path)
    assert (mistake.code, mistake.help) == ("NN107", "did you mean `Residual`?")
    (mistake,) = mistakes('import Residual from "block.nn"\n', folder=tmp_path)
    assert (mistake.code, mistake.help) == ("NN107", 'did you mean "blocks.nn"?')


def test_an_import_of_a_block_says_that_blocks_stay_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "rows.nn").write_text("data rows {\n  x = [[1.0]]\n}\n", encoding="utf-8")
    (mistake,) = mistakes('import rows from "rows.nn"\n', folder=tmp_path)
    assert (mistake.code, mistake.help) == (
        "NN107",
        "data and train blocks belong to their own file: they can't be imported",
    )


def test_files_that_import_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nn").write_text('import B from "b.nn"\nlet A = 1\n', encoding="utf-8")
    (tmp_path / "b.nn").write_text('import A from "a.nn"\nlet B = 1\n', encoding="utf-8")
    assert {mistake.code for mistake in mistakes('import A from "a.nn"\n', folder=tmp_path)} >= {"NN108"}


# ---------------------------------------------------------------------------------------- data


def test_columns_become_fields(tmp_path: Path) -> None:
    program = data(
        tmp_path,
        'numbers = standardize(fill(columns("age", "fare"), median))',
        'sex = one_hot(category(column("sex")))',
        'port = category(fill(column("port"), "unknown"))',
        'label = class(column("survived"))',
    )
    types = {field.name: str(field.node.type) for field in program.fields}
    assert types == {
        "numbers": "float[2] per sample",
        "sex": "float[3] per sample",
        "port": "int[] per sample",
        "label": "int[] per sample",
    }
    assert [(fit.name, fit.statistic) for fit in program.fits] == [
        ("numbers.median", "median"),
        ("numbers.mean", "mean"),
        ("numbers.standard_deviation", "standard_deviation"),
    ]
    columns = {column.name: column for column in program.columns}
    assert columns["port"].names == ("C", "S", "unknown")
    assert program.fields[3].classes == ("no", "yes")


def test_missing_values_are_refused_unless_filled(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(CSV)
    text = 'data people from csv("people.csv") {\n  age = column("age")\n}\n'
    (mistake,) = mistakes(text, folder=tmp_path)
    assert mistake.code == "NN413"
    assert "line 3" in mistake.message


@pytest.mark.parametrize("filling", ["median", "0"])
def test_a_text_among_numbers_is_named_with_its_line_where_gaps_are_filled_too(tmp_path: Path, filling: str) -> None:
    (tmp_path / "people.csv").write_text("age,port\n31,S\n,C\nunknown,S\n40,C\n")
    text = f'data people from csv("people.csv") {{\n  age = standardize(fill(column("age"), {filling}))\n}}\n'
    (mistake,) = mistakes(text, folder=tmp_path)
    assert mistake.code == "NN412"
    assert mistake.message == 'people.csv, line 4, column age: "unknown" is not a number'
    assert mistake.help is not None and 'missing=["unknown"]' in mistake.help
    (tmp_path / "people.csv").write_text("age,port\n,S\nold,C\nyoung,S\n40,C\n")
    (mistake,) = mistakes(text, folder=tmp_path)
    assert mistake.help is not None and 'class(column("age"))' in mistake.help


def test_rows_may_be_written_in_the_file() -> None:
    (program,) = checked('data d {\n  x = [[0, 0], [0, 1], [1, 0]]\n  y = class(["no", "yes", "no"])\n}\n').data
    assert program.reader is None
    assert [name for name, _ in program.inline] == ["x", "y"]
    assert program.fields[1].classes == ("no", "yes")


def test_class_counts_are_compile_time_numbers() -> None:
    text = DIGITS + model("Dense(digits.label.classes)")
    assert shapes(checked(text))["M/dense/kernel"] == (4, 10)


@pytest.mark.parametrize(
    "split",
    [
        "split train 80%, test 40%",
        "split test 20%",
        "split train 0%",
        "split train 80%, train 20%",
        "split train 80%, stratify=labl",
    ],
)
def test_a_split_that_can_not_be_is_refused(split: str) -> None:
    text = f'data d from builtin("digits") {{\n  label = class(column("label"))\n  {split}\n}}\n'
    assert [mistake.code for mistake in mistakes(text)] == ["NN454"]


def test_keras_names_get_the_help_of_this_language() -> None:
    for name, help in [
        ("sparse_categorical_crossentropy", "cross_entropy"),
        ("Sequential", "model Name"),
        ("Add", "x + y"),
        ("True", "true"),
    ]:
        found = mistakes(model(f"output {name}"))
        assert found
        assert help in (found[0].help or "") + found[0].message
