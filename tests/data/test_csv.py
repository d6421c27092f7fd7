"""CSV files: what is read from them, and the line that every mistake is in."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nndsl.data import csv_table, names, open_file, open_reader, scans
from nndsl.data.table import Table
from nndsl.diagnostics import UserError
from nndsl.runtime.standalone.columns import raw_rows
from nndsl.runtime.standalone.files import read_columns, write_columns

TITANIC = '''\
PassengerId,Name,Age,Survived,Alone,Embarked
1,"Braund, Mr. Owen",22,0,True,S
2,"Cumings, ""Florence""",38.5,1,False,C
3,"Heikkinen,
Miss. Laina",,1,True,

4,Åsa, 1e1 ,0,true,S
'''


def kinds(table: Table) -> dict[str, str]:
    return {column.name: column.kind for column in table.schema}


def test_kinds_values_and_missing_ones(opened):
    table = opened("csv", "titanic.csv", TITANIC)
    assert kinds(table) == {
        "PassengerId": "number",
        "Name": "text",
        "Age": "number",
        "Survived": "number",
        "Alone": "bool",
        "Embarked": "text",
    }
    assert table.rows == 4
    columns = table.read(["Age", "Name", "Alone", "Embarked"])
    assert np.array_equal(columns["Age"], [22, 38.5, np.nan, 10], equal_nan=True)
    assert columns["Name"].tolist() == ["Braund, Mr. Owen", 'Cumings, "Florence"', "Heikkinen,\nMiss. Laina", "Åsa"]
    assert columns["Alone"].tolist() == [True, False, True, True]
    assert columns["Embarked"].tolist() == ["S", "C", "", "S"]
    assert {name: str(values.dtype)[:2] for name, values in columns.items()} == {
        "Age": "fl",
        "Name": "<U",
        "Alone": "bo",
        "Embarked": "<U",
    }


def test_places_name_the_line_that_a_row_begins_on(opened):
    table = opened("csv", "titanic.csv", TITANIC)
    assert [table.place("Age", row) for row in range(4)] == [
        f"titanic.csv, line {line}, column Age" for line in (2, 3, 4, 7)
    ]


def test_classes_are_sorted_by_size_or_by_letters_without_what_is_missing(opened):
    table = opened("csv", "t.csv", "a,b,c,d\n10,x,true,1\n9,A,false,2.5\n9.0,,true,\n")
    assert table.classes("a") == ("9", "10")
    assert table.classes("b") == ("A", "x")
    assert table.classes("c") == ("false", "true")
    assert table.classes("d", fill="unknown") == ("1", "2.5", "unknown")
    assert table.classes("a", fill="unknown") == ("9", "10")


def test_classes_of_a_column_with_many_are_read_again(opened, monkeypatch):
    monkeypatch.setattr(csv_table, "MOST_NAMES", 3)
    table = opened("csv", "t.csv", "n,t\n" + "".join(f"{n},w{n}\n" for n in range(40)))
    assert table.classes("n") == tuple(map(str, range(40)))
    assert table.classes("t") == tuple(sorted(f"w{n}" for n in range(40)))


def test_true_and_false_with_gaps_are_numbers(opened):
    table = opened("csv", "t.csv", "a\ntrue\n\nFALSE\nNA\n")
    assert kinds(table) == {"a": "number"}
    assert np.array_equal(table.read(["a"])["a"], [1, 0, np.nan], equal_nan=True)
    assert table.classes("a") == ("0", "1")


@pytest.mark.parametrize(
    ("content", "arguments", "names", "first"),
    [
        ("a;b\n1,5;2\n", {"delimiter": ";"}, ["a", "b"], "1,5"),
        ("a\tb\nx\t2\n", {"delimiter": "\t"}, ["a", "b"], "x"),
        ("1,2\n3,4\n", {"header": False}, ["0", "1"], 1.0),
        ("1,2\n3,4\n", {"header": False, "names": ("x", "y")}, ["x", "y"], 1.0),
        ("p,q\n3,4\n", {"names": ("x", "y")}, ["x", "y"], 3.0),
        ("\ufeffa,b\n1,2\n", {}, ["a", "b"], 1.0),
        ("a , b\r\n 1 ,2\r\n", {}, ["a", "b"], 1.0),
        ("a,b\r1,2\r", {}, ["a", "b"], 1.0),
        ("\n\na,b\n\n1,2\n  \n", {}, ["a", "b"], 1.0),
        (",b\n1,2\n", {}, ["column 1", "b"], 1.0),
        ("ä,b\n1,2".encode("latin-1"), {"encoding": "latin-1"}, ["ä", "b"], 1.0),
        ("ä,b\n1,2".encode("utf-16"), {"encoding": "utf-16"}, ["ä", "b"], 1.0),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), {}, ["a", "b"], 1.0),
    ],
)
def test_ways_to_write_a_table(opened, content, arguments, names, first):
    table = opened("csv", "t.csv", content, **arguments)
    assert [column.name for column in table.schema] == names
    assert table.read(names[:1])[names[0]][0] == first


def test_usual_words_are_missing_among_numbers_only(opened):
    table = opened("csv", "t.csv", "n,t\n1,x\nNA,NA\n?,null\nnan,?\n")
    assert kinds(table) == {"n": "number", "t": "text"}
    columns = table.read(["n", "t"])
    assert np.isnan(columns["n"]).tolist() == [False, True, True, True]
    assert columns["t"].tolist() == ["x", "NA", "null", "?"]


def test_missing_replaces_the_usual_words(opened):
    table = opened("csv", "t.csv", "n,t\n1,x\n-999,-999\n,NA\n", missing=("-999",))
    columns = table.read(["n", "t"])
    assert np.array_equal(columns["n"], [1, np.nan, np.nan], equal_nan=True)
    assert columns["t"].tolist() == ["x", "", "NA"]


@pytest.mark.parametrize("cell", ["abc", "1_000", "0x10", "1,5", "٣", "12a", "1e", "--1"])
def test_what_is_not_a_number_is_text_and_named_with_its_line(opened, cell, said):
    table = opened("csv", "t.csv", f'Age\n1\n2\n"{cell}"\n4\n')
    assert kinds(table) == {"Age": "text"}
    diagnostic = said(lambda: table.number("Age"))
    assert (diagnostic.code, diagnostic.message) == ("NN412", f't.csv, line 4, column Age: "{cell}" is not a number')


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("a,b\n1,2\n1,2,3\n", "NN408", "line 3: 3 values where the first line has 2"),
        ("a,b\n1,2\n\n1\n", "NN408", "line 4: 1 value where the first line has 2"),
        ('a,b\n1,"x"y\n', "NN409", "line 2"),
        ('a,b\n1,"x\n2,3\n', "NN409", "line 2: a double quote opens here"),
        ("", "NN410", "empty"),
        ("\n \n", "NN410", "empty"),
        ("a,b\n\n", "NN410", "no rows"),
        ("a,b,a\n1,2,3\n", "NN407", '"a"'),
        (b"a,b\n1,2\n3,\xff\n", "NN406", "line 3: the text is not utf-8"),
        (b"PK\x03\x04\x00\x00\x00", "NN404", "null bytes"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "NN404", "not text"),
        ("a,b\n1,2\n".encode("utf-16"), "NN404", "not text"),
        (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-20], "NN405", "damaged"),
        (b"\x1f\x8b\x08", "NN405", "damaged"),
        ("a,b\n1," + "x" * 200_000 + "\n", "NN409", "line 2"),
    ],
)
def test_mistakes_in_a_file_are_named_with_their_line(opened, content, code, words, said):
    diagnostic = said(lambda: opened("csv", "t.csv", content))
    assert diagnostic.code == code
    assert words in diagnostic.message
    assert diagnostic.message.startswith("t.csv")


def test_utf_16_and_spreadsheets_get_help(opened, said):
    assert "utf-16" in said(lambda: opened("csv", "t.csv", "a\n1".encode("utf-16"))).help
    assert "spreadsheet" in said(lambda: opened("csv", "t.csv", b"PK\x03\x04\x00")).help


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"delimiter": ";;"}, "';;' can't separate"),
        ({"delimiter": ""}, "can't separate"),
        ({"delimiter": '"'}, "can't separate"),
        ({"delimiter": 3}, "`delimiter` of csv is a text, not 3"),
        ({"header": "yes"}, "`header` of csv is true or false"),
        ({"names": "a"}, "`names` of csv is a list of texts"),
        ({"names": ("a",)}, "has 2 columns, `names` has 1"),
        ({"encoding": "utf-9"}, 'no text encoding "utf-9"'),
        ({"encoding": "base64"}, "no text encoding"),
        ({"encoding": "a\0b"}, "no text encoding"),
        ({"delimeter": ";"}, "no parameter `delimeter`"),
        ({"path": None}, "`path` of csv is missing"),
    ],
)
def test_arguments_that_csv_cannot_take(opened, arguments, words, said):
    diagnostic = said(lambda: opened("csv", "t.csv", "a,b\n1,2\n", **arguments))
    assert diagnostic.code == "NN402"
    assert words in diagnostic.message


def test_unknown_columns_get_the_closest_or_the_reason(opened, said):
    table = opened("csv", "t.csv", "Age,Fare\n1,2\n")
    diagnostic = said(lambda: table.column("age"))
    assert (diagnostic.code, diagnostic.help) == ("NN411", 'did you mean "Age"?')
    assert diagnostic.notes == ("its columns are: Age, Fare",)
    semicolons = opened("csv", "t.csv", "Age;Fare\n1;2\n")
    assert 'delimiter=";"' in said(lambda: semicolons.column("Age")).help
    headless = opened("csv", "t.csv", "5.1,3.5,setosa\n1,2,x\n")
    assert "header=false" in said(lambda: headless.column("species")).help
    spread = opened("csv", "t.csv", "code[0],code[1]\n1,2\n")
    assert ".npz" in said(lambda: spread.column("code")).help
    assert said(lambda: table.read(["Age", "Cabin"])).code == "NN411"


def test_missing_values_are_known_from_the_scan(opened, said):
    table = opened("csv", "t.csv", TITANIC)
    table.require_present("Name")
    diagnostic = said(lambda: table.require_present("Age"))
    assert (diagnostic.code, diagnostic.message) == ("NN413", "t.csv, line 4, column Age: the value is missing")
    assert said(lambda: table.require_present("Embarked")).code == "NN413"


def test_long_texts_are_kept_as_long_as_they_are(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(names, "MOST_WIDE_BYTES", 1000)
    table = opened("csv", "t.csv", "t,l\n" + "x" * 300 + ",a\n,b\nä,c\n")
    found = table.read(["t", "l"])
    assert {name: values.dtype.kind for name, values in found.items()} == {"t": "T", "l": "U"}
    assert found["t"].tolist() == ["x" * 300, "", "ä"]
    assert raw_rows(found, "t", np.array([2, 1])).dtype == "<U1"
    assert table.classes("t", fill="?") == ("?", "x" * 300, "ä")
    write_columns(tmp_path / "t.npz", {"all": found})
    assert read_columns(tmp_path / "t.npz")["all"]["t"].tolist() == found["t"].tolist()


def test_a_column_of_long_texts_is_refused_before_it_fills_the_memory_of_an_old_numpy(opened, monkeypatch, said):
    monkeypatch.setattr(csv_table, "MOST_TEXT_BYTES", 1000)
    monkeypatch.setattr(csv_table, "text_dtype", lambda wide: np.str_)
    table = opened("csv", "t.csv", "t\n" + "x" * 300 + "\n")
    assert said(lambda: table.read(["t"])).code == "NN423"


# ------------------------------------------------------------------------------------------------ paths


def test_missing_files_get_the_closest_name(tmp_path, said):
    (tmp_path / "titanic.csv").write_text("a\n1\n")
    diagnostic = said(lambda: open_reader("csv", {"path": "titanc.csv"}, tmp_path))
    assert (diagnostic.code, diagnostic.help) == ("NN401", 'did you mean "titanic.csv"?')


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, ".", "nowhere/t.csv", "pipe", "t.csv/x"])
def test_paths_that_lead_to_no_file(tmp_path, path, said):
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert said(lambda: open_reader("csv", {"path": path}, tmp_path)).code == "NN401"


def test_files_of_the_command_line_are_read_by_their_ending(tmp_path):
    (tmp_path / "t.tsv").write_text("a\tb\n1\t2\n")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n", mtime=0))
    np.savez(tmp_path / "t.npz", a=np.ones(3))
    for name in ("t.tsv", "t.csv.gz", "t.npz"):
        assert open_file(tmp_path / name).column("a").kind == "number"


# ------------------------------------------------------------------------------------------------ scans


def test_scans_are_kept_by_content(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 0)
    first = opened("csv", "t.csv", TITANIC)

    def refuse(self: object) -> None:
        raise AssertionError("scanned again")

    with monkeypatch.context() as patched:
        patched.setattr(csv_table.CsvTable, "_scan_file", refuse)
        again = opened("csv", "other.csv", TITANIC)
        assert again.schema == first.schema
        assert again.classes("Embarked", fill="?") == first.classes("Embarked", fill="?")
        for changed in ({"content": TITANIC + "5,x,1,0,true,S\n"}, {"content": TITANIC, "delimiter": ";"}):
            with pytest.raises(AssertionError):
                opened("csv", "t.csv", **changed)


@pytest.mark.parametrize("left", ["", "{", "[]", '{"columns": [{}], "rows": 1}', '{"columns": 3}', "\0" * 10, "null"])
def test_a_damaged_cache_is_ignored(opened, monkeypatch, left):
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 0)
    schema = opened("csv", "t.csv", TITANIC).schema
    folder = scans.cache_folder("scans")
    (kept,) = folder.iterdir()
    kept.write_text(left)
    assert opened("csv", "t.csv", TITANIC).schema == schema


def test_a_cache_that_cannot_be_written_does_no_harm(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 0)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert opened("csv", "t.csv", TITANIC).rows == 4


def test_a_file_that_changes_after_its_scan_is_noticed(opened, tmp_path, said):
    table = opened("csv", "t.csv", "a\n1\n2\n")
    (tmp_path / "t.csv").write_text("a\n1\nx\n")
    assert said(lambda: table.read(["a"])).code == "NN401"
    (tmp_path / "t.csv").write_text("a\n1\n2\n3\n")
    assert said(lambda: table.read(["a"])).code == "NN401"
    (tmp_path / "t.csv").unlink()
    assert said(lambda: table.read(["a"])).code == "NN401"


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3,4\n",
        "\n\na,b\n\n1, 2 \n\n3,4",
        '"a\nx",b\n1,"2"\n-3e-4,inf\n',
        "a,b\n1,nan\n,4\n",
        "a,b\n1,x\n2,3\n",
        "a,b\ntrue,1\n2,3\n",
        "a,b\n1,2,3\n1,2,3\n",
        "a,b\n1,2\n1,2,3\n",
        'a,b\n1,"2\n',
        "a,b\n",
    ],
)
def test_the_fast_way_reads_what_the_careful_way_reads(opened, monkeypatch, content):
    def outcome() -> object:
        try:
            table = opened("csv", "t.csv", content)
            names = [column.name for column in table.schema]
            kinds = [(column.name, column.kind, column.rows, table.classes(column.name)) for column in table.schema]
            return kinds, [values.tolist() for values in table.read(names).values()]
        except UserError as mistake:
            return mistake.diagnostics

    careful = outcome()
    monkeypatch.setattr(csv_table, "KEPT_FROM_BYTES", 0)
    for _ in range(2):
        assert repr(outcome()) == repr(careful)


# ------------------------------------------------------------------------------------------------ any table, any bytes

CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8).map(str.strip)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=12))
def test_what_pythons_writer_wrote_is_read_back(tmp_path, rows):
    import csv

    with Path(tmp_path, "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "number"])
        writer.writerows(rows)
    table = open_reader("csv", {"path": "t.csv"}, tmp_path)
    columns = table.read(["a", "b", "number"])
    assert columns["number"].tolist() == [number for _, _, number in rows]
    for position, name in enumerate("ab"):
        if table.column(name).kind == "text":
            assert columns[name].tolist() == [row[position] for row in rows]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.integers(0, len(TITANIC.encode())),
    st.integers(0, len(TITANIC.encode())),
    st.binary(max_size=4) | st.sampled_from([b'"', b",", b"\n", b"\r", b'""', b"\xff", b"\0", b"\xef\xbb\xbf"]),
)
def test_damaged_text_is_read_or_explained(tmp_path, cut, at, inserted):
    content = TITANIC.encode()[:cut]
    (tmp_path / "t.csv").write_bytes(content[:at] + inserted + content[at:])
    try:
        table = open_reader("csv", {"path": "t.csv"}, tmp_path)
        names = [column.name for column in table.schema]
        columns = table.read(names)
        for name in names:
            assert len(columns[name]) == table.rows
            assert str(columns[name].dtype) == table.column(name).dtype or columns[name].dtype.kind == "U"
            table.classes(name)
            table.place(name, table.rows - 1)
    except UserError as mistake:
        assert mistake.diagnostics[0].code.startswith("NN4")


# ------------------------------------------------------------------------------------------------ ways of the world


def test_decimal_commas(opened, said):
    table = opened("csv", "t.csv", "preis;name;anteil\n1,5;a,b;1\n-2;c;,25\n1e3;d;\n", delimiter=";", decimal=",")
    assert kinds(table) == {"preis": "number", "name": "text", "anteil": "number"}
    assert table.read(["preis"])["preis"].tolist() == [1.5, -2, 1000]
    assert table.read(["name"])["name"].tolist() == ["a,b", "c", "d"]
    assert table.classes("anteil", fill="?") == ("0.25", "1", "?")
    points = opened("csv", "p.csv", "x;y\n1.5;2\n", delimiter=";", decimal=",")
    assert said(lambda: points.number("x")).message == 'p.csv, line 2, column x: "1.5" is not a number'
    assert said(lambda: opened("csv", "t.csv", "a\n1\n", decimal="·")).code == "NN402"


def test_tabs_separate_the_values_of_tsv_files(opened):
    assert opened("csv", "t.tsv", "a\tb\n1\tx,y\n").read(["b"])["b"].tolist() == ["x,y"]
    assert opened("csv", "t.tsv", "a;b\n1;2\n", delimiter=";").read(["b"])["b"].tolist() == [2]
    assert opened("csv", "t.tsv.gz", gzip.compress(b"a\tb\n1\t2\n", mtime=0)).read(["b"])["b"].tolist() == [2]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "utf-16", "utf-8-sig"])
def test_accents_of_every_encoding(opened, encoding):
    table = opened("csv", "t.csv", "größe,é\nlängs,1\n".encode(encoding), encoding=encoding)
    assert table.read(["größe"])["größe"].tolist() == ["längs"]
