"""Text from a trained network: how it goes about it, and what its generated module writes.

The writing itself is in `nndsl.runtime.standalone.writing`, for standalone files do it too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nndsl.diagnostics import Diagnostic, UserError, error, warning
from nndsl.passes.generation import generation_of

if TYPE_CHECKING:
    from nndsl.ir.program import Generation, TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.writing import TextWriter

_RUNS = 4
"""How many windows are changed at their ends to see whether what comes before moves."""


class Writer:
    """Writes on from a prompt, as the network of a train block would.

    how: what is known of it. by_window: compute each part from the window of those before it, even where the network
    could go on from what its loops carry. Raises UserError NN622 where the block does not predict scores of what comes
    next in a text.
    """

    def __init__(self, model: Model, train: TrainProgram, *, by_window: bool = False) -> None:
        self.how: Generation = generation_of(model.checked, train)
        self.by_window = by_window or self.how.one_time is None
        self._generated = model.generated
        self._model = model
        self._train = train
        with self._explained():
            self._writer: TextWriter = model.generated.names["TextWriter"](
                model.generated.program,
                model.generated.program.trains[train.name],
                model.memory,
                model.seed,
                by_window=by_window,
            )

    def prompt(self) -> list[str]:
        """What to go on from where nobody says it: a new line, or where it won't do, the beginning of the text.

        A network that answers only for the end of a window needs all of one; another may never have seen a new line.
        Raises UserError where the text is not there.
        """
        if self._writer.least == 1 and self._writer.knows("\n"):
            return ["\n"]
        import numpy as np

        data = self._model.checked.data_named(self._train.data)
        table = next(iter(self._model.tables(data).values()))
        name = self._writer.column
        return list(map(str, table.read_rows([name], np.arange(min(self._writer.least, table.rows)))[name]))

    def write(
        self, prompt: Sequence[str], count: int, temperature: float = 1.0, top_k: int | None = None, seed: int = 0
    ) -> Iterator[str]:
        """`count` parts that follow the prompt, one after another.

        temperature: 1 draws by the network's own probabilities, less by sharper ones; 0 takes the likeliest.
        top_k: only so many, the likeliest, are drawn from. Raises UserError NN622, at once, for a prompt that is
        too short, or has what the network does not know; and later where what the network says is no number.
        """
        with self._explained():
            parts = self._writer.write(prompt, count, temperature, top_k, seed)
        return self._written(parts)

    def _written(self, parts: Iterator[str]) -> Iterator[str]:
        with self._explained():
            yield from parts

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except Exception as failure:
            if not self._generated.raised(failure, "WritingError"):
                raise
            raise UserError(error("NN622", str(failure), help=getattr(failure, "help", None))) from None


def look_ahead(model: Model, trains: Iterable[TrainProgram]) -> list[Diagnostic]:
    """A warning for each block whose answers at earlier times of a window move with what stands at its end."""
    return [
        warning(
            "NN903",
            f"what {train.name} answers at a time depends on what comes later in the window",
            train.span,
            help="what is to learn what comes next may not see it: `causal=true` in attention, `padding=causal` in "
            "convolutions, no Bidirectional; or let it answer for the end of the window alone",
        )
        for train in trains
        if _looks_ahead(model, train)
    ]


def _looks_ahead(model: Model, train: TrainProgram) -> bool:
    """Whether they do, tried out on windows of random values and with the weights that there are.

    False for a block that does not write on from a text, or that answers only at the end.
    """
    import numpy as np

    block = model.generated.program.trains[train.name]
    found = block.generation
    if found is None or not found.over_time or found.one_time is not None or block.prediction is None:
        return False
    step = block.prediction(_RUNS, model.memory, model.seed)
    draws = np.random.default_rng(0)
    for buffer in step.inputs.values():
        buffer[...] = draws.normal(size=buffer.shape) if buffer.dtype.kind == "f" else draws.random(buffer.shape) < 0.5
    step.run(0, 0, 0)
    before = step.outputs[found.prediction][:, :-1].copy()
    for name, axis in found.times.items():
        last = np.moveaxis(step.inputs[name], axis + 1, 0)[-1]
        last[...] = last + 1 if last.dtype.kind == "f" else last == 0
    step.run(0, 0, 0)
    moved = np.abs(step.outputs[found.prediction][:, :-1] - before).max(initial=0.0)
    return bool(moved > 1e-5 * np.abs(before).max(initial=0.0))
