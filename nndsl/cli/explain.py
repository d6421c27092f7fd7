"""`nndsl explain FILE.nn`: the program with every default filled in, and where each came from."""

from __future__ import annotations

from pathlib import Path

import click

from nndsl.cli.files import open_program
from nndsl.cli.options import file_argument, set_option
from nndsl.cli.output import print_diagnostics, print_text


@click.command(short_help="The program with every default filled in, and where each came from.")
@file_argument
@set_option
def command(file: Path, sets: dict[str, str]) -> None:
    """Print FILE.nn with everything that it leaves out: arguments, settings, shapes, values of `--set`.

    Comments say where each came from: the line of the library, the data, the command line. What is printed is a
    program that means the same.
    """
    from nndsl.check.explanation import explained

    program, text = explained(open_program(file), sets)
    print_diagnostics(program.warnings)
    print_text(text, nl=False)
