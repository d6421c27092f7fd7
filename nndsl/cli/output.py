"""How commands print: diagnostics for people, JSON for programs, tables."""

from __future__ import annotations

import os
import sys
from math import isfinite
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast("list[Any]", value)]
    return value


def diagnostic_data(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON has it.

    Lines and columns count from 1; `end_column` is past the last character.
    """
    labels: list[dict[str, Any]] = []
    for label in diagnostic.labels:
        file = label.span.file
        line, column = file.position(label.span.start)
        end_line, end_column = file.position(label.span.end)
        labels.append(
            {
                "file": file.name,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "message": label.message,
                "primary": label.primary,
            }
        )
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "labels": labels,
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
    }


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print diagnostics on stderr, in colour on a terminal."""
    from nndsl.diagnostics.render import render

    for diagnostic in diagnostics:
        click.echo(render(diagnostic, color=in_colour(sys.stderr)), err=True)


def in_colour(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: on a terminal, unless `NO_COLOR` is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
