"""NN3xx: layers, models and their arguments."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = ()
