"""What inference of one sample can't be faster than: reading its weights once, and calling its functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, cast

import numpy as np

from benchmarks.networks import Network
from benchmarks.page import markdown
from benchmarks.sides.ours import model_of, side_of
from benchmarks.timing import milliseconds
from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.runtime.standalone.alignment import aligned

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from nndsl.ir.program import StepGraph

HEADER = ["network", "one sample ms", "weights kB", "reading them once ms", "part", "calls", "calling ms"]
ROUNDS = 15


def table(networks: Sequence[Network]) -> str:
    """A row for each network: the time, and the two things that it can't be without."""
    one_call = _call()
    return markdown(HEADER, [_row(network, one_call) for network in networks])


def _row(network: Network, one_call: float) -> list[str]:
    from benchmarks.gap import Spent, watch  # which prints this table under its own

    with TemporaryDirectory() as folder:
        plain_model, columns = model_of(network, Path(folder))
        plain, _ = side_of(plain_model, network, columns, "plain")
        model, _ = model_of(network, Path(folder))
        spent = Spent()
        watch(cast("MutableMapping[str, Any]", model.generated.names), spent)
        watched, _ = side_of(model, network, columns, "watched")
        size = weight_bytes(model.planned.trains[0].evaluation)
    with plain.held(), watched.held():
        spent.restart()
        watched.infer_one()
        calls = sum(spent.calls.values())
        seconds, reading = _median(plain.infer_one), _reading(size)
    return [
        network.key,
        milliseconds(seconds),
        f"{size / 1e3:.0f}",
        milliseconds(reading),
        f"{100 * reading / seconds:.0f} %",
        str(calls),
        milliseconds(calls * one_call),
    ]


def weight_bytes(graph: StepGraph) -> int:
    """Bytes of the weights that predictions read whole, in float32. Of a table whose rows are looked up none is."""
    nodes = reachable([node for _, node, _ in graph.predictions])
    tables = {node.inputs[0] for node in nodes if node.op is ops.gather}
    bodies = [reachable(ops.body_of(node).roots) for node in nodes if node.op is ops.scan]
    found = {
        str(node["path"]): node.type.size
        for part in (nodes, *bodies)
        for node in part
        if node.op is ops.weight and node not in tables
    }
    return 4 * sum(found.values())


def _reading(size: int) -> float:
    """Seconds of the fastest way that NumPy has to go through so many bytes once: a vector's product with itself."""
    vector = aligned(max(1, size // 4), np.float32)
    vector.fill(1.0)
    dot = np.dot
    return _median(lambda: dot(vector, vector))


def _call() -> float:
    """Seconds that a call with `out=` takes where there is next to nothing to compute."""
    numbers, add = aligned(16, np.float32), np.add
    numbers.fill(0.0)
    return _median(lambda: add(numbers, numbers, out=numbers))


def _median(call: Callable[[], object], seconds: float = 0.02) -> float:
    """Seconds of one call: the median of rounds of as many as take `seconds`."""
    count = 1
    while (spent := _spent(call, count)) < seconds / 4:
        count *= 4
    count = max(1, round(count * seconds / spent))
    return sorted(_spent(call, count) / count for _ in range(ROUNDS))[ROUNDS // 2]


def _spent(call: Callable[[], object], count: int) -> float:
    begin = perf_counter()
    for _ in range(count):
        call()
    return perf_counter() - begin
