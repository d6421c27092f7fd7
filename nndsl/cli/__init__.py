"""The command `nndsl`: one file a command, and nothing imported before it is needed."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process; ends it with the exit code that README.md lists."""
    import sys
    from io import TextIOWrapper

    from nndsl.cli.application import application

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that lacks a character shows its escape; it is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    application.main(prog_name="nndsl")
