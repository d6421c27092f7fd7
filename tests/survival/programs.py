"""Programs that are interrupted, and runs of them in this process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from nndsl.runs.outcomes import Outcome
from nndsl.runs.trainer import run
from nndsl.runtime.load import compiled
from nndsl.runtime.model import Model
from nndsl.source import SourceFile

POINTS = """\
let hidden = 8
let rate = 0.01

data points {
  x = [[0.1, 0.9], [0.8, 0.2], [0.4, 0.5], [0.9, 0.8], [0.3, 0.1], [0.7, 0.6], [0.2, 0.7]]
  y = [1.0, 0.6, 0.9, 1.7, 0.4, 1.3, 0.9]
  split train 60%, validation 20%, test 20%
}

model Net {
  input x
  Dense(hidden, activation=tanh)
  BatchNormalization
  Dropout(0.2)
  Dense(1)
}

train Net on points {
  epochs = 6
  batch_size = 2
  minimize mse(Net(x)[0], y) using Adam(learning_rate=rate)
  metric gap = abs(Net(x)[0] - y)
  EarlyStopping(patience=50)
  ModelCheckpoint(every=2)
}
"""


def model_of(text: str, precision: str = "float32") -> Model:
    """The program with nothing learnt yet. The same text is compiled once."""
    return Model(*_compiled(text, precision), {}, 0)


@cache
def _compiled(text: str, precision: str) -> tuple[Any, Any]:
    model = compiled(SourceFile("net.nn", text), sets={}, precision=precision)
    return model.checked, model.generated


class Leaving:
    """A progress that leaves training after a step, as Ctrl-C would."""

    def __init__(self, step: int) -> None:
        self.at = step
        self.told: list[str] = []

    def begin(self, train: str, epochs: int) -> None:
        pass

    def step(self, done: Any) -> None:
        import signal

        if done.step == self.at:
            signal.raise_signal(signal.SIGINT)

    def epoch(self, done: Any) -> None:
        pass

    def note(self, text: str) -> None:
        self.told.append(text)

    def end(self) -> None:
        pass


def left(text: str, folder: Path, step: int, **options: Any) -> list[Outcome]:
    """A run in `folder`/run that is left after a step."""
    outcomes = run(model_of(text), out=folder / "run", progress=Leaving(step), **options)
    assert outcomes[-1].interrupted
    return outcomes


def gone_on(text: str, folder: Path, **options: Any) -> tuple[list[Outcome], list[str]]:
    """The same run gone on with, by a program that may have changed; what it told."""
    progress = Leaving(0)
    outcomes = run(model_of(text), out=folder / "run", progress=progress, resume=True, **options)
    return outcomes, progress.told
