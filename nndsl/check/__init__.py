"""From tree to graph: names, compile-time values, shapes, layers, data and train blocks."""

from nndsl.check.program import check

__all__ = ["check"]
