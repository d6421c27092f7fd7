"""The group of commands: what it loads, what it answers to words that are no commands, how failures end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nndsl.cli.application import COMMANDS, Application
from nndsl.diagnostics import InternalError, UserError, error
from nndsl.version import __version__

ROOT = Path(__file__).resolve().parents[2]


def failing_with(failure: BaseException) -> Application:
    """An application whose only command raises `failure`."""

    class OneCommand(Application):
        def list_commands(self, ctx):
            return ["run"]

        def get_command(self, ctx, cmd_name):
            return self.commands[cmd_name]

    application = OneCommand("nndsl")

    from nndsl.cli.options import json_option

    @application.command("run")
    @json_option
    def command(as_json: bool) -> None:
        raise failure

    return application


def invoke(failure: BaseException, *arguments: str):
    return CliRunner().invoke(failing_with(failure), ["run", *arguments])


def test_version_is_printed(nndsl):
    result = nndsl("--version")
    assert (result.exit_code, result.stdout) == (0, f"nndsl {__version__}\n")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["new", "first.nn"]])
def test_light_commands_load_none_of_the_heavy_packages(arguments: list[str], tmp_path: Path):
    program = (
        "import sys\n"
        f"sys.argv = ['nndsl', *{arguments!r}]\n"
        "from nndsl.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'numpy', 'lark', 'rich', 'matplotlib', 'safetensors', 'nndsl.check'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_command_is_listed_with_a_line_of_help(nndsl):
    text = nndsl("--help").stdout
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] and len(line.split()) > 3 for line in text.splitlines()), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(nndsl, name: str):
    result = nndsl(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: nndsl {name}")


def test_a_mistyped_command_is_a_usage_error_with_a_suggestion(nndsl):
    result = nndsl("chek", "digits.nn")
    assert result.exit_code == 2
    assert "did you mean `nndsl check`?" in result.stderr


def test_a_file_in_the_place_of_a_command_suggests_run(nndsl):
    result = nndsl("digits.nn")
    assert result.exit_code == 2
    assert "nndsl run digits.nn" in result.stderr


def test_a_set_without_a_value_is_a_usage_error(nndsl):
    result = nndsl("check", "digits.nn", "--set", "hidden")
    assert result.exit_code == 2
    assert "name=value" in result.stderr


def test_a_mistake_of_the_user_ends_with_1_and_its_text():
    result = invoke(UserError(error("NN601", "there is no file x.nn", help="look again")))
    assert result.exit_code == 1
    assert "NN601" in result.stderr
    assert "look again" in result.stderr
    assert result.stdout == ""


def test_a_mistake_of_the_user_as_json_is_on_stdout_alone():
    result = invoke(UserError(error("NN601", "no"), error("NN602", "no")), "--json")
    assert result.exit_code == 1
    assert [d["code"] for d in json.loads(result.stdout)["diagnostics"]] == ["NN601", "NN602"]
    assert result.stderr == ""


@pytest.mark.parametrize("bug", [InternalError("pass simplify broke %3"), ZeroDivisionError("1 / 0"), RecursionError()])
def test_a_bug_ends_with_3_and_a_report_to_send(bug: Exception):
    result = invoke(bug)
    assert result.exit_code == 3
    assert type(bug).__name__ in result.stderr
    assert "Traceback" not in result.stderr
    report = Path(result.stderr.splitlines()[-1]).read_text()
    Path(result.stderr.splitlines()[-1]).unlink()
    assert "Traceback" in report
    assert __version__ in report


def test_an_interrupted_command_ends_with_130():
    result = invoke(KeyboardInterrupt())
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


@pytest.mark.parametrize(
    "failure",
    [
        PermissionError(13, "Permission denied", "runs/x"),
        OSError(28, "No space left on device", "runs/x"),
        FileNotFoundError(2, "No such file or directory", "runs/x"),
    ],
)
def test_what_the_system_refuses_is_no_bug(failure: OSError):
    result = invoke(failure)
    assert result.exit_code == 1
    assert "runs/x" in result.stderr


def test_running_out_of_memory_is_no_bug():
    result = invoke(MemoryError("Unable to allocate 7 TiB"))
    assert result.exit_code == 1
    assert "NN618" in result.stderr
    assert "7 TiB" in result.stderr


def test_a_click_usage_error_ends_with_2():
    assert invoke(click.UsageError("no")).exit_code == 2


def test_a_closed_pipe_is_silent(process):
    done = subprocess.run(
        f"{sys.executable} -m nndsl help NN604 --json | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_a_terminal_without_unicode_is_no_failure(process, tmp_path: Path):
    (tmp_path / "file.nn").write_text("let größe = 3 +\n", encoding="utf-8")
    done = process("check", "file.nn", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 1
    assert "NN001" in done.stderr
