"""Data that is shipped: in the package, and beside the examples."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from nndsl.data import BUILTINS, READERS, builtin, open_reader

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


SHIPPED = [name for name, found in BUILTINS.items() if found.remote is None]


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_said_of_built_in_data_is_what_is_in_it(name):
    table = open_reader("builtin", {"name": name}, Path())
    columns = table.read([column.name for column in table.schema])
    for column in table.schema:
        values = columns[column.name]
        assert (values.shape, str(values.dtype)) == ((column.rows, *column.shape), column.dtype)
        names = BUILTINS[name].classes.get(column.name)
        assert names is None or names == tuple(str(value) for value in np.unique(values))
    assert "Licence" in (builtin.FOLDER / f"{name}.md").read_text()


def test_digits_are_the_1797_scans_of_alpaydin_and_kaynak():
    columns = open_reader("builtin", {"name": "digits"}, Path()).read(["image", "label"])
    assert columns["image"].min() == 0 and columns["image"].max() == 16
    assert np.bincount(columns["label"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    datasets = pytest.importorskip("sklearn.datasets")
    expected = datasets.load_digits()
    assert np.array_equal(columns["image"], expected.images)
    assert np.array_equal(columns["label"], expected.target)


def test_the_schema_of_built_in_data_needs_neither_its_file_nor_numpy(monkeypatch):
    monkeypatch.setattr(builtin, "FOLDER", Path("/nowhere"))
    monkeypatch.setitem(sys.modules, "numpy", None)
    table = open_reader("builtin", {"name": "digits"}, Path())
    assert table.column("image").shape == (8, 8)
    assert table.number("label").rows == 1797
    assert table.classes("label") == tuple("0123456789")


def test_unknown_built_in_data_gets_the_closest_name(said):
    diagnostic = said(lambda: open_reader("builtin", {"name": "digts"}, Path()))
    assert (diagnostic.code, diagnostic.help) == ("NN403", 'did you mean "digits"?')


def test_unknown_readers_get_the_closest_name(said):
    assert said(lambda: open_reader("cvs", {}, Path())).code == "NN402"
    assert said(lambda: open_reader("np", {}, Path())).help == "did you mean `npz`?"


def test_readers_document_themselves():
    for reader in READERS.values():
        assert reader.documentation and not reader.documentation.startswith(" ")
        assert all(parameter.documentation for parameter in reader.parameters)
        assert reader.parameters[0].required and not any(parameter.required for parameter in reader.parameters[1:])


@pytest.mark.parametrize(
    ("name", "rows", "numbers", "label", "classes"),
    [
        ("iris", 150, 4, "species", ("setosa", "versicolor", "virginica")),
        ("wine", 178, 13, "cultivar", ("1", "2", "3")),
        ("diabetes", 442, 10, "progression", None),
    ],
)
def test_tables_of_the_examples(name, rows, numbers, label, classes):
    table = open_reader("csv", {"path": f"{name}.csv"}, EXAMPLES)
    columns = [column.name for column in table.schema if column.name != label]
    assert (table.rows, len(columns)) == (rows, numbers)
    values = np.stack(list(table.read(columns).values()), axis=1)
    assert np.isfinite(values).all()
    assert classes is None or table.classes(label) == classes
    datasets = pytest.importorskip("sklearn.datasets")
    expected = datasets.load_diabetes(scaled=False) if name == "diabetes" else getattr(datasets, f"load_{name}")()
    np.testing.assert_allclose(values, expected.data, rtol=1e-12)
    target = table.read([label])[label]
    if classes is None:
        assert np.array_equal(target, expected.target)
    else:
        names = [str(int(value)) for value in target] if target.dtype.kind == "f" else target.tolist()
        assert [classes.index(value) for value in names] == expected.target.tolist()
