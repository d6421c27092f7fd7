"""The parts of the benchmark by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import compiled, compiling, gap, gpu, growth, memory, reading, startup, steps, techniques, trainer
from benchmarks.options import Options
from benchmarks.page import markdown

# Processes come first: what this one has loaded by then counts in the peak memory of those that it starts.
PARTS: dict[str, Callable[[Options], str]] = {
    "startup": startup.section,
    "memory": memory.section,
    "growth": growth.section,
    "steps": steps.section,
    "trainer": trainer.section,
    "techniques": techniques.section,
    "gap": gap.section,
    "compiled": compiled.section,
    "reading": lambda options: markdown(reading.HEADER, reading.rows(options.pairs)),
    "compiling": lambda options: markdown(compiling.HEADER, compiling.rows(options.pairs)),
    "gpu": gpu.section,
}
ASKED_FOR = ("gpu",)
"""Parts that run only where they are named."""
