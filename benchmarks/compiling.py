"""From text to source for chains of layers: `python -m benchmarks compiling`."""

from __future__ import annotations

import gc
from math import log
from time import process_time

DEPTHS = (10, 100, 1000)
HEADER = ["layers", "check CPU ms", "optimise ms", "plan and emit ms", "all ms", "lines", "growth exponent"]


def chain(depth: int) -> str:
    """A network of `depth` dense layers of 16 units."""
    return f"""data batch {{
  x = [[0.5, 1.0, 0.25, 0.125]]
}}

model Net {{
  input x
  repeat {depth} {{ Dense(16, activation=relu) }}
  Dense(4)
}}

train Net on batch {{
  minimize mse(Net(x), x) using Adam
}}
"""


def rows(pairs: int) -> list[list[str]]:
    """The table; each depth is compiled a few times and the fastest counts, as nothing but noise makes it slower."""
    table: list[list[str]] = []
    before: tuple[int, float] | None = None
    for depth in DEPTHS:
        best = min((_compile(depth) for _ in range(max(2, pairs // 10))), key=lambda times: sum(times[:3]))
        total = sum(best[:3])
        growth = "" if before is None else f"{log(total / before[1]) / log(depth / before[0]):.2f}"
        before = (depth, total)
        table.append(
            [str(depth), *(f"{1e3 * t:.1f}" for t in best[:3]), f"{1e3 * total:.1f}", str(int(best[3])), growth]
        )
    return table


def _compile(depth: int) -> tuple[float, float, float, float]:
    from nndsl.check import check
    from nndsl.emit import emit
    from nndsl.passes import optimise
    from nndsl.source import SourceFile

    gc.collect()
    start = process_time()
    checked = check(SourceFile("chain.nn", chain(depth)))
    first = process_time()
    optimised = optimise(checked)
    second = process_time()
    source = emit(optimised)
    third = process_time()
    return first - start, second - first, third - second, source.count("\n")
