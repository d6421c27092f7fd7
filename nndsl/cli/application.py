"""The group of all commands: finds a command's module by name, and turns what goes wrong into text and an exit code."""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword

import click

from nndsl.cli.failures import reporting_failures
from nndsl.diagnostics import did_you_mean
from nndsl.version import __version__

COMMANDS = (
    "new",
    "check",
    "run",
    "evaluate",
    "predict",
    "features",
    "generate",
    "export",
    "import",
    "build",
    "summary",
    "profile",
    "explain",
    "compare",
    "plot",
    "gradients",
    "landscape",
    "dump",
    "help",
)
"""In the order in which a user meets them; `nndsl.cli.<name>` holds `command`, `import_` that of `import`."""


class Application(click.Group):
    """Loads a command when it is asked for, and reports every failure in one place."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of use, not of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        return import_module(f"nndsl.cli.{cmd_name}{'_' if iskeyword(cmd_name) else ''}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a suggestion for a name that is not a command. Raises click.UsageError."""
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        if name.endswith(".nn"):
            raise click.UsageError(f"a command is missing before {name!r}: `nndsl run {name}`", ctx)
        close = did_you_mean(name, COMMANDS)
        hint = f"did you mean `nndsl {close}`?" if close else f"there are {', '.join(COMMANDS)}"
        raise click.UsageError(f"no command {name!r}; {hint}", ctx)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Ends with 1 for a user's mistake, 3 for a bug of nndsl's, 130 when interrupted."""
        with reporting_failures(ctx):
            return super().invoke(ctx)


@click.group(
    cls=Application,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(__version__, prog_name="nndsl", message="%(prog)s %(version)s")
def application() -> None:
    """A language for neural networks: one file says the network, its data and its training.

    Start with `nndsl new first.nn` and `nndsl run first.nn`. `nndsl help` lists the library.
    """
