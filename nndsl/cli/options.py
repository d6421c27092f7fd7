"""Arguments and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.files import remember_allowed
from nndsl.cli.output import remember_json
from nndsl.precision import PRECISIONS

if TYPE_CHECKING:
    from nndsl.plan import PlanOptions

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def pairs(example: str) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, str]]:
    """A callback that reads `name=value`s, as `example` shows; each name once."""

    def read(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
        found: dict[str, str] = {}
        for value in values:
            name, equals, text = value.partition("=")
            if not equals or not name.strip() or not text.strip():
                raise click.BadParameter(f"{value!r} should read name=value, as in `{example}`", ctx, parameter)
            if name.strip() in found:
                raise click.BadParameter(f"{name.strip()!r} is set twice", ctx, parameter)
            found[name.strip()] = text.strip()
        return found

    return read


_allow_option = click.option(
    "--allow-path",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    expose_value=False,
    callback=remember_allowed,
    help="Let files that are imported name files in this folder, besides their own. May be repeated.",
)


def naming_files(programs: Decorator) -> Decorator:
    """The argument `programs`, and what they may read besides."""
    return lambda command: programs(_allow_option(command))


file_argument = naming_files(click.argument("file", type=click.Path(path_type=Path), metavar="FILE.nn"))

program_argument = naming_files(click.argument("program", type=click.Path(path_type=Path)))


def data_argument(*, required: bool) -> Decorator:
    """The argument DATA, a file of rows."""
    return click.argument(
        "data", type=click.Path(path_type=Path), required=required, metavar="DATA" if required else "[DATA]"
    )


set_option = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    callback=pairs("--set hidden=128"),
    help="Give the file's `let NAME = ...` another value. May be repeated.",
)

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=remember_json,
    help="Print the result, or the mistakes, as JSON on stdout.",
)

train_option = click.option("--train", metavar="NAME", help="Only the train block of this name.")


def _precision(choices: Sequence[str], help: str) -> Decorator:
    return click.option("--precision", type=click.Choice(choices), default="float32", show_default=True, help=help)


precision_option = _precision(PRECISIONS[:2], "The floating-point numbers that the network computes with.")

any_precision_option = _precision(
    PRECISIONS,
    "The floating-point numbers that the network computes with; on a GPU also float32 with matrix products of tf32 or "
    "bfloat16, which are quicker and rougher.",
)

device_option = click.option(
    "--device",
    type=click.Choice(["cpu", "gpu", "auto"]),
    default="cpu",
    show_default=True,
    help="Where to compute; `auto` takes a GPU where one can be used, and says why.",
)

level_option = click.option(
    "-O",
    "level",
    type=click.IntRange(0, 1),
    default=1,
    show_default=True,
    metavar="LEVEL",
    help="-O0 writes textbook NumPy, one line an operation; -O1 plans buffers and works in place.",
)


def _left_out(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The techniques that `--plan no-NAME`s leave out."""
    if not values:
        return ()
    from nndsl.passes.pipeline import OPTIONAL
    from nndsl.plan.options import CHOICES

    known = (*OPTIONAL, *CHOICES)
    for value in values:
        if value.removeprefix("no-") not in known or not value.startswith("no-"):
            ways = ", ".join(f"no-{name}" for name in known)
            raise click.BadParameter(f"{value!r} is none of {ways}", ctx, parameter)
    return tuple(sorted({value.removeprefix("no-") for value in values}))


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


def amount_of_memory(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """A callback that reads an amount of memory: `512MB` are millions, `512MiB` 2^20 each."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value.strip())
    if found is None or (found[3] and not found[2]):
        raise click.BadParameter(f"{value!r} is no amount of memory", ctx, parameter)
    count = int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2].lower() or " "))
    if count == 0:
        raise click.BadParameter("there is no memory to work with", ctx, parameter)
    return count


_PLAN_OPTIONS = (
    click.option(
        "--tile",
        type=click.IntRange(1),
        metavar="N",
        help="Take batches through the network N samples at a time, so that what is computed stays in the cache.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(1, 256),
        metavar="N",
        help="Share the samples of a batch out over N threads.  [default: as is estimated to be fastest]",
    ),
    click.option(
        "--memory",
        metavar="SIZE",
        callback=amount_of_memory,
        help="Fit training into so much memory, as 512MB or 2GiB, its data apart: values are computed again, not kept.",
    ),
    click.option(
        "--plan",
        "without",
        multiple=True,
        metavar="no-NAME",
        callback=_left_out,
        help="Leave a technique out, to see what it gains: no-threads, no-tiles, no-once, ... May be repeated.",
    ),
)


def plan_of(*, tile: int | None, threads: int | None, memory: int | None, without: tuple[str, ...]) -> PlanOptions:
    """What the options say, on this machine."""
    from nndsl.plan import PlanOptions
    from nndsl.runtime.machine import this_machine

    return PlanOptions(this_machine(), tile, threads, memory, without)


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--tile`, `--threads`, `--memory` and `--plan`; the command takes them as its `plan`."""

    @wraps(command)
    def planned(*given: Any, **options: Any) -> Any:
        said = {name: options.pop(name) for name in ("tile", "threads", "memory", "without")}
        return command(*given, plan=plan_of(**said), **options)

    with_options: Callable[..., Any] = planned
    for option in reversed(_PLAN_OPTIONS):
        with_options = option(with_options)
    return with_options


verify_option = click.option("--verify", is_flag=True, help="Check the compiler's graphs after every pass.")

seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Everything random follows from it."
)

weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="RUN|FILE",
    help="A run folder or a weights file.  [default: runs/<train name>]",
)

weights_to_start_from = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="RUN|FILE",
    help="Start from the weights of a run folder or a weights file, not from new ones.",
)

channels_last_option = click.option(
    "--channels-last",
    is_flag=True,
    help="The PyTorch model flattens images with channels last, as this language does; by default with channels first.",
)
