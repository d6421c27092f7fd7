"""Generated modules as objects, for tests."""

from __future__ import annotations

import itertools
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from nndsl.runtime.sections import codes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_numbers = itertools.count()


def load(text: str) -> Any:
    """The module that `text` is the source of."""
    module = types.ModuleType(f"generated_{next(_numbers)}")
    sys.modules[module.__name__] = module  # dataclasses look their module up by name
    try:
        for code in codes_of(text, f"<{module.__name__}>"):
            exec(code, module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


def mathematics(text: str) -> str:
    """What a module's text says about its own network: below the imports, above the runtime."""
    start = text.rindex("\n# -", 0, text.index(" the mathematics\n"))
    return text[start + 1 : text.index("# " + "=" * 40)]


PARTS = ("training", "evaluation", "prediction")


def trained(
    text: str,
    fields: Mapping[str, Any],
    *,
    steps: int,
    dtype: str = "float64",
    seed: int = 3,
    parts: Sequence[str] = PARTS,
) -> dict[str, np.ndarray[Any, Any]]:
    """What `steps` steps of training on one batch change, and what evaluation and prediction say after them.

    parts: those of each block that run.
    """
    program = load(text).PROGRAM
    memory = program.memory(seed, dtype)
    found: dict[str, np.ndarray[Any, Any]] = {"initial": memory.weights.copy()}
    for name, train in program.trains.items():
        memory.begin(train)
        for part in parts:
            workspace, count = getattr(train, part), steps if part == "training" else 1
            if workspace is None:
                continue
            n = len(next(iter(fields.values())))
            step = workspace(n, memory, seed)
            for field, array in step.inputs.items():
                array[...] = fields[field]
            for number in range(1, count + 1):
                step.run(number if part == "training" else 0, 1, 0)
            found[f"{name} {part} totals"] = step.totals.copy()
            for output, array in step.outputs.items():
                found[f"{name} {part} {output}"] = np.array(array)
    found["weights"] = memory.weights.copy()
    found["gradients"] = memory.gradients.copy()
    found["states"] = memory.states.copy()
    for key, array in memory.slots.items():
        found[key] = array.copy()
    for key, value in memory.scalars.items():
        found[key] = np.array(value)
    return found
