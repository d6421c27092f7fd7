"""Functions of one number and their derivatives, computed by a compiled program from the library's definitions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.runtime.standalone.program import Array

POINTS = 801
"""Numbers that each function is computed for; an odd count, so that the middle is one of them."""

_NAME = re.compile(r"[^\W\d]\w*")
_PROGRAM = """{imports}data plotted {{ at = [0.5] }}

layer Still {{
  input x: []
  weight scale: [] = zeros
  output scale * x
}}

model Still_of_plot {{
  input at
  Still
}}

train Plotted on plotted {{
  minimize mse(Still_of_plot(at), 0) using SGD
{lines}
}}
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """A function's values and its derivative's, in float64, at the same numbers."""

    name: str
    x: Array
    values: Array
    slopes: Array


def curves_of(functions: Sequence[str], low: float, high: float, source: Path | None = None) -> list[Curve]:
    """The curves of functions from `low` to `high`, each a name or a call that waits for its first argument.

    source: a `.nn` file that defines functions of its own. Raises UserError.
    """
    import numpy as np

    from nndsl.runtime.load import compiled
    from nndsl.source import SourceFile

    for function in functions:
        if not _NAME.match(function) or "\n" in function:
            message = f"{function!r} is not a function: relu and leaky_relu(negative_slope=0.1) are"
            raise UserError(error("NN616", message))
    lines: list[str] = []
    for number, function in enumerate(functions):
        lines += [
            f"  y{number} = at -> {function}",
            f"  predict f{number} = y{number}, d{number} = grad(y{number}, at)",
        ]
    text = _PROGRAM.format(imports=_imports(functions, source), lines="\n".join(lines))
    folder = (source.parent if source is not None else Path()).resolve()
    model = compiled(SourceFile("functions to plot", text, folder / "functions to plot"), sets={}, precision="float64")
    x = np.linspace(low, high, POINTS)
    if low < 0 < high and low == -high:
        x[POINTS // 2] = 0.0
    found = model.predict({"at": x})
    return [Curve(function, x, found[f"f{number}"], found[f"d{number}"]) for number, function in enumerate(functions)]


def _imports(functions: Sequence[str], source: Path | None) -> str:
    """The line that brings what `source` defines of these functions; "" where it defines none."""
    if source is None:
        return ""
    from nndsl.runtime.load import read_program
    from nndsl.syntax import parse, tree

    defined = {item.name.name for item in parse(read_program(source)).items if isinstance(item, tree.Definition)}
    names = dict.fromkeys(match[0] for each in functions if (match := _NAME.match(each)) and match[0] in defined)
    return f'import {", ".join(names)} from "{source.name}"\n\n' if names else ""
