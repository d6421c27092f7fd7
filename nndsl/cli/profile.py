"""`nndsl profile FILE.nn`: time, bytes and share of the machine's peak, line by line of the file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.compiling import checked
from nndsl.cli.options import (
    file_argument,
    json_option,
    level_option,
    plan_options,
    precision_option,
    seed_option,
    set_option,
    train_option,
)
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json
from nndsl.cli.profile_table import number, print_table
from nndsl.diagnostics.amounts import scaled

if TYPE_CHECKING:
    from nndsl.plan import PlanOptions
    from nndsl.runtime.profiling import Peaks, Profile


@click.command(short_help="Where a training step's time goes, line by line.")
@file_argument
@set_option
@train_option
@click.option("--steps", type=click.IntRange(1), metavar="N", help="Measure so many.  [default: 1.5 s of them]")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Instead of the file's `batch_size`.")
@click.option("--library", is_flag=True, help="Tell the lines of the library apart that a layer is made of.")
@seed_option
@precision_option
@level_option
@plan_options
@json_option
def command(
    file: Path,
    sets: dict[str, str],
    train: str | None,
    steps: int | None,
    batch: int | None,
    library: bool,
    seed: int,
    precision: str,
    level: int,
    plan: PlanOptions,
    as_json: bool,
) -> None:
    """Train for some steps and say where their time goes: by line of FILE.nn, forward, backward and update.

    Of the first train block, unless --train says which. What a line computes and the bytes that it moves are known from
    the program; `of peak` is its time beside the least that this machine, measured first, would need for as much.
    Nothing is saved.
    """
    program = checked(file, sets, train)
    if not as_json:
        print_diagnostics(program.warnings)

    from nndsl.runtime.profiling import profile

    made = profile(
        program,
        train,
        sets=sets,
        seed=seed,
        precision=precision,
        level=level,
        plan=plan,
        steps=steps,
        batch_size=batch,
        library=library,
    )
    if as_json:
        print_json({"ok": True, "diagnostics": diagnostics_data(program.warnings), **_data(made)})
        return
    samples = f"{made.samples:,} sample{'' if made.samples == 1 else 's'}"
    click.echo(f"training {made.train}, a step of {samples} in {precision}, {_threads(made)}")
    click.echo(f"peaks: {_best(made.peaks)}")
    print_table(made)
    for remark in _remarks(made):
        click.echo(remark)


def _data(profile: Profile) -> dict[str, Any]:
    """The profile as JSON has it: all times in seconds."""
    found = asdict(profile)
    lines = [{"place": line["place"], "library": line["library"], **line["phases"]} for line in found["lines"]]
    copying = [{"bytes": size, "rate": rate} for size, rate in profile.peaks.copying]
    return {**found, "peaks": {**found["peaks"], "copying": copying}, "lines": lines}


def _threads(profile: Profile) -> str:
    if profile.threads > 1:
        return f"shared out over {profile.threads} threads"
    return f"matrix products on {'one thread' if profile.peaks.threads == 1 else 'the threads of the BLAS library'}"


def _best(peaks: Peaks) -> str:
    sizes = [f"up to {scaled(size, 'B')}" for size, _ in peaks.copying[:-1]]
    rates = [number(rate / 1e9) for _, rate in peaks.copying]
    copies = ", ".join(f"{rate} ({size})" for rate, size in zip(rates, [*sizes, "beyond"], strict=True))
    return f"products {number(peaks.flops / 1e9)} GFLOP/s; copies {copies} GB/s; a call {peaks.call * 1e6:.2g} µs"


def _remarks(profile: Profile) -> list[str]:
    clock = f"adds {profile.overhead:.1%} to" if profile.overhead > 0 else "is lost in the noise of"
    said = [
        f"means over the quicker half of {profile.steps:,} steps",
        f"reading the clock {clock} a step, which takes {_spoken(profile.plain)} without",
        "what several lines compute together is counted for the first of them",
    ]
    if profile.threads > 1:
        said.append("the times of all threads are added up")
    if profile.epoch_end is not None and profile.epoch_steps is not None:
        steps = f"{profile.epoch_steps:,} step{'' if profile.epoch_steps == 1 else 's'}"
        said.append(f"an epoch has {steps}; its end (validation, callbacks) takes {_spoken(profile.epoch_end)} besides")
    return said


def _spoken(seconds: float) -> str:
    return f"{number(seconds * 1e3)} ms" if seconds >= 1e-3 else f"{number(seconds * 1e6)} µs"
