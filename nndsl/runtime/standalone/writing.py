"""Text from a trained network: the next character (or word) is drawn by its scores, and read as the next.

Where only loops look across time, the network goes on one time after another, from what its loops carry. Else each
part is computed from the window of those before it, as in training.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np

from nndsl.runtime.standalone.data import prepare_new
from nndsl.runtime.standalone.program import Array, Generation, Memory, OneTime, Program, Table, Train

LISTED_PARTS = 8
"""So many unknown parts of a prompt are named."""


class WritingError(ValueError):
    """A prompt that a network can't go on from. `help`: a way out, or None."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


class TextWriter:
    """Writes on from a prompt, as the network of a train block would.

    train: one that has a `generation`. by_window: compute each part from a window, even where it could be done one time
    after another.
    """

    def __init__(self, program: Program, train: Train, memory: Memory, seed: int, *, by_window: bool = False) -> None:
        if train.generation is None or train.data is None or train.prediction is None:
            raise WritingError(f"{train.name} does not write on from a text")
        self._program = program
        self._train = train
        self._memory = memory
        self._seed = seed
        self.generation: Generation = train.generation
        self._data = program.data[train.data]
        self._column = next(each for each in self._data.columns if each.key == self.generation.column)
        self._fitted = memory.fitted.get(self._data.name, {})
        self._one_time = None if by_window else self.generation.one_time
        self._names: list[str] = list(self._column.names)
        if self._column.role == "category":
            self._names = list(map(str, self._fitted[f"{self._column.key}.names"]))
        self._first_id = 0 if self._column.role == "class" else 1

    @property
    def column(self) -> str:
        """The column of the text that it learnt from."""
        return self._column.name

    @property
    def least(self) -> int:
        """How many parts a prompt has at least."""
        whole = self._one_time is None and not self.generation.over_time
        return self.generation.window if whole else 1

    def knows(self, part: str) -> bool:
        """Whether the network has seen such a character or word."""
        return part in self._names

    def write(
        self, prompt: Sequence[str], count: int, temperature: float = 1.0, top_k: int | None = None, seed: int = 0
    ) -> Iterator[str]:
        """`count` parts that follow the prompt, one after another.

        temperature: 1 draws by the network's own probabilities, less by sharper ones; 0 takes the likeliest.
        top_k: only so many, the likeliest, are drawn from. Raises WritingError, at once, for a prompt that is
        too short, or has what the network does not know.
        """
        self._check_prompt(prompt)
        return self._written(prompt, count, temperature, top_k, seed)

    def _written(
        self, prompt: Sequence[str], count: int, temperature: float, top_k: int | None, seed: int
    ) -> Iterator[str]:
        draws = np.random.Generator(np.random.Philox(seed))
        scores = self.answers(prompt)
        answer = next(scores)
        for number in range(count):
            probabilities = sharpened(self._of_names(answer), temperature, top_k)
            part = self._names[int(draws.choice(len(probabilities), p=probabilities))]
            yield part
            if number < count - 1:
                answer = scores.send(part)

    def answers(self, prompt: Sequence[str]) -> Generator[Array, str, None]:
        """What the network says of the part after the prompt, [ids], and then after each part that it is sent."""
        return self._by_window(prompt) if self._one_time is None else self._one_by_one(self._one_time, prompt)

    def _check_prompt(self, prompt: Sequence[str]) -> None:
        level = self.generation.level
        if len(prompt) < self.least:
            message = f"the prompt has {len(prompt)} {level}, and the network reads {self.least}"
            raise WritingError(message, "give a longer one: `--prompt TEXT`")
        unknown = sorted(set(prompt) - set(self._names))
        if unknown:
            listed = ", ".join(map(repr, unknown[:LISTED_PARTS])) + (", ..." if len(unknown) > LISTED_PARTS else "")
            known = repr("".join(self._names)) if level == "characters" else f"{len(self._names)} words"
            raise WritingError(f"the network has never seen {listed} of the prompt", f"from its text it knows {known}")

    def _of_names(self, scores: Array) -> Array:
        """Logarithms of probabilities (up to a number for all) of `_names`, [names], from what the network says."""
        scores = np.asarray(scores, np.float64)
        if np.isnan(scores).any() or not np.isfinite(scores.max()):
            message = "what the network says of the next part is no finite number"
            raise WritingError(message, "its weights are too large or undefined: train it with a smaller learning rate")
        if scores.min() >= 0 and abs(scores.sum() - 1) < 1e-3:
            with np.errstate(divide="ignore"):
                scores = np.log(scores)  # they are probabilities
        return scores[self._first_id : self._first_id + len(self._names)]

    def _fields(self, window: Sequence[str], wanted: tuple[str, ...]) -> Table:
        """The fields of one row, whose window has these parts."""
        columns = {self._column.name: np.array(window, np.str_)}
        return prepare_new(self._data, columns, self._fitted, wanted, self._program.dtype)

    # ---------------------------------------------------------------------------------------- by windows

    def _by_window(self, prompt: Sequence[str]) -> Generator[Array, str, None]:
        """`answers`, each from a window of what was written last."""
        assert self._train.prediction is not None
        step = self._train.prediction(1, self._memory, self._seed)
        length, over_time = self.generation.window, self.generation.over_time
        written = list(prompt)
        while True:
            window = written[-length:]
            last = len(window) - 1
            # The network answers at every time by what came before: what stands behind the last part does not matter.
            window += window[-1:] * (length - len(window))
            for name, values in self._fields(window, self._train.prediction_fields).items():
                step.inputs[name][...] = values
            step.run(0, 0, 0)
            scores = step.outputs[self.generation.prediction][0]
            written.append((yield scores[last] if over_time else scores))

    # ---------------------------------------------------------------------------------------- one after another

    def _one_by_one(self, one_time: OneTime, prompt: Sequence[str]) -> Generator[Array, str, None]:
        """`answers`, each part being read once: the loops go on from what they carry."""
        step = one_time.step(1, self._memory, self._seed)
        if one_time.first is not None:
            first = one_time.first(1, self._memory, self._seed)
            first.run(0, 0, 0)
            for name in one_time.carries:
                step.inputs[name][...] = first.outputs[name]
        known: dict[str, Table] = {}
        coming = list(prompt)
        while True:
            for part in coming:
                if part not in known:
                    known[part] = self._one_part(part, one_time)
                for name, value in known[part].items():
                    step.inputs[name][...] = value
                step.run(0, 0, 0)
                carried = {name: step.outputs[name].copy() for name in one_time.carries}
                for name, value in carried.items():
                    step.inputs[name][...] = value
            scores = step.outputs[self.generation.prediction][0]
            coming = [(yield scores.reshape(-1, scores.shape[-1])[-1])]

    def _one_part(self, part: str, one_time: OneTime) -> Table:
        """What the network reads of one part: one time of the fields of a window that has nothing else."""
        fields = self._fields([part] * self.generation.window, one_time.fields)
        axes = self.generation.times
        return {
            name: np.take(values, [0], axes[name] + 1) if name in axes else values for name, values in fields.items()
        }


def sharpened(scores: Array, temperature: float, top_k: int | None = None) -> Array:
    """Probabilities by scores, divided by a temperature; at 0 the likeliest is certain. top_k: the others get none."""
    if temperature == 0:
        return np.eye(len(scores))[int(scores.argmax())]
    if top_k is not None and top_k < len(scores):
        chosen = np.argsort(-scores, kind="stable")[:top_k]
        scores = np.where(np.isin(np.arange(len(scores)), chosen), scores, -np.inf)
    powers = np.exp((scores - scores.max()) / temperature)
    return powers / powers.sum()
