"""Text from a trained network: the next character (or word) is drawn by its scores, and read with the others.

Each is computed from the window of those before it, as in training: the window slides, and nothing is carried over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.ir.program import DataProgram, TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.program import Array, Column, Data, Table


@dataclass(frozen=True, slots=True)
class _Scores:
    """What the network says of the next part: the prediction's name, whether it does at every time, and of which ids.

    column: whose ids they are. names: of the ids from `first` on.
    """

    prediction: str
    over_time: bool
    column: Column
    names: tuple[str, ...]
    first: int


class Writer:
    """Writes on from a prompt, as the network of a train block would.

    level: "characters" or "words". window: how many of them it reads. Raises UserError NN622 where the block does not
    predict scores of what comes next in a text.
    """

    def __init__(self, model: Model, train: TrainProgram) -> None:
        self._model = model
        self._train = train
        data = next((data for data in model.checked.data if data.name == train.data), None)
        if data is None or data.reader is None or data.reader.reader != "text":
            help = 'its data would be `data NAME from text("FILE.txt") { ... }`'
            raise UserError(error("NN622", f"{train.name} is not trained on a text", train.span, help=help))
        self.level = str(dict(data.reader.arguments)["level"])
        self._data: Data = model.generated.program.data[data.name]
        self.window = self._window(data)
        self._scores = self._found_scores()
        prediction = model.generated.program.trains[train.name].prediction
        assert prediction is not None  # there are scores
        self._step = prediction(1, model.memory, model.seed)

    def _window(self, data: DataProgram) -> int:
        """How many rows the prediction looks at."""
        block = self._model.generated.program.trains[self._train.name]
        keys = {key for field in self._data.fields if field.name in block.prediction_fields for key in field.columns}
        windows = [window for window in self._data.windows if window.key in keys]
        if not windows or max(window.last for window in windows) > 0:
            help = f"what is predicted reads a `window(...)` of the data {data.name}, and nothing after it"
            raise UserError(error("NN622", f"{self._train.name} does not predict from a window", data.span, help=help))
        return 1 - min(window.first for window in windows)

    def _found_scores(self) -> _Scores:
        """The first prediction that has a number for each id of the text, for one time or for all."""
        from nndsl.data.texts import COLUMN_OF_LEVEL
        from nndsl.ir.types import DType

        fitted = self._model.memory.fitted.get(self._data.name, {})
        columns = [each for each in self._data.columns if each.name == COLUMN_OF_LEVEL[self.level]]
        for name, node, _ in self._train.evaluation.predictions:
            shape = node.type.shape
            if node.type.dtype is not DType.FLOAT or len(shape) not in (1, 2):
                continue
            if len(shape) == 2 and shape[0] != self.window:
                continue
            for column in columns:
                first = 0 if column.role == "class" else 1
                if shape[-1] == len(column.names) + first:
                    names = column.names if first == 0 else tuple(map(str, fitted[f"{column.key}.names"]))
                    return _Scores(name, len(shape) == 2, column, names, first)
        message = f"{self._train.name} does not predict scores for each of the {self.level} of its text"
        raise UserError(error("NN622", message, self._train.span, help="add a line `predict next = scores` to it"))

    def write(self, prompt: Sequence[str], count: int, temperature: float, seed: int) -> Iterator[str]:
        """`count` parts that follow the prompt, one after another.

        temperature: 1 draws by the network's own probabilities, less by sharper ones; 0 takes the likeliest. Raises
        UserError NN622 for a prompt that is too short, or has what the network does not know.
        """
        import numpy as np

        least = 1 if self._scores.over_time else self.window
        if len(prompt) < least:
            message = f"the prompt has {len(prompt)} {self.level}, and the network reads {least}"
            raise UserError(error("NN622", message, help="give a longer one: `--prompt TEXT`"))
        self._check_known(prompt)
        draws = np.random.Generator(np.random.Philox(seed))
        written = list(prompt)
        for _ in range(count):
            probabilities = _sharpened(self._next(written), temperature)
            written.append(self._scores.names[int(draws.choice(len(probabilities), p=probabilities))])
            yield written[-1]

    def _check_known(self, prompt: Sequence[str]) -> None:
        unknown = sorted(set(prompt) - set(self._scores.names))
        if unknown and self._scores.column.role == "class":
            listed = ", ".join(map(repr, unknown))
            raise UserError(error("NN622", f"the network has never seen {listed} of the prompt"))

    def _next(self, written: Sequence[str]) -> Array:
        """Logarithms of the next part's probabilities (up to a number for all), [names]."""
        import numpy as np

        window = list(written[-self.window :])
        last = len(window) - 1
        # The network answers at every time by what came before: what stands behind the last part does not matter.
        window += window[-1:] * (self.window - len(window))
        scores = self._outputs({self._scores.column.name: np.array(window, np.str_)})[self._scores.prediction][0]
        scores = np.asarray(scores[last] if self._scores.over_time else scores, np.float64)
        if scores.min() >= 0 and abs(scores.sum() - 1) < 1e-3:
            with np.errstate(divide="ignore"):
                scores = np.log(scores)  # they are probabilities
        return scores[self._scores.first : self._scores.first + len(self._scores.names)]

    def _outputs(self, columns: Table) -> Table:
        model, block = self._model, self._model.generated.program.trains[self._train.name]
        fitted = model.memory.fitted.get(self._data.name, {})
        fields = model.generated.prepare_new(
            self._data, columns, fitted, block.prediction_fields, model.generated.program.dtype
        )
        for name, buffer in self._step.inputs.items():
            buffer[...] = fields[name]
        self._step.run(0, 0, 0)
        return dict(self._step.outputs)


def _sharpened(scores: Array, temperature: float) -> Array:
    """Probabilities by scores, divided by a temperature; at 0 the likeliest is certain."""
    import numpy as np

    if temperature == 0:
        return np.eye(len(scores))[int(scores.argmax())]
    powers = np.exp((scores - scores.max()) / temperature)
    return powers / powers.sum()
