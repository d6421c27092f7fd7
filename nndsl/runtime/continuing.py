"""A series of numbers that a trained network continues: each row that it predicts is read with those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error
from nndsl.passes.generation import continuation_of

if TYPE_CHECKING:
    from nndsl.ir.program import DataProgram, TrainProgram
    from nndsl.passes.generation import NextValue
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.program import Array, Table


class Continuer:
    """Goes on from rows as the predictions of a train block say.

    Its predictions are called like the columns that they read, or like fields that are these columns scaled and moved:
    what they are in the next row. Raises UserError NN622 where the block does not predict all that it reads.
    """

    def __init__(self, model: Model, train: TrainProgram) -> None:
        self.how = continuation_of(model.checked, train)
        self._model = model
        self._train = train
        self._lines = {each.column: self._line(each) for each in self.how.values}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that go on."""
        return tuple(each.column for each in self.how.values)

    def _line(self, value: NextValue) -> tuple[Array, Array]:
        """The factor and the summand that make the column's numbers the predicted field. Raises UserError NN622."""
        import numpy as np

        column = next(each for each in self._data().columns if each.name == value.column)
        if value.field is None:
            return np.ones(column.type.shape), np.zeros(column.type.shape)
        tried = np.random.default_rng(0).uniform(1.0, 1e3, size=(4, *column.type.shape))
        tried *= np.array([0.0, 0.0, -1.0, 1.0]).reshape(4, *[1] * len(column.type.shape))
        tried[1] = 1.0
        fitted = self._model.memory.fitted.get(self._data().name, {})
        data = self._model.generated.program.data[self._data().name]
        prepare = self._model.generated.prepare_new
        try:
            found = prepare(data, {value.column: tried}, fitted, (value.field,), "float64")[value.field]
        except Exception as failure:
            if not self._model.generated.raised(failure, "DataError"):
                raise
            found = np.zeros_like(tried)  # it is not defined for every number
        summand, factor = found[0], found[1] - found[0]
        if found.shape != tried.shape or not factor.all() or not np.allclose(found, factor * tried + summand):
            message = f"what the column {value.column} is in the next row can't be told from the field {value.field}"
            help = f"predict the column itself, under a name that is no field's: `predict {value.column} = ...`"
            raise UserError(error("NN622", message, self._train.span, help=help))
        if value.field == value.column and not (np.allclose(factor, 1) and np.allclose(summand, 0)):
            message = f"{value.column} is a column and a field with other numbers: which of them is predicted?"
            help = "call the field otherwise, and the prediction like the one that it is"
            raise UserError(error("NN622", message, self._train.span, help=help))
        return factor, summand

    def rows(self, path: Path | None = None) -> Table:
        """The last rows that there are, as many as the network reads: of a file, or of the program's own data.

        Raises UserError: NN601 for no such file, NN616 where there are too few.
        """
        import numpy as np

        columns = self._own_rows() if path is None else self._rows_of(path)
        found = {name: np.asarray(columns[name][-self.how.window :], np.float64) for name in self.columns}
        have = min(map(len, found.values()))
        if have < self.how.window:
            message = f"there are {have} rows to go on from, and the network reads {self.how.window}"
            raise UserError(error("NN616", message))
        return found

    def _own_rows(self) -> Mapping[str, Array]:
        """All rows of the data; of those with a file for each part, the last part's."""
        import numpy as np

        from nndsl.data import open_tables, read_tables

        data = self._data()
        if data.inline:
            return {name: np.asarray(rows) for name, rows in data.inline}
        return list(read_tables(data, open_tables(data)).values())[-1]

    def _rows_of(self, path: Path) -> Mapping[str, Array]:
        from nndsl.data import open_like

        if not path.exists():
            raise UserError(error("NN601", f"there is no file {path}"))
        data = self._data()
        reader = data.reader or next((call for _, call in data.part_readers), None)
        return open_like(path, reader).read(list(self.columns))

    def _data(self) -> DataProgram:
        return self._model.checked.data_named(self._train.data)

    def write(self, rows: Table, count: int) -> Iterator[Table]:
        """`count` rows that follow `rows`, one after another: for each column its number."""
        import numpy as np

        read = dict(rows)
        for _ in range(count):
            found = self._model.predict(read, train=self._train.name)
            row: Table = {}
            for each in self.how.values:
                factor, summand = self._lines[each.column]
                predicted = found[each.prediction][-1]
                row[each.column] = np.asarray(((predicted[-1] if each.over_time else predicted) - summand) / factor)
            yield row
            read = {name: np.append(values[1:], row[name][None], axis=0) for name, values in read.items()}
