"""docs/profiling.md: the rows of its tables are those that the command prints; times are of the machine."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from nndsl.cli.application import application
from nndsl.cli.profile import command
from tests.docs.page import Page

PAGE = Page.of("profiling.md")


def shown(name: str) -> str:
    (block,) = (block for block in PAGE.blocks("text") if block.words == ("text", name))
    return block.text


def named(text: str) -> list[str]:
    """What stands before the numbers of each row; of the sentences around the table, their words."""
    return [re.split(r"\d+\.\d|\d%|:", line)[0].rstrip(" 0123456789,") for line in text.splitlines()]


@pytest.mark.parametrize(("name", "options"), [("profile", []), ("library", ["--library"])])
def test_tables_have_the_rows_that_are_printed(tmp_path, monkeypatch, name, options):
    monkeypatch.chdir(tmp_path)
    PAGE.write_files(tmp_path)
    assert f"`nndsl profile reader.nn --plan no-threads{' --library' if options else ''}`" in PAGE.text
    done = CliRunner().invoke(application, ["profile", "reader.nn", "--plan", "no-threads", "--steps", "2", *options])
    assert done.exit_code == 0, done.output
    printed = {_without_cut(line) for line in named(done.output)}
    for line in named(shown(name)):
        if "clock" not in line and "means" not in line and "─" not in line and "line   " not in line:
            assert _without_cut(line) in printed, line


def _without_cut(line: str) -> str:
    """The line without what the width of numbers does to it: blanks, and where a long text ends."""
    return re.sub(r"\S{0,8}…", "…", re.sub(r"\s+", " ", line))


def test_the_options_are_those_of_the_command():
    listed = set(re.findall(r"`(--?[a-zA-Z]+)", PAGE.section("Options")))
    had = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    assert {"-O" if name == "-O" else name for name in listed} | {"--allow-path"} == had
