"""NN0xx: mistakes in how a file is written."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = ()
