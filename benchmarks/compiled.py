"""How far a compiled helper would go: `python -m benchmarks compiled`, where Numba is installed.

Parts of our rows whose time is not in matrix products, written by hand for Numba (Lam, Pitrou & Seibert 2015), beside
nndsl's own lines in NumPy and beside the peers. nndsl does not use Numba: this is for judging whether it should.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.networks.network import EPSILON, LEARNING_RATE, Array
from benchmarks.networks.perceptrons import MLP
from benchmarks.networks.recurrent import LSTM
from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.sides import PEERS
from benchmarks.sides.ours import model_of, side_of
from benchmarks.timing import Timed, in_turn, milliseconds, ratio

HEADER = ["part", "nndsl ms", "Numba ms", "nndsl / Numba", "fastest peer ms", "compiling s"]
PACKAGES = ("numba", "llvmlite")
TOLERANCE = 1e-5
"""How far results may be from ours, as a part of the largest."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a row. ours, compiled: compute it, and give the result; peers: so do they, by name."""

    name: str
    ours: Timed
    compiled: Timed
    peers: Mapping[str, Timed]


def section(options: Options) -> str:
    """The table, and what Numba takes of the disk. Raises SystemExit where it is not installed."""
    if find_spec("numba") is None:
        raise SystemExit('this part needs Numba: pip install "nndsl[bench]"')
    with TemporaryDirectory() as folder:
        rows = [_row(part, options.pairs) for part in parts(Path(folder), options.peers)]
    files = [Path(str(file.locate())) for package in PACKAGES for file in distribution(package).files or ()]
    size = sum(file.stat().st_size for file in files if file.exists())
    return f"{markdown(HEADER, rows)}\nNumba and LLVM take {size / 2**20:.0f} MiB of disk.\n"


def parts(folder: Path, peers: tuple[str, ...]) -> list[Part]:
    """All of them; programs and data are put into `folder`. peers: the names of those that are timed, too."""
    return [_adam(folder), *_lstm(folder, peers)]


def require_alike(part: Part) -> float:
    """Both must compute the same; the seconds of the first compiled call. Raises SystemExit where they do not."""
    begin = perf_counter()
    with part.compiled.held():
        found = np.asarray(part.compiled.call())
    compiling = perf_counter() - begin
    with part.ours.held():
        expected = np.asarray(part.ours.call())
    if np.abs(found - expected).max() > TOLERANCE * np.abs(expected).max():
        raise SystemExit(f"{part.name}: Numba computes something else")
    return compiling


def _row(part: Part, pairs: int) -> list[str]:
    compiling = require_alike(part)
    ours, theirs, *peers = in_turn([part.ours, part.compiled, *part.peers.values()], rounds=pairs)
    fastest = min(zip(map(median, peers), part.peers, strict=True), default=None)
    told = "" if fastest is None else f"{milliseconds(fastest[0])} ({fastest[1]})"
    return [
        part.name,
        *(milliseconds(median(times)) for times in (ours, theirs)),
        str(ratio(theirs, ours)),
        told,
        f"{compiling:.1f}",
    ]


# ------------------------------------------------------------------------------------------------ the parts


def _adam(folder: Path) -> Part:
    """An update of all weights of the MLP, on one thread."""
    model, _ = model_of(MLP, folder)
    size = model.memory.weights.size
    given = [*np.random.default_rng(0).normal(size=(2, size)), *np.zeros((2, size))]
    (weight, *others), (weight_there, *others_there) = ([each.astype(np.float32) for each in given] for _ in range(2))
    update = model.generated.names["adam_update"](weight, *others)
    compiled = _compiled(_adam_loop)
    steps = [0, 0]

    def ours() -> Array:
        steps[0] += 1
        update(steps[0], 1)
        return weight

    def theirs() -> Array:
        steps[1] += 1
        rate = LEARNING_RATE * math.sqrt(1 - 0.999 ** steps[1]) / (1 - 0.9 ** steps[1])
        compiled(weight_there, *others_there, np.float32(rate), np.float32(EPSILON))
        return weight_there

    return Part(f"Adam, {size:,} weights, one thread", Timed(ours), Timed(theirs), {})


def _lstm(folder: Path, peers: tuple[str, ...]) -> list[Part]:
    """What the LSTM answers to one sample and to a batch."""
    model, columns = model_of(LSTM, folder)
    side, weights = side_of(model, LSTM, columns, "nndsl")
    memory, train = model.generated.memory(seed=0), model.generated.program.trains["Net"]
    for path, values in weights.items():
        memory.weight(path)[...] = values
    compiled = _lstm_of(_compiled(_tanh))
    names = ("lstm/kernel", "lstm/recurrent_kernel", "lstm/bias", "dense/kernel", "dense/bias")
    given = [np.ascontiguousarray(weights[f"Net/{name}"]) for name in names]
    others = {name: PEERS[name][0](LSTM, weights, columns) for name in peers}
    found: list[Part] = []
    for rows, what, call in ((1, "one sample", "infer_one"), (LSTM.batch, f"batch of {LSTM.batch}", "infer")):
        step = train.prediction(rows, memory, 0)
        step.inputs["x"][...] = columns["x"][:rows]
        ours = Timed(_answering(step), held=side.held)
        x = np.ascontiguousarray(columns["x"][:rows])
        there = {name: Timed(getattr(peer, call), peer.settled, peer.held) for name, peer in others.items()}
        compiled_call = Timed(lambda x=x: compiled(x, *given), held=side.held)
        found.append(Part(f"LSTM, {what}", ours, compiled_call, there))
    return found


def _answering(step: Any) -> Callable[[], Array]:
    def answer() -> Array:
        step.run(0, 0, 0)
        return next(iter(step.outputs.values()))

    return answer


# ------------------------------------------------------------------------------------------------ for Numba


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled for the types that it is first called with; sums may be reordered."""
    import numba

    return numba.njit(fastmath=True, error_model="numpy")(function)


def _adam_loop(weight: Array, gradient: Array, m: Array, v: Array, rate: Any, epsilon: Any) -> None:
    """All of an update in one pass over memory. All vectors: [weights]."""
    for i in range(weight.size):
        g = gradient[i]
        m[i] = np.float32(0.9) * m[i] + np.float32(0.1) * g
        v[i] = np.float32(0.999) * v[i] + np.float32(0.001) * g * g
        weight[i] -= rate * m[i] / (np.sqrt(v[i]) + epsilon)


def _tanh(x: Any) -> Any:
    """The hyperbolic tangent of numbers in float32 by arithmetic alone, so that the compiler makes vectors of it.

    Lambert's continued fraction of tanh(x / 4), then twice tanh(2 a) = 2 tanh(a) / (1 + tanh(a)^2).
    """
    a = np.float32(0.25) * min(max(x, np.float32(-10)), np.float32(10))
    q = a * a
    above = np.float32(135135) + q * (np.float32(17325) + q * (np.float32(378) + q))
    below = np.float32(135135) + q * (np.float32(62370) + q * (np.float32(3150) + q * np.float32(28)))
    t = a * above / below
    t = (t + t) / (np.float32(1) + t * t)
    return (t + t) / (np.float32(1) + t * t)


def _lstm_of(tanh: Callable[[Any], Any]) -> Callable[..., Array]:
    """The network, with a function for the hyperbolic tangent that is compiled into it."""

    def sigmoid(x: Any) -> Any:
        return np.float32(0.5) * tanh(np.float32(0.5) * x) + np.float32(0.5)

    sigmoid = _compiled(sigmoid)

    def lstm(x: Array, kernel: Array, recurrent: Array, bias: Array, dense_kernel: Array, dense_bias: Array) -> Array:
        """x: [n, time, d] -> scores [n, classes]; what follows a product is one loop over [n, units]."""
        n, times, d = x.shape
        units = recurrent.shape[0]
        sums = np.dot(x.reshape(n * times, d), kernel).reshape(n, times, 4 * units)
        h = np.zeros((n, units), np.float32)
        c = np.zeros((n, units), np.float32)
        for t in range(times):
            products = np.dot(h, recurrent)
            for row in range(n):
                gates = products[row] + sums[row, t] + bias
                for unit in range(units):
                    i = sigmoid(gates[unit])
                    f = sigmoid(gates[units + unit])
                    g = tanh(gates[2 * units + unit])
                    o = sigmoid(gates[3 * units + unit])
                    c[row, unit] = f * c[row, unit] + i * g
                    h[row, unit] = o * tanh(c[row, unit])
        return np.dot(h, dense_kernel) + dense_bias

    return _compiled(lstm)
