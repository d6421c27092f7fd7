"""`nndsl dump FILE.nn --after STAGE`: the program as the compiler holds it between two stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from nndsl.cli.compiling import checked
from nndsl.cli.files import open_program
from nndsl.cli.options import file_argument, precision_option, set_option, train_option, verify_option
from nndsl.cli.output import print_diagnostics, print_text

if TYPE_CHECKING:
    from nndsl.ir.program import Program


def _stage(ctx: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """The name, if it is a stage's. The passes are loaded when there is one to look up, not for `--help`."""
    if name is None:
        return None
    from nndsl.passes import PIPELINE

    stages = {"tree": "the syntax tree", "check": "the typed graphs as the file says them"}
    stages |= {each.name: each.summary for each in PIPELINE} | {"source": "the Python that runs"}
    if name not in stages:
        width = max(map(len, stages)) + 2
        listed = "\n".join(f"  {stage:<{width}}{summary}" for stage, summary in stages.items())
        raise click.BadParameter(f"{name!r} is no stage. In their order there are:\n{listed}", ctx, parameter)
    return name


@click.command(short_help="The program between two stages of the compiler.")
@file_argument
@click.option(
    "--after",
    "stage",
    metavar="STAGE",
    callback=_stage,
    help="The stage to stop after; `--after ?` lists them.  [default: the last pass]",
)
@verify_option
@set_option
@train_option
@precision_option
def command(
    file: Path, stage: str | None, verify: bool, sets: dict[str, str], train: str | None, precision: str
) -> None:
    """Print FILE.nn as a syntax tree (--after tree), as typed graphs (after a pass), or as Python (--after source).

    In a graph each line is a node: its number, its operation over other nodes, its type, and after # what it is
    called and the line of the file that it came from.
    """
    if stage == "tree":
        print_text(tree_text(file), nl=False)
        return
    program = checked(file, sets, train)
    print_diagnostics(program.warnings)
    if stage == "source":
        from nndsl.runtime.load import generate

        click.echo(generate(program, precision=precision, verify=verify), nl=False)
        return
    from nndsl.ir.printer import program_text
    from nndsl.passes import STAGES, run_until

    found = run_until(program, stage or STAGES[-1], verify=verify)
    print_text(program_text(_of_one_train(found, train)), nl=False)


def _of_one_train(program: Program, train: str | None) -> Program:
    """The program with only the train block of that name, if one is given."""
    if train is None:
        return program
    return replace(program, trains=tuple(each for each in program.trains if each.name == train))


# ------------------------------------------------------------------------------------------------ trees


def tree_text(path: Path) -> str:
    """The syntax tree of a file: a node a line, its parts further in, spans left out. Raises UserError."""
    from nndsl.syntax import parse

    program = parse(open_program(path))
    return "".join(f"{line}\n" for item in program.items for line in _tree_lines("", item, ""))


def _tree_lines(name: str, value: object, indent: str) -> list[str]:
    """`name = Call` and, further in, the parts of the call."""
    from nndsl.syntax.node import Node

    said = f"{indent}{name} = " if name else indent
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        if not items:
            return [f"{said}()"]
        return [f"{indent}{name} =", *(line for item in items for line in _tree_lines("", item, f"{indent}  "))]
    if not isinstance(value, Node):
        return [f"{said}{value!r}"]
    kind = type(value).__name__
    parts = {part: inner for part, inner in vars(value).items() if not part.endswith("span")}
    if all(not isinstance(inner, Node | tuple) for inner in parts.values()):
        return [f"{said}{kind}({', '.join(repr(inner) for inner in parts.values())})"]
    lines = [line for part, inner in parts.items() for line in _tree_lines(part, inner, f"{indent}  ")]
    return [f"{said}{kind}", *lines]
