"""Data blocks end to end: what fields become in training, and what they are for new rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nndsl
from nndsl.diagnostics import Diagnostic, UserError
from nndsl.runtime.standalone.columns import DataError, encode_column, learnt_parts
from nndsl.runtime.standalone.program import Column
from nndsl.runtime.standalone.statistics import Quantiles

Load = Callable[..., nndsl.Model]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """`load(fields, prediction, rows)`: a program over a CSV file of these rows, which predicts by the fields."""

    def model(fields: str, predictions: str, rows: str, *, level: int = 1, split: str = "") -> nndsl.Model:
        (tmp_path / "t.csv").write_text(rows, encoding="utf-8")
        (tmp_path / "t.nn").write_text(
            f"""data d from csv("t.csv") {{
{fields}
{split}
}}

model Net {{
  input x
  Flatten
  Dense(1)
}}

train Net on d {{
  epochs = 1
  batch_size = 2
  guess = Net(reshape(float(x), [-1]))
  minimize mse(guess, 0) using SGD(0)
  {predictions}
}}
""",
            encoding="utf-8",
        )
        return nndsl.load(tmp_path / "t.nn", level=level)

    return model


def wrong(load: Load, fields: str, rows: str, predictions: str = "") -> Diagnostic:
    """The first mistake of a program with these fields."""
    with pytest.raises(UserError) as caught:
        load(fields, predictions, rows)
    return caught.value.diagnostics[0]


# ------------------------------------------------------------------------------------------------ buckets

AGES = "age,name\n" + "".join(f"{age},{'ab'[age % 2]}\n" for age in range(1, 101))


def test_borders_that_are_given(load):
    model = load('x = bucket(column("age"), [18, 30.5, 65])', "predict id = x", AGES)
    found = model.predict({"age": np.array([-3, 17.99, 18, 30.5, 64, 65, 1e9])})["id"]
    assert found.tolist() == [0, 0, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("level", [0, 1])
def test_learnt_borders_have_equally_many_training_rows_between_them(load, level):
    model = load(
        'x = bucket(column("age"), 4)\nhot = one_hot(x)',
        "predict id = x, hot = hot, n = d.x.classes + x",
        AGES,
        level=level,
        split="split train 60%, test 40% in order",
    )
    ages = np.arange(1.0, 101)
    found = model.predict({"age": ages})
    borders = np.quantile(ages[:60], [0.25, 0.5, 0.75])
    assert found["id"].tolist() == np.searchsorted(borders, ages, side="right").tolist()
    assert (found["hot"] == np.eye(4)[found["id"]]).all()
    assert (found["n"] == found["id"] + 4).all()
    assert np.bincount(found["id"][:60]).tolist() == [15, 15, 15, 15]


def test_borders_are_learnt_of_each_number_by_its_own_and_behind_what_fills_gaps(load):
    rows = "a,b\n" + "".join(f"{n if n % 3 else ''},{n * 10}\n" for n in range(1, 21))
    model = load('x = bucket(fill(columns("a", "b"), median), 2)', "predict id = x", rows)
    present = [n for n in range(1, 21) if n % 3]
    filled = [n if n % 3 else np.median(present) for n in range(1, 21)]
    values = {"a": np.array([5.0, np.nan, 15]), "b": np.array([50.0, 105, 106])}
    expected = np.stack([np.where(np.isnan(values["a"]), np.median(present), values["a"]), values["b"]], 1) >= [
        np.median(filled),
        105,
    ]
    assert model.predict(values)["id"].tolist() == expected.astype(int).tolist()


@pytest.mark.parametrize(
    ("buckets", "words"),
    [
        ("1", "2 to 1000 buckets, not 1"),
        ("[]", "each larger than the one before"),
        ("[2, 1]", "each larger than the one before"),
        ("[1, 1]", "each larger than the one before"),
        ('["a"]', "each larger than the one before"),
        ("2.5", "must be a whole number"),
    ],
)
def test_borders_that_make_no_sense(load, buckets, words):
    assert words in wrong(load, f'x = bucket(column("age"), {buckets})', AGES).message


@pytest.mark.parametrize("kept", [1 << 22, 3])
@pytest.mark.parametrize("ranges", [2, 3, 10])
def test_quantiles_are_numpys_however_many_values_there_are(monkeypatch, kept, ranges):
    monkeypatch.setattr("nndsl.runtime.standalone.statistics.KEPT_VALUES", kept)
    values = np.random.default_rng(3).normal(size=(101, 2, 3)) * 10.0 ** np.arange(3)
    values[::7, 0, 1] = np.nan
    statistic = Quantiles(ranges)
    while True:
        for start in range(0, len(values), 17):
            statistic.add(values[start : start + 17])
        if not statistic.again():
            break
    expected = np.nanquantile(values, np.arange(1, ranges) / ranges, axis=0)
    np.testing.assert_allclose(statistic.value(), expected, rtol=1e-12)


# ------------------------------------------------------------------------------------------------ texts

REVIEWS = """text,label
"The film is good, the film is GOOD!",1
"bad film",0
"Ça va: the the end",1
"",0
"""


def words(**options: object) -> Column:
    said = {"shape": (5,), "level": "words", "vocabulary": 6, "lowercase": True, "fill": ""}
    return Column("t.text", "t", "text", **{**said, **options})


def test_the_most_frequent_words_of_the_training_rows_have_ids():
    texts = {"t": np.array(["b a b", "B. c", "c c", "d d d d d d"])}
    rows = np.array([0, 1, 2])
    assert learnt_parts(words(vocabulary=6), texts, rows).tolist() == ["b", "c", ".", "a"]
    assert learnt_parts(words(vocabulary=4), texts, rows).tolist() == ["b", "c"]
    assert learnt_parts(words(lowercase=False), texts, rows).tolist() == ["c", "b", ".", "B"]
    assert learnt_parts(words(level="characters", vocabulary=4), texts, rows).tolist() == [" ", "b"]


def test_ids_are_cut_and_filled_up():
    vocabulary = np.array(["the", "film", "!"])
    ids = encode_column(words(), np.array(["The film!", "", "a film, the the the film"]), vocabulary)
    assert ids.tolist() == [[2, 3, 4, 0, 0], [0, 0, 0, 0, 0], [1, 3, 1, 2, 2]]
    assert ids.dtype == np.int32


def test_a_missing_text_is_named_unless_something_fills_it():
    with pytest.raises(DataError) as caught:
        encode_column(words(fill=None), np.array(["a", ""]), np.array(["a"]), np.array([7, 9]))
    assert (caught.value.kind, caught.value.row) == ("missing", 9)
    assert encode_column(words(fill="a a"), np.array([""]), np.array(["a"])).tolist() == [[2, 2, 0, 0, 0]]
    with pytest.raises(DataError) as caught:
        encode_column(words(), np.array([1.0]), np.array(["a"]))
    assert caught.value.kind == "type"


@pytest.mark.parametrize("level", [0, 1])
def test_texts_of_new_rows_are_read_with_the_vocabulary_of_training(load, level, tmp_path):
    model = load(
        'x = text(fill(column("text"), "nothing"), 6, vocabulary=8)\nmask = x != 0\nlengths = sum(int(mask))',
        "predict ids = x, mask = mask, lengths = lengths, n = d.x.classes + lengths",
        REVIEWS,
        level=level,
        split="split train 75%, test 25% in order",
    )
    model.fit()
    model.save(tmp_path / "w.npz")
    again = nndsl.load(tmp_path / "t.nn", level=level)
    again.load_weights(tmp_path / "w.npz")
    for each in (model, again):
        found = each.predict({"text": np.array(["The bad unknown film", ""])})
        assert found["ids"].tolist() == [[2, 1, 1, 3, 0, 0], [1, 0, 0, 0, 0, 0]]
        assert found["mask"].tolist() == [[True] * 4 + [False] * 2, [True] + [False] * 5]
        assert found["lengths"].tolist() == [4, 1]
        assert found["n"].tolist() == [12, 9]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ('text(column("label"), 5)', "takes a column of texts"),
        ('text(column("text"), 5)', "the value is missing"),
        ('text(fill(column("text"), "?"), 0)', "at least 1, and this is 0"),
        ('text(fill(column("text"), "?"), 5, vocabulary=2)', "at least 3, and this is 2"),
        ('text(fill(column("text"), "?"), 5, level="words")', "`level` is words or characters"),
        ('text(fill(column("text"), "?"), 5, lowercase=1)', "true or false"),
    ],
)
def test_texts_that_cannot_be_read(load, field, words):
    assert words in wrong(load, f"x = {field}", REVIEWS).message


# ------------------------------------------------------------------------------------------------ and back again

HOUSES = "rooms,price,flat\n" + "".join(f"{n},{100 + 17 * n * n},7\n" for n in range(1, 13))
BACK = "predict units = original_units(y, d.y), same = original_units(guess * 0, y)"


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("scaling", ["standardize", "normalize"])
def test_what_was_scaled_comes_back_in_its_own_units(load, tmp_path, scaling, level):
    fields = f'x = column("rooms")\ny = {scaling}(column("price"))\nwide = {scaling}(columns("price", "flat"))'
    model = load(fields, f"{BACK}, wide = original_units(wide, wide)", HOUSES, level=level, split="split train 50%")
    prices = np.array([117.0, 500, 2000])
    rows = {"rooms": np.ones(3), "price": prices, "flat": np.array([7.0, 7, 8])}
    model.fit()
    model.save(tmp_path / "w.safetensors")
    again = nndsl.load(tmp_path / "t.nn", level=level)
    again.load_weights(tmp_path / "w.safetensors")
    for each in (model, again):
        found = each.predict(rows)
        np.testing.assert_allclose(found["units"], prices, rtol=1e-5)
        np.testing.assert_allclose(found["wide"], np.stack([prices, rows["flat"]], 1), rtol=1e-5)
        assert found["same"].shape == (3, 1)


def test_a_metric_may_be_in_the_units_of_the_column_and_constants_have_names(load):
    fields = 'x = column("rooms")\ny = standardize(column("price"))\nz = normalize(column("price"))'
    metrics = """metric error = mae(original_units(y, y), original_units(0 * y, y))
  metric middle = d.y.mean
  metric spread = d.y.standard_deviation
  metric low = d.z.minimum
  metric high = d.z.maximum"""
    model = load(fields, metrics, HOUSES)
    (row,) = model.fit()
    prices = 100 + 17.0 * np.arange(1, 13) ** 2
    assert row["train.error"] == pytest.approx(np.abs(prices - prices.mean()).mean(), rel=1e-5)
    assert row["train.middle"] == pytest.approx(prices.mean(), rel=1e-5)
    assert row["train.spread"] == pytest.approx(prices.std(), rel=1e-5)
    assert (row["train.low"], row["train.high"]) == pytest.approx((117, 2548), rel=1e-5)


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        ("predict y = original_units(guess, x)", "the field x was not scaled"),
        ("predict y = original_units(guess, z)", "the field z was not scaled"),
        ("predict y = original_units(guess, guess)", "goes back by a field of the data, not by a value"),
        ("predict y = guess * d.x.mean", "the field x has no `mean`"),
        ("predict y = guess * d.y.minimum", "the field y has no `minimum`"),
    ],
)
def test_there_is_no_way_back_without_a_scaled_field(load, predictions, words):
    fields = 'x = column("rooms")\ny = standardize(column("price"))\nz = 2 * standardize(column("price"))'
    assert words in wrong(load, fields, HOUSES, predictions).message


# ------------------------------------------------------------------------------------------------ names of fields


def test_a_field_may_be_called_like_the_function_that_made_it(load):
    fields = """fill = fill(column("text"), "?")
words = text(fill(column("text"), "?"), 3, vocabulary=9, level=characters)
text = text(fill(column("text"), "?"), 4, vocabulary=9, level=words)
x = text(fill(column("text"), "?"), 5, vocabulary=9, level=words)
column = class(column("label"))
"""
    fields = fields.replace('fill = fill(column("text"), "?")\n', "")
    model = load(fields, "predict a = words, b = text, c = x", REVIEWS)
    found = model.predict({"text": np.array(["the film"])})
    assert [found[name].shape[1] for name in "abc"] == [3, 4, 5]
    assert found["b"][0, :2].tolist() == found["c"][0, :2].tolist()
    assert "can't be called" in wrong(load, 'x = column("label")\ny = x(2)', REVIEWS).message
