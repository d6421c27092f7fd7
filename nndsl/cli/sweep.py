"""`nndsl run FILE.nn --set hidden=16,64,256`: a run for each value, and all of them side by side."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from nndsl.cli.failures import INTERRUPTED, MISTAKE, reporting_failures
from nndsl.cli.files import open_program
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nndsl.diagnostics import Diagnostic

_LONGEST_NAME = 120
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(slots=True)
class Trial:
    """One of the runs. sets: as for a single run. code: how it ended, None where it has not run. report: its JSON."""

    sets: dict[str, str]
    folder: Path
    code: int | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list["Diagnostic"])
    report: dict[str, Any] = field(default_factory=dict[str, Any])

    def title(self, swept: Sequence[str]) -> str:
        """The values that tell it from the others."""
        return ", ".join(f"{name}={self.sets[name]}" for name in swept)


def values_of(text: str) -> list[str]:
    """`16,64` as its parts. Commas in brackets and in quotes part nothing: `[16, 32]` is one list."""
    parts = [""]
    depth = 0
    quoted = escaped = False
    for character in text:
        if character == "," and depth == 0 and not quoted:
            parts.append("")
            continue
        parts[-1] += character
        if quoted:
            escaped, quoted = character == "\\" and not escaped, character != '"' or escaped
        elif character == '"':
            quoted = True
        else:
            depth = max(0, depth + (character in _OPENING) - (character in _CLOSING))
    return [part.strip() for part in parts]


def is_sweep(sets: Mapping[str, str]) -> bool:
    """Whether some `--set` has several values."""
    return any(len(values_of(text)) > 1 for text in sets.values())


def sweep(ctx: click.Context, command: click.Command) -> NoReturn:
    """Run `command` for every combination of the values that its `--set`s have, then compare; ends the command.

    All are checked before the first one runs. One that fails leaves the others as they are; the worst code is that of
    the sweep. Ctrl-C ends it. Raises UserError NN616.
    """
    as_json: bool = ctx.params["as_json"]
    sets: dict[str, str] = ctx.params["sets"]
    swept = [name for name, text in sets.items() if len(values_of(text)) > 1]
    trials = _trials(sets, ctx.params["file"], ctx.params["out"])
    _check(trials, ctx.params["file"], ctx.params["train"], swept, quiet=as_json)
    for number, trial in enumerate(trials, start=1):
        if trial.code is not None:
            continue
        if not as_json:
            click.echo(f"{'' if number == 1 else chr(10)}{trial.title(swept)}  (run {number} of {len(trials)})")
        if _run(ctx, command, trial, as_json) >= INTERRUPTED:
            break
    _report(trials, swept, as_json)
    ctx.exit(max(trial.code for trial in trials if trial.code is not None))


def _trials(sets: Mapping[str, str], file: Path, out: Path | None) -> list[Trial]:
    """A trial for each combination, the last value changing first."""
    choices = {name: values_of(text) for name, text in sets.items()}
    for name, values in choices.items():
        if "" in values:
            raise UserError(error("NN616", f"--set {name}={sets[name]}: a value is missing beside a comma"))
        if len(set(values)) < len(values):
            raise UserError(error("NN616", f"--set {name}={sets[name]}: a value is there twice"))
    trials: list[Trial] = []
    for combination in product(*choices.values()):
        chosen = dict(zip(choices, combination, strict=True))
        name = "-".join(f"{name}={_in_path(value)}" for name, value in chosen.items() if len(choices[name]) > 1)
        name = name[:_LONGEST_NAME]
        place = out / name if out is not None else Path("runs", f"{file.stem}-{name}")
        taken = [trial.folder for trial in trials if trial.folder.name.partition("~")[0] == place.name]
        trials.append(Trial(chosen, place.with_name(f"{place.name}~{len(taken) + 1}") if taken else place))
    return trials


def _in_path(value: str) -> str:
    """A value as a part of a folder's name, which a shell need not quote."""
    return "".join(letter if letter.isalnum() or letter in ".+-_" else "_" for letter in value).strip("_") or "_"


def _check(trials: Sequence[Trial], file: Path, train: str | None, swept: Sequence[str], *, quiet: bool) -> None:
    """Check every program before any of them runs: a mistake in the last value is not found in the morning."""
    from nndsl.check import check

    for trial in trials:
        try:
            check(open_program(file), sets=trial.sets, only=train)
        except UserError as mistake:
            trial.code, trial.diagnostics = MISTAKE, list(mistake.diagnostics)
            if not quiet:
                click.echo(f"{trial.title(swept)}:", err=True)
                print_diagnostics(mistake.diagnostics)
    if all(trial.code is not None for trial in trials) and not quiet:
        click.echo("none of these can run", err=True)


def _run(ctx: click.Context, command: click.Command, trial: Trial, as_json: bool) -> int:
    """Run the command once, and give its code; what it prints as JSON becomes the trial's report."""
    printed = io.StringIO()
    trial.code = 0
    try:
        with redirect_stdout(printed) if as_json else nullcontext(), reporting_failures(ctx):
            ctx.invoke(command, **{**ctx.params, "sets": trial.sets, "out": trial.folder})
    except click.exceptions.Exit as ended:
        trial.code = ended.exit_code
    if printed.getvalue().strip():
        trial.report = json.loads(printed.getvalue())
    return trial.code


def _report(trials: Sequence[Trial], swept: Sequence[str], as_json: bool) -> None:
    """All that ran side by side."""
    from nndsl.cli.compare import comparison_data, print_comparison
    from nndsl.runs.comparison import RunFacts, read_runs

    def runs_of(trial: Trial) -> list[RunFacts]:
        try:
            return read_runs([trial.folder]) if trial.code is not None and not trial.diagnostics else []
        except UserError:
            return []  # it ended before its folder was filled, and said why

    found = [run for trial in trials for run in runs_of(trial)]
    if as_json:
        data = [
            {
                "set": trial.sets,
                "folder": str(trial.folder),
                "ok": trial.code == 0,
                "diagnostics": diagnostics_data(trial.diagnostics) or trial.report.get("diagnostics", []),
                "runs": trial.report.get("runs", []),
            }
            for trial in trials
        ]
        ok = all(trial.code == 0 for trial in trials)
        print_json({"ok": ok, "diagnostics": [], "trials": data, "comparison": comparison_data(found)})
        return
    if found:
        print_comparison(found)
    failed = [trial.title(swept) for trial in trials if trial.code not in (0, None)]
    left = sum(trial.code is None for trial in trials)
    if failed:
        click.echo(f"ended early or with mistakes: {'; '.join(failed)}", err=True)
    if left:
        click.echo(f"{left} of {len(trials)} were not begun", err=True)
