"""From raw columns to fields: encoding, what is learnt from the training rows, and what is said about bad data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nndsl.runtime.standalone import preparing
from nndsl.runtime.standalone.columns import (
    DataError,
    encode_column,
    named_values,
    raw_rows,
    sorted_names,
    value_name,
)
from nndsl.runtime.standalone.data import load_data, prepare_new
from nndsl.runtime.standalone.program import Column, Data, Field, Split


def passengers(split: Split | None = None) -> Data:
    """A block as the compiler would write it: age standardized after filling, port a category, survived a class."""

    def fit(columns, fitted):
        return {"age.median": ("median", columns["age"])}

    def fit_2(columns, fitted):
        filled = np.where(np.isnan(columns["age"]), fitted["age.median"], columns["age"])
        return {"age.mean": ("mean", filled), "age.sd": ("standard_deviation", filled)}

    def prepare(columns, fitted):
        age = np.where(np.isnan(columns["age"]), fitted["age.median"], columns["age"])
        return {
            "age": (age - fitted["age.mean"]) / fitted["age.sd"],
            "port": columns["port"],
            "label": columns["label"],
        }

    return Data(
        "passengers",
        (
            Column("age", "Age", "number", fill="median"),
            Column("port", "Embarked", "category", names=("C", "Q", "S", "unknown"), fill="unknown"),
            Column("label", "Survived", "class", names=("0", "1")),
        ),
        (
            Field("age", "float", columns=("age",)),
            Field("port", "int", columns=("port",)),
            Field("label", "int", classes=("0", "1"), columns=("label",)),
        ),
        (fit, fit_2),
        prepare,
        split,
    )


def raw(rows: int = 60) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    age = generator.normal(30, 10, rows)
    age[::7] = np.nan
    return {
        "Age": age,
        "Embarked": generator.choice(["S", "C", "Q", ""], rows),
        "Survived": np.arange(rows) % 2,
        "Name": generator.choice(["a", "b"], rows),
    }


SPLIT = Split((("train", 0.7), ("test", 0.3)), stratify="label")


def test_fields_are_contiguous_arrays_of_the_programs_types():
    prepared = load_data(passengers(SPLIT), {"all": raw()}, seed=0)
    for part in prepared.parts.values():
        assert [part[name].dtype for name in ("age", "port", "label")] == [np.float32, np.int32, np.int32]
        assert all(field.flags.c_contiguous for field in part.values())
    assert load_data(passengers(), {"all": raw()}, 0, dtype="float64").parts["train"]["age"].dtype == np.float64


def test_statistics_come_from_the_training_rows_alone():
    columns = raw()
    prepared = load_data(passengers(SPLIT), {"all": columns}, seed=0)
    train = columns["Age"][prepared.rows["train"]]
    assert prepared.fitted["age.median"] == np.nanmedian(train)
    changed = dict(columns)
    changed["Age"] = columns["Age"].copy()
    changed["Age"][prepared.rows["test"]] = 1e6
    again = load_data(passengers(SPLIT), {"all": changed}, seed=0)
    assert all(np.array_equal(prepared.fitted[name], again.fitted[name]) for name in prepared.fitted)
    assert abs(prepared.parts["train"]["age"].mean()) < 1e-6
    assert abs(prepared.parts["train"]["age"].std() - 1) < 1e-6


def test_names_that_training_never_saw_are_id_zero():
    columns = raw()
    train = load_data(passengers(SPLIT), {"all": columns}, 0).rows["train"]
    columns["Embarked"][:] = "S"
    columns["Embarked"][train[0]] = "C"
    columns["Embarked"][train[1]] = ""
    columns["Embarked"][np.setdiff1d(np.arange(60), train)[0]] = "Q"
    prepared = load_data(passengers(SPLIT), {"all": columns}, 0)
    assert prepared.fitted["port.names"].tolist() == ["C", "S", "unknown"]
    assert prepared.parts["train"]["port"][:2].tolist() == [1, 3]
    assert prepared.parts["test"]["port"][0] == 0


def test_new_rows_are_prepared_as_the_training_rows_were_and_need_no_label():
    columns = raw()
    prepared = load_data(passengers(), {"all": columns}, 0)
    new = {name: values[:5] for name, values in columns.items() if name != "Survived"}
    fields = prepare_new(passengers(), new, prepared.fitted, ("age", "port"))
    assert sorted(fields) == ["age", "port"]
    assert np.array_equal(fields["age"], prepared.parts["train"]["age"][:5])
    assert np.array_equal(fields["port"], prepared.parts["train"]["port"][:5])
    with pytest.raises(DataError, match="'Survived'"):
        prepare_new(passengers(), new, prepared.fitted)


def test_earlier_statistics_are_used_as_they_are():
    fitted = load_data(passengers(), {"all": raw()}, 0).fitted
    other = raw()
    other["Age"] = other["Age"] * 100
    assert load_data(passengers(), {"all": other}, 0, fitted=fitted).fitted == fitted


def test_parts_may_have_tables_of_their_own():
    test = {name: values[:3] for name, values in raw().items()}
    prepared = load_data(passengers(), {"all": raw(), "test": test}, 0)
    assert {name: len(part["age"]) for name, part in prepared.parts.items()} == {"train": 60, "test": 3}
    test["Survived"] = np.array([0, 2, 1])
    with pytest.raises(DataError, match="of the test data") as caught:
        load_data(passengers(), {"all": raw(), "test": test}, 0)
    assert (caught.value.kind, caught.value.part, caught.value.row) == ("class", "test", 1)


def test_rows_written_in_the_program_need_no_table():
    inline = {"x": np.array([[0.0, 1.0], [1.0, 1.0]]), "y": np.array([1, 0])}
    data = Data(
        "xor",
        (Column("x", "x", "number", (2,)), Column("y", "y", "number")),
        (Field("x", "float", (2,)), Field("y", "float")),
        (),
        lambda columns, fitted: {"x": columns["x"], "y": columns["y"]},
        inline=inline,
    )
    part = load_data(data, {}, 0).parts["train"]
    assert part["x"].tolist() == [[0, 1], [1, 1]]
    assert part["y"].dtype == np.float32


def test_only_the_wanted_fields_are_kept():
    assert list(load_data(passengers(), {"all": raw()}, 0, fields=("age",)).parts["train"]) == ["age"]


def test_block_size_changes_no_field(monkeypatch):
    found = load_data(passengers(SPLIT), {"all": raw()}, 0)
    monkeypatch.setattr(preparing, "BLOCK_ELEMENTS", 7)
    blocks = load_data(passengers(SPLIT), {"all": raw()}, 0, fitted=found.fitted).parts["train"]
    assert all(np.array_equal(values, blocks[name]) for name, values in found.parts["train"].items())


def test_block_size_changes_what_is_learnt_by_rounding_alone(monkeypatch):
    whole = load_data(passengers(SPLIT), {"all": raw()}, 0).fitted
    monkeypatch.setattr(preparing, "BLOCK_ELEMENTS", 7)
    blocks = load_data(passengers(SPLIT), {"all": raw()}, 0).fitted
    assert blocks["port.names"].tolist() == whole["port.names"].tolist()
    assert blocks["age.median"] == whole["age.median"]
    for name in ("age.mean", "age.sd"):
        assert np.isclose(blocks[name], whole[name], rtol=1e-14, atol=0)


def broken(**changes: object) -> dict[str, np.ndarray]:
    columns = raw()
    for name, value in changes.items():
        if value is None:
            del columns[name]
        elif isinstance(value, dict):
            column = columns[name].astype(object) if columns[name].dtype.kind == "U" else columns[name].copy()
            for row, cell in value.items():
                column[row] = cell
            columns[name] = column.astype(str) if column.dtype == object else column
        else:
            columns[name] = np.asarray(value)
    return columns


@pytest.mark.parametrize(
    ("columns", "kind", "said"),
    [
        (broken(Age=None), "column", "no column 'Age'; the columns are: Embarked, Survived, Name"),
        (broken(Age={14: np.inf}), "infinite", r"column Age, row 14 \(counted from 0\): the value is infinite"),
        (broken(Age=["1"] * 59 + ["abc"]), "number", r"row 59 .*'abc' is not a number"),
        (broken(Age=np.zeros((60, 2))), "shape", r"a row has shape \[2\], the program was made for \[\]"),
        (broken(Age=np.zeros(59)), "rows", "Age has 59 rows and Embarked has 60"),
        (broken(Age=np.zeros(60, complex)), "type", "complex128 are neither"),
        (broken(Age=np.array([None] * 60)), "type", "object are neither"),
        (broken(Age=3.0), "shape", "single value"),
        (broken(Age=np.full(60, np.nan)), "fit", "age.median can't be learnt"),
        (broken(Survived={3: 2}), "class", r"column Survived, row 3 .*'2' is none of the classes 0, 1"),
        (broken(Survived=["0"] * 59 + [""]), "missing", "row 59 .*missing"),
        (broken(Embarked=[f"port {n}" for n in range(60)]), "category", "60 names, the program was made for 4"),
        (broken(Embarked=np.array([b"\xff"] * 60)), "type", "UTF-8"),
    ],
)
def test_bad_data_is_named_with_column_and_row(columns, kind, said):
    with pytest.raises(DataError, match=said) as caught:
        load_data(passengers(), {"all": columns}, 0)
    assert caught.value.kind == kind


def test_missing_numbers_without_a_fill_are_errors():
    with pytest.raises(DataError, match="a value is missing"):
        encode_column(Column("x", "x", "number"), np.array([1.0, np.nan]))


def test_fields_that_are_not_finite_are_errors():
    data = passengers()
    infinite = Data(data.name, data.columns, data.fields[:1], data.fit, lambda c, f: {"age": c["age"] / 0})
    with pytest.raises(DataError, match=r"field age is not a finite number in row 0"):
        load_data(infinite, {"all": raw()}, 0)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.uint8(3), "3"),
        (np.float64(3), "3"),
        (np.float64(-0.0), "0"),
        (np.float32(0.1), "0.1"),
        (np.float64("nan"), ""),
        (np.float64(1e20), "1e+20"),
        (np.int64(2**60), str(2**60)),
        (np.True_, "true"),
        (np.False_, "false"),
        (np.str_("a b"), "a b"),
    ],
)
def test_values_have_one_name_however_they_are_stored(value, name):
    assert value_name(value) == name


@pytest.mark.parametrize(
    "values",
    [np.array([10, 0, 1]), np.array([10.0, -0.0, 1.0]), np.array(["10", "0", "1"]), np.array([b"10", b"0", b"1"])],
)
def test_classes_are_the_same_from_whole_floats_text_and_ints(values):
    column = Column("label", "label", "class", names=("0", "1", "10"))
    assert encode_column(column, raw_rows({"label": values}, "label", slice(None))).tolist() == [2, 0, 1]


def test_names_sort_by_value_where_all_are_numbers():
    assert sorted_names(np.array(["10", "9", "-1", "0.5"])).tolist() == ["-1", "0.5", "9", "10"]
    assert sorted_names(np.array(["10", "9", "a"])).tolist() == ["10", "9", "a"]


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(1, 30), elements=st.integers(-5, 5)))
def test_names_and_positions_give_the_values_back(values):
    names, positions = named_values(values)
    assert names[positions].astype(int).tolist() == values.tolist()
