"""What a training step's time is made of, by what NumPy is asked for: `python -m benchmarks gap`.

Every NumPy function that a generated module calls is replaced by one that reads the clock around it; what that adds is
measured on a function that does nothing, and taken off. (Threads that wait for each other's Python wait a little more
often then: parts are right to some hundredths.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import local
from time import perf_counter
from types import ModuleType
from typing import Any, cast

import numpy as np

from benchmarks import one_sample
from benchmarks.networks import NETWORKS, Network
from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.sides.ours import model_of, side_of
from benchmarks.timing import milliseconds
from nndsl.plan.work import work_of

PRODUCTS = ("dot", "matmul", "einsum", "tensordot", "vecdot", "matvec", "vecmat")
UFUNC_METHODS = ("reduce", "reduceat", "accumulate", "at", "outer")
SECONDS = 1.0
"""How long a network's steps are watched."""
KINDS = ("products", "elementwise", "copies, sums, windows")
HEADER = ["network", "step ms", "threads", *KINDS, "Python, waiting", "calls", "products GFLOP/s"]


@dataclass(slots=True)
class Spent:
    """Seconds and calls by kind, of all threads together."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    calls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def restart(self) -> None:
        """Forgets what was counted."""
        self.seconds.update(dict.fromkeys(KINDS, 0.0))
        self.calls.update(dict.fromkeys(KINDS, 0))


class Watch(local):
    """Whether this thread is inside a function that is watched: what that one calls is its own."""

    inside = False


def section(options: Options) -> str:
    """Two tables with a row for each network: of training steps, and of the inference of one sample."""
    networks = options.of(NETWORKS)
    steps = markdown(HEADER, [_row(network) for network in networks])
    return f"{steps}\nOne sample:\n\n{one_sample.table(networks)}"


def watch(names: MutableMapping[str, Any], spent: Spent) -> None:
    """Replace NumPy's functions among a module's names, and those that it looks up in `np`, by watched ones."""
    inside = Watch()

    def all_watched(given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: _watched(found, kind, spent, inside) if (kind := _kind(name, found)) else found
            for name, found in given.items()
        }

    numpy = ModuleType("numpy")
    vars(numpy).update(all_watched(vars(np)))
    names.update({**all_watched(names), "np": numpy})


def _kind(name: str, found: object) -> str | None:
    """What a name of a generated module counts as; None where it is nothing that computes with arrays."""
    if name in PRODUCTS:
        return "products"
    if isinstance(found, np.ufunc):
        return "elementwise"
    of_numpy = getattr(found, "__module__", None) == "numpy" and not isinstance(found, type)
    reduces = isinstance(getattr(found, "__self__", None), np.ufunc)
    return "copies, sums, windows" if callable(found) and (of_numpy or reduces) else None


def _watched(call: Callable[..., Any], kind: str, spent: Spent, inside: Watch) -> Callable[..., Any]:
    seconds, calls = spent.seconds, spent.calls

    def watched(*arguments: Any, **options: Any) -> Any:
        if inside.inside:
            return call(*arguments, **options)
        inside.inside = True
        begin = perf_counter()
        found = call(*arguments, **options)
        seconds[kind] += perf_counter() - begin
        calls[kind] += 1
        inside.inside = False
        return found

    if isinstance(call, np.ufunc):
        for method in UFUNC_METHODS:
            setattr(watched, method, _watched(getattr(call, method), KINDS[-1], spent, inside))
    return watched


def _cost_of_watching(calls: int = 100_000) -> tuple[float, float]:
    """Seconds that a watched call takes longer, and those of them that its own clock counts."""
    spent = Spent()

    def nothing() -> None:
        pass

    watched = _watched(nothing, KINDS[0], spent, Watch())
    begin = perf_counter()
    for _ in range(calls):
        watched()
    middle = perf_counter()
    for _ in range(calls):
        nothing()
    plain = perf_counter() - middle
    return (middle - begin - plain) / calls, max(0.0, spent.seconds[KINDS[0]] - plain) / calls


def _row(network: Network) -> list[str]:
    """A network's step: as it is, and where its time goes."""
    with TemporaryDirectory() as folder:
        plain_model, columns = model_of(network, Path(folder))
        plain, _ = side_of(plain_model, network, columns, "plain")
        model, _ = model_of(network, Path(folder))
        spent = Spent()
        watch(cast("MutableMapping[str, Any]", model.generated.names), spent)
        watched, _ = side_of(model, network, columns, "watched")
        train = model.checked.trains[0]
        tiling = model.sharings[train.name].tiling
        threads = 1 if tiling is None else tiling.divided(network.batch)[1]
        flops = 2 * work_of(model.planned.trains[0].training.roots(), network.batch, 4).products
    with plain.held(), watched.held():
        step = _seconds(plain.step)
        spent.restart()
        return [network.key, *_shares(spent, watched.step, step, threads, flops)]


def _seconds(call: Callable[[], object]) -> float:
    """The median of one call, over a second."""
    found: list[float] = []
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        begin = perf_counter()
        call()
        found.append(perf_counter() - begin)
    return median(found)


def _shares(spent: Spent, step: Callable[[], object], plain: float, threads: int, flops: int) -> list[str]:
    """The cells of a row. plain: seconds of a step that nobody watches. flops: of its products."""
    steps = 0
    begin = perf_counter()
    while perf_counter() - begin < SECONDS:
        step()
        steps += 1
    whole = (perf_counter() - begin) * threads
    longer, counted = _cost_of_watching()
    calls = sum(spent.calls.values())
    whole -= calls * longer
    seconds = {kind: spent.seconds[kind] - spent.calls[kind] * counted for kind in KINDS}
    rest = max(0.0, whole - sum(seconds.values()))
    whole = rest + sum(seconds.values())
    return [
        milliseconds(plain),
        str(threads),
        *(f"{100 * taken / whole:.0f} %" for taken in (*seconds.values(), rest)),
        f"{calls / steps:.0f}",
        f"{flops * steps / seconds['products'] / 1e9:.0f}",
    ]
