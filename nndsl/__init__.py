"""nndsl: a language for neural networks that compiles to NumPy.

    import nndsl

    digits = nndsl.load("digits.nn")
    digits.fit(epochs=30, seed=0)
    digits.evaluate(part="test")

Importing it imports nothing else; what a call needs is imported by that call.
"""

from __future__ import annotations

from nndsl.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from nndsl.diagnostics import UserError
    from nndsl.runtime.load import load
    from nndsl.runtime.model import Model

__all__ = ["Model", "UserError", "__version__", "load"]

_HOMES = {"load": "nndsl.runtime.load", "Model": "nndsl.runtime.model", "UserError": "nndsl.diagnostics"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nndsl' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
