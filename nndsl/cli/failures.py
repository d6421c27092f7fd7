"""What goes wrong in a command, as text on stderr (or JSON on stdout) and an exit code. Only here."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json, wants_json
from nndsl.diagnostics import InternalError, UserError, error

if TYPE_CHECKING:
    from collections.abc import Generator

    from nndsl.diagnostics import Diagnostic

MISTAKE, BUG, INTERRUPTED, BROKEN_PIPE = 1, 3, 130, 141


@contextmanager
def reporting_failures(ctx: click.Context) -> Generator[None]:
    """Report what the block raises and end with its exit code; click's own exceptions (usage, exit) pass through."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit):
        raise
    except UserError as mistake:
        _end_with_mistakes(ctx, mistake.diagnostics)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        ctx.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone. Python flushes stdout when it ends: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        ctx.exit(BROKEN_PIPE)
    except MemoryError as failure:
        message = f"out of memory: {failure}" if str(failure) else "out of memory"
        help = "a smaller `batch_size` needs less, and so does a smaller network"
        _end_with_mistakes(ctx, (error("NN618", message, help=help),))
    except OSError as failure:
        if failure.errno is None:
            _end_with_bug(ctx, failure)
        _end_with_mistakes(ctx, (_from_os(failure),))
    except Exception as bug:  # noqa: BLE001 - the one place where everything else ends
        _end_with_bug(ctx, bug)


def _from_os(failure: OSError) -> Diagnostic:
    missing = failure.errno in (errno.ENOENT, errno.EISDIR, errno.ENOTDIR)
    reason = (failure.strerror or str(failure)).lower()
    where = f"{failure.filename}: " if failure.filename is not None else ""
    return error("NN601" if missing else "NN608", f"{where}{reason}")


def _end_with_mistakes(ctx: click.Context, diagnostics: tuple[Diagnostic, ...]) -> None:
    if wants_json(ctx):
        print_json({"ok": False, "diagnostics": diagnostics_data(diagnostics)})
    else:
        print_diagnostics(diagnostics)
    ctx.exit(MISTAKE)


def _end_with_bug(ctx: click.Context, bug: BaseException) -> None:
    report = bug_report(bug)
    path = _kept(report)
    first = f"{type(bug).__name__}: {bug}".splitlines()[0]
    if wants_json(ctx):
        print_json({"ok": False, "bug": {"summary": first, "report": path}})
    click.echo(f"nndsl has a bug: {first}", err=True)
    click.echo("Your file is not at fault. Please report it, with that file and this:", err=True)
    click.echo(path if path is not None else f"\n{report}", err=True)
    ctx.exit(BUG)


def bug_report(bug: BaseException) -> str:
    """What a developer needs to find `bug`: versions, the command line and the traceback."""
    import platform
    from traceback import format_exception

    from nndsl.version import __version__

    numpy = sys.modules.get("numpy")
    lines = [
        "nndsl bug report",
        f"nndsl {__version__}, Python {platform.python_version()}, NumPy {getattr(numpy, '__version__', 'not loaded')}",
        platform.platform(),
        f"command: {' '.join(sys.argv)}",
        f"kind: {'a broken invariant' if isinstance(bug, InternalError) else 'an unexpected exception'}",
        "",
        *format_exception(bug),
    ]
    return "\n".join(lines)


def _kept(report: str) -> str | None:
    """Path of a new file that holds the report, or None where none can be written."""
    from tempfile import NamedTemporaryFile

    try:
        with NamedTemporaryFile(
            "w", prefix="nndsl-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(report)
    except OSError:
        return None
    return file.name
