"""Whole data blocks: their tables, and a generated program's mistakes with their place in the file and the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from nndsl.data import explain, open_tables, read_tables
from nndsl.data.loading import CODE_OF_KIND
from nndsl.data.names import column_names, number_name
from nndsl.diagnostics import UserError
from nndsl.diagnostics.codes.data import CODES
from nndsl.ir import DType, Kind, TensorType
from nndsl.ir.program import Column, DataProgram, ReaderCall, Split
from nndsl.runtime.standalone import columns as standalone
from nndsl.source import SourceFile, Span

TEXT = 'data people from csv("people.csv") {\n  age = column("Age")\n}\n'
FILE = SourceFile("people.nn", TEXT)
BLOCK = Span(FILE, 0, len(TEXT))
AGE = Span(FILE, TEXT.index("column"), TEXT.index("column") + 13)
FLOAT = TensorType(DType.FLOAT, (), Kind.SAMPLE)


def block(folder: Path) -> DataProgram:
    def call(name: str) -> ReaderCall:
        return ReaderCall("csv", (("path", name),), folder, BLOCK)

    columns = (Column("age", "Age", "number", FLOAT, span=AGE), Column("who", "Who", "category", FLOAT))
    split = Split((("train", 0.5), ("validation", 0.5)), group="who")
    return DataProgram("people", call("people.csv"), (), columns, (), (), split, (("test", call("test.csv")),), BLOCK)


@pytest.fixture
def people(tmp_path: Path) -> DataProgram:
    (tmp_path / "people.csv").write_text("Who,Age\na,3\nb,\n")
    (tmp_path / "test.csv").write_text("Age\n5\n")
    return block(tmp_path)


def test_each_part_has_the_columns_that_it_needs(people):
    tables = read_tables(people, open_tables(people))
    assert {part: sorted(columns) for part, columns in tables.items()} == {"all": ["Age", "Who"], "test": ["Age"]}


def test_mistakes_of_a_program_point_at_the_line_of_the_file_and_of_the_program(people):
    problem = standalone.DataError("missing", "a value is missing", "Age", 1)
    mistake = explain(problem, people, open_tables(people))
    (diagnostic,) = mistake.diagnostics
    assert diagnostic.code == "NN413"
    assert diagnostic.message == "people.csv, line 3, column Age: a value is missing"
    assert diagnostic.labels[0].span is AGE
    assert diagnostic.help == 'say what stands for it: `fill(column("Age"), median)`, or a value in place of `median`'


def test_a_missing_text_is_to_be_filled_with_a_text(people):
    problem = standalone.DataError("missing", "a text is missing", "Who", 1)
    (diagnostic,) = explain(problem, people, open_tables(people)).diagnostics
    assert diagnostic.help == 'say what stands for it: `fill(column("Who"), "unknown")`, or another text'


def test_mistakes_without_a_row_or_a_table_still_say_what_they_can(people):
    tables = open_tables(people)
    whole = explain(standalone.DataError("split", "no row for test"), people, tables).diagnostics[0]
    assert (whole.message, whole.labels[0].span) == ("no row for test", BLOCK)
    column = explain(standalone.DataError("shape", "too wide", "Age"), people, tables).diagnostics[0]
    assert column.message == "people.csv, column Age: too wide"
    inline = explain(standalone.DataError("infinite", "too large", "x", 2), people, {}).diagnostics[0]
    assert inline.message == "x, row 2 (counted from 0): too large"


def test_every_mistake_of_a_program_has_a_code():
    known = {code.code for code in CODES}
    assert set(CODE_OF_KIND.values()) <= known
    assert len(known) == len(CODES)


def test_a_missing_file_is_said_at_the_reader(tmp_path):
    with pytest.raises(UserError) as caught:
        open_tables(block(tmp_path))
    assert caught.value.diagnostics[0].labels[0].span is BLOCK


VALUES = (
    hnp.arrays(hnp.floating_dtypes(sizes=(16, 32, 64), endianness="="), 8)
    | hnp.arrays(hnp.integer_dtypes(endianness="="), 8)
    | hnp.arrays(hnp.unsigned_integer_dtypes(endianness="="), 8)
)


@settings(deadline=None)
@given(VALUES)
def test_checking_and_running_name_values_alike(values):
    for value in values:
        assert number_name(value) == standalone.value_name(value)
    names, _ = standalone.named_values(values)
    kept = np.unique(names[names != ""])
    assert column_names(values) == tuple(standalone.sorted_names(kept).tolist())


@settings(deadline=None)
@given(hnp.arrays(hnp.unicode_string_dtypes(), 8) | hnp.arrays(np.bool_, 8))
def test_checking_and_running_name_texts_and_truths_alike(values):
    names, _ = standalone.named_values(values)
    kept = np.unique(names[names != ""])
    assert column_names(values) == tuple(standalone.sorted_names(kept).tolist())
