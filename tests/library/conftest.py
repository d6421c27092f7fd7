"""Small networks built through the whole compiler, with their weights and inputs in a test's hands.

PyTorch is the calculator that results are compared with, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[Any]

TOLERANCE = {"float64": 1e-9, "float32": 1e-5}


@cache
def compiled(text: str, precision: str, level: int) -> Any:
    """The `PROGRAM` of the module generated from a `.nn` text. Warnings are mistakes here: no test asks for one."""
    from nndsl.check import check
    from nndsl.runtime.load import generate
    from nndsl.runtime.modules import Generated
    from nndsl.source import SourceFile

    checked = check(SourceFile("test.nn", text))
    assert not checked.warnings, checked.warnings
    return Generated(generate(checked, precision=precision, level=level), "<test>").program


@dataclass(frozen=True)
class Network:
    """A compiled text with one train block, its memory, and its steps run by hand."""

    program: Any
    train: Any
    memory: Any
    seed: int

    def weights(self) -> dict[str, Array]:
        """Every weight by its path, as views: what is written into them is used."""
        return {path: self.memory.weight(path) for path, _ in self.program.weights}

    def weight(self, ending: str) -> Array:
        """The one weight whose path ends so."""
        (path,) = [path for path, _ in self.program.weights if path.endswith(ending)]
        return self.memory.weight(path)

    def gradient(self, ending: str) -> Array:
        """The gradient, by the last step, of the one weight whose path ends so."""
        (path,) = [path for path, _ in self.program.weights if path.endswith(ending)]
        return self.memory.gradient(path)

    def state(self, ending: str) -> Array:
        """The one state whose path ends so."""
        (path,) = [path for path, _ in self.program.states if path.endswith(ending)]
        return self.memory.state(path)

    def _run(self, workspace: Any, fields: Mapping[str, Array], step: int) -> Any:
        n = len(next(iter(fields.values())))
        made = workspace(n, self.memory, self.seed)
        for name, buffer in made.inputs.items():
            assert buffer.shape == fields[name].shape, name
            buffer[...] = fields[name]
        made.run(step, 1, 0)
        return made

    def training_step(self, fields: Mapping[str, Array], step: int = 1) -> dict[str, float]:
        """One step of training; what it reports."""
        made = self._run(self.train.training, fields, step)
        n = len(next(iter(fields.values())))
        return self.train.report(made.totals, n, step, 1)

    def evaluate(self, *batches: Mapping[str, Array]) -> dict[str, float]:
        """What is reported for all batches together."""
        totals: Array | None = None
        samples = 0
        for fields in batches:
            made = self._run(self.train.evaluation, fields, 0)
            totals = made.totals.copy() if totals is None else totals + made.totals
            samples += len(next(iter(fields.values())))
        assert totals is not None
        return self.train.report(totals, samples, 0, 1)

    def predict(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        """The predicted values by name."""
        assert self.train.prediction is not None
        made = self._run(self.train.prediction, fields, 0)
        return {name: np.array(value) for name, value in made.outputs.items()}


def build(text: str, precision: str = "float64", level: int = 1, seed: int = 0) -> Network:
    """The network that a text describes, freshly initialised."""
    program = compiled(text, precision, level)
    (train,) = program.trains.values()
    memory = program.memory(seed)
    memory.begin(train)
    return Network(program, train, memory, seed)


@pytest.fixture
def network() -> Callable[..., Network]:
    """`network(text, precision="float64", level=1, seed=0)`."""
    return build


def literal(values: Array) -> str:
    """An array as a list of the language."""
    return str(values.tolist()).replace("True", "true").replace("False", "false")


@dataclass(frozen=True)
class Probe:
    """A step between a table of inputs and a random direction: its outputs and both its gradients are visible.

    values: what goes in, one row a sample. The loss is sum(output * direction), averaged over the samples.
    """

    network: Network
    fields: dict[str, Array]

    def output(self) -> Array:
        """What the step gives in evaluation, (n, ...)."""
        return self.network.predict(self.fields)["value"]

    def train(self) -> float:
        """One step of training, after which gradients are there; its loss."""
        return self.network.training_step(self.fields)["loss"]

    def input_gradient(self) -> Array:
        """Gradient of the last loss by what went in, (n, ...)."""
        return self.network.gradient("rows/values")


def probe_step(
    step: str, values: Array, direction: Array, *, precision: str = "float64", level: int = 1, definitions: str = ""
) -> Probe:
    """The step written as `step`, on `values`. Its weights are named ".../step/<name>", if it has any."""
    rows = ", ".join(map(str, values.shape))
    text = f"""
{definitions}
layer Rows {{
  input index
  weight values: [{rows}] = zeros
  output gather(values, index)
}}
data given {{
  index = {list(range(len(values)))}
  direction = {literal(np.zeros_like(direction[:1]).repeat(len(values), 0))}
}}
model Net {{
  input index
  rows: Rows
  step: {step}
}}
train Net on given {{
  epochs = 1
  batch_size = {len(values)}
  value = Net(index)
  minimize sum(value * direction) using SGD(learning_rate=0)
  predict value = value
}}
"""
    made = build(text, precision, level)
    made.weight("rows/values")[...] = values
    return Probe(made, {"index": np.arange(len(values), dtype=np.int32), "direction": direction.astype(precision)})


@pytest.fixture
def probe() -> Callable[..., Probe]:
    """`probe(step, values, direction, precision=..., level=..., definitions="")`."""
    return probe_step


def assert_close(got: Array, wanted: Array, precision: str, what: str = "") -> None:
    """`got` is `wanted`: to 1e-9 in float64, to 1e-5 of its norm in float32."""
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    assert got.shape == wanted.shape, f"{what}: {got.shape} is not {wanted.shape}"
    difference = float(np.linalg.norm(got - wanted))
    scale = max(float(np.linalg.norm(wanted)), 1.0 if precision == "float64" else 1e-3)
    assert np.isfinite(difference), f"{what} is not finite"
    assert difference <= TOLERANCE[precision] * scale, f"{what}: off by {difference / scale:.2e} of the norm"


@pytest.fixture
def close() -> Callable[..., None]:
    """`close(got, wanted, precision, what)`."""
    return assert_close
