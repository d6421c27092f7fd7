"""Libraries that some readers need and that a plain installation of nndsl lacks."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.source import Span


def extra(module: str, extra: str, what: str, span: Span | None) -> Any:
    """The library `module`, which the extra `extra` brings and which reads `what`.

    Raises UserError NN425 where it is not installed.
    """
    if find_spec(module.partition(".")[0]) is None:
        help = f'pip install "nndsl[{extra}]"'
        raise UserError(error("NN425", f"{what} needs a library that is not installed", span, help=help))
    return import_module(module)
