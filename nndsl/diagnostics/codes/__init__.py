"""The table of codes: every mistake nndsl can name, family by family."""

from __future__ import annotations

from nndsl.diagnostics.codes import data, layers, names, running, shapes, syntax, training, warnings
from nndsl.diagnostics.model import Code

FAMILIES: tuple[tuple[str, tuple[Code, ...]], ...] = (
    ("How a file is written", syntax.CODES),
    ("Names", names.CODES),
    ("Shapes and types", shapes.CODES),
    ("Layers and models", layers.CODES),
    ("Data", data.CODES),
    ("Training", training.CODES),
    ("Running", running.CODES),
    ("Warnings", warnings.CODES),
)

CODES: dict[str, Code] = {code.code: code for _, family in FAMILIES for code in family}

__all__ = ["CODES", "FAMILIES"]
