"""NN9xx: what is allowed and probably not meant."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = ()
