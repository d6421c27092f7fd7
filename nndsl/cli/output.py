"""How commands print: diagnostics for people, JSON for programs."""

from __future__ import annotations

import os
import sys
from math import isfinite
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.diagnostics import Diagnostic

_JSON = "nndsl.cli.json"


def remember_json(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Callback of `--json`: failures, which have no command of their own, ask `wants_json` later."""
    if value:
        ctx.meta[_JSON] = True
    return value


def wants_json(ctx: click.Context) -> bool:
    """Whether the command was given `--json`."""
    return bool(ctx.meta.get(_JSON))


def print_json(value: Any) -> None:
    """Print `value` on stdout as JSON. Infinite numbers and NaN, which JSON lacks, are null."""
    import json

    click.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False))


def print_text(text: str, *, nl: bool = True) -> None:
    """Print on stdout what a file holds: as it is into a file or a pipe; on a terminal nothing in it acts."""
    from nndsl.diagnostics.visible import visible

    # Without `color` click would leave out of a pipe what looks like colours.
    click.echo(visible(text, newlines=True) if sys.stdout.isatty() else text, nl=nl, color=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast("list[Any]", value)]
    return value


def diagnostics_data(diagnostics: Sequence[Diagnostic]) -> list[dict[str, object]]:
    """Diagnostics as JSON has them."""
    if not diagnostics:
        return []
    from nndsl.diagnostics.render import as_data

    return [as_data(diagnostic) for diagnostic in diagnostics]


def print_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """Print diagnostics on stderr, in colour on a terminal, and how many there were."""
    if not diagnostics:
        return
    from nndsl.diagnostics.render import render_all

    click.echo(render_all(diagnostics, color=in_colour(sys.stderr)), err=True)


def in_colour(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: on a terminal, unless `NO_COLOR` is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
