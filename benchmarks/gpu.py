"""On a GPU, at a GPU's sizes, beside eager PyTorch, `torch.compile` and what the device can do at best.

`python -m benchmarks gpu`. Every table is of one precision, which all its sides compute in.
"""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.networks import GPU_NETWORKS, Network
from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.sides.on_gpu import PRECISIONS, sides, use_precision
from benchmarks.steps import require_agreement
from benchmarks.timing import Ratio, Timed, in_turn, milliseconds, ratio

if TYPE_CHECKING:
    from nndsl.plan import MemoryReport

AGREE_STEPS = 20
TOLERANCES = {"float32": 2e-3, "tf32": 1e-2, "bfloat16": 5e-2}
"""How far losses may be from ours, as a part of them: rounding differs between the kernels of the sides."""

TURN = 0.3
"""Seconds of a turn. The device is waited for at its begin and its end only, as in training."""

WIDE = 8192
COPIED = 1 << 30


@dataclass(frozen=True, slots=True)
class Best:
    """What the device does at best: floating-point operations a second of a large product, bytes a second of copies."""

    flops: float
    moving: float

    def seconds(self, work: MemoryReport) -> float:
        """The roofline (Williams, Waterman & Patterson 2009): no step is faster than its arithmetic, nor its memory."""
        return max(work.flops / self.flops, moved(work) / self.moving)


@dataclass(frozen=True, slots=True)
class Row:
    """Median seconds of a training step of each side by its name, and how many times as long as ours each takes."""

    network: str
    best: float
    seconds: dict[str, float]
    ratios: dict[str, Ratio]


def section(options: Options) -> str:
    """A table for each precision. Raises SystemExit where there is no GPU."""
    require_gpu()
    chosen = options.of(GPU_NETWORKS)
    tables: list[str] = []
    for precision in PRECISIONS:
        best = measured_best(precision)
        told = f"{device_name()}, {best.flops / 1e12:,.0f} TFLOP/s and {best.moving / 1e12:.2f} TB/s at best."
        found = [_tried(network, precision, best, options.pairs) for network in chosen]
        table = _table([row for row in found if isinstance(row, Row)])
        failed = "\n".join(f"- {each}" for each in found if isinstance(each, str))
        tables.append("\n\n".join(part for part in (f"### {precision}", told, table, failed) if part) + "\n")
    return "\n".join(tables)


def _tried(network: Network, precision: str, best: Best, rounds: int) -> Row | str:
    """A network's row, told as soon as it is there; or why there is none: the others are measured all the same."""
    try:
        row = _measured(network, precision, best, rounds)
    except (Exception, SystemExit) as failure:  # noqa: BLE001 - of whatever side, for whatever reason
        told = f"{network.name}: not measured: {type(failure).__name__}: {failure}"
        traceback.print_exc()
        return told.partition("\n")[0]
    finally:
        _give_memory_back()
    print(f"{precision}: {', '.join(_cells(row, list(row.ratios)))}", file=sys.stderr, flush=True)
    return row


def _give_memory_back() -> None:
    """What a network's sides have kept of the device's memory is there for the next network's."""
    import torch

    gc.collect()
    importlib.import_module("cupy").get_default_memory_pool().free_all_blocks()
    torch.compiler.reset()
    torch.cuda.empty_cache()


def require_gpu() -> None:
    """Raises SystemExit, with what is missing, where this machine can't run the comparison."""
    from nndsl.diagnostics import UserError
    from nndsl.diagnostics.render import render_all
    from nndsl.runtime.devices import choose

    try:
        choose("gpu")
    except UserError as mistake:
        missing = render_all(mistake.diagnostics)
        raise SystemExit(f"this part needs a GPU, and there is none to use\n{missing}") from None
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        raise SystemExit("this part compares with PyTorch, which is not installed: pip install torch") from None
    if not torch.cuda.is_available():
        raise SystemExit("this part compares with PyTorch, and the PyTorch that is installed can't use the GPU")


def device_name() -> str:
    """The GPU's."""
    import torch

    return torch.cuda.get_device_name()


def _measured(network: Network, precision: str, best: Best, rounds: int) -> Row:
    """A training step of every side on one network, in turn."""
    with TemporaryDirectory() as folder:
        made = sides(network, precision, Path(folder))
        require_agreement(network, made, AGREE_STEPS, TOLERANCES[precision])
        settled = made[-1].settled  # of the whole device, whoever keeps it busy
        timed = [Timed(side.step, settled, side.held) for side in made]
        times = in_turn(timed, rounds=rounds, seconds=TURN)
        names = [side.name for side in made]
        medians = dict(zip(names, map(median, times), strict=True))
        ratios = {name: ratio(times[0], theirs) for name, theirs in zip(names[1:], times[1:], strict=True)}
        return Row(network.name, best.seconds(work_of(network, precision)), medians, ratios)


def work_of(network: Network, precision: str) -> MemoryReport:
    """Arithmetic and memory of a training step of a network, as `nndsl summary` counts them."""
    import numpy as np

    from nndsl.check import check
    from nndsl.passes import optimise
    from nndsl.plan import plan_step, report
    from nndsl.source import SourceFile

    with TemporaryDirectory() as folder:
        columns: dict[str, Any] = network.columns(network.batch)
        np.savez(Path(folder) / "batch.npz", **columns)
        program = optimise(check(SourceFile("net.nn", network.program, Path(folder) / "net.nn")))
    (train,) = program.trains
    return report(program, train, plan_step(train.training), network.batch, 2 if precision == "bfloat16" else 4)


def moved(work: MemoryReport) -> int:
    """Bytes that a step moves at least.

    The batch is read. Weights, gradients and what the optimizer remembers are read and written. What the way back asks
    for is written and read.
    """
    updated = 2 * (work.weights + work.gradients + work.slots)
    return work.inputs + updated + 2 * sum(layer.activations for layer in work.layers if layer.backward)


def measured_best(precision: str) -> Best:
    """The device's best, of a product of large matrices in this precision and of a large copy, by its own clock."""
    import torch

    use_precision(precision)
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    left, right = (torch.randn(WIDE, WIDE, device="cuda", dtype=kind) for _ in range(2))
    out = torch.empty(WIDE, WIDE, device="cuda", dtype=kind)
    product = _device_seconds(lambda: torch.matmul(left, right, out=out))
    source = torch.empty(COPIED, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)
    return Best(2 * WIDE**3 / product, 2 * COPIED / _device_seconds(lambda: target.copy_(source)))


def _device_seconds(call: Callable[[], object], times: int = 20) -> float:
    """Median seconds of a call between two events on the device."""
    import torch

    found: list[float] = []
    for _ in range(times + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        end.synchronize()
        found.append(start.elapsed_time(end) / 1000)
    return median(found[3:])


def _table(rows: list[Row]) -> str:
    if not rows:
        return ""
    names = list(rows[0].ratios)
    header = ["network", "roofline ms", "nndsl ms", *(f"{name}: ms, times nndsl" for name in names)]
    return markdown(header, [_cells(row, names) for row in rows])


def _cells(row: Row, names: list[str]) -> list[str]:
    ours = next(iter(row.seconds.values()))
    peers = [f"{milliseconds(row.seconds[name])}, {row.ratios[name]}" for name in names]
    return [row.network, milliseconds(row.best), milliseconds(ours), *peers]
