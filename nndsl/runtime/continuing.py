"""A series of numbers that a trained network continues: each row that it predicts is read with those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error
from nndsl.passes.generation import continuation_of

if TYPE_CHECKING:
    from nndsl.ir.program import DataProgram, TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.program import Array, Table


class Continuer:
    """Goes on from rows as the predictions of a train block say.

    Its predictions are called like the columns that they read, and are these columns' numbers in the next row. Raises
    UserError NN622 where the block does not predict all that it reads.
    """

    def __init__(self, model: Model, train: TrainProgram) -> None:
        self.how = continuation_of(model.checked, train)
        self._model = model
        self._train = train

    def rows(self, path: Path | None = None) -> Table:
        """The last rows that there are, as many as the network reads: of a file, or of the program's own data.

        Raises UserError: NN601 for no such file, NN616 where there are too few.
        """
        import numpy as np

        columns = self._own_rows() if path is None else self._rows_of(path)
        found = {name: np.asarray(columns[name][-self.how.window :], np.float64) for name in self.how.columns}
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
        return open_like(path, reader).read(list(self.how.columns))

    def _data(self) -> DataProgram:
        return next(data for data in self._model.checked.data if data.name == self._train.data)

    def write(self, rows: Table, count: int) -> Iterator[Table]:
        """`count` rows that follow `rows`, one after another: for each column its number."""
        import numpy as np

        read = dict(rows)
        for _ in range(count):
            found = self._model.predict(read, train=self._train.name)
            row = {name: found[name][-1, -1] if name in self.how.over_time else found[name][-1] for name in read}
            yield row
            read = {name: np.append(values[1:], row[name][None], axis=0) for name, values in read.items()}
