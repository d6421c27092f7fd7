"""Texts of strangers stay texts: in the source that is made of them, in files, on the terminal."""

from __future__ import annotations

import ast
import csv
import os
import pty
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.diagnostics import UserError
from nndsl.diagnostics.render import render_all
from nndsl.runtime.load import generate
from nndsl.source import SourceFile

MARK = "INJECTED"
"""What a payload would leave behind: a file of that name in the current folder."""

CODE = f'__import__("pathlib").Path("{MARK}").touch()'

PAYLOADS = [
    f'"""\n{CODE}\n"""',
    f"'''\n{CODE}\n'''",
    f"\\\n{CODE}\n#",
    f'")\n{CODE}\nprint("',
    f"x\r{CODE}\r",
    f"x\u2028{CODE}\u2029{CODE}\x85{CODE}\x0b{CODE}\x0c{CODE}",
    f"{{{CODE}}}",
    f"{{0.__class__}} %s {CODE} $x",
    "\\N{LATIN SMALL LETTER A}\\x41\\u0041\\",
    "# -*- coding: utf-7 -*-",
    "\u202e\u2066 desrever \u2069\u202c",
    "\ufeff\u200b\u200d",
    "\x1b[2J\x1b]0;title\x07",
    "../../" + MARK,
    "np.add(np.real",
    "__class__",
    "f(x, (-1)), [n] n = n",
    "\ud7ff\ue000\uffff",
]

PROGRAM = """# {comment}
let note = "{text}"

data rows from csv("rows.csv") {{  # {comment}
  x     = column("{column}")
  other = one_hot(category(column("{column}2")))
  label = class(column("{column}3"))
}}

model Net {{
  input x  # {comment}
  input other
  body: concatenate([reshape(x, [1]), other]) -> Dense(3)  # {comment}
  Dense(rows.label.classes)
}}

train Net on rows {{
  epochs = 1
  scores = Net(x, other)
  minimize cross_entropy(scores, label) using SGD()
  predict answer = argmax(scores)
}}
"""


def quoted(text: str) -> str:
    r"""A text as a string of the language, which has no escapes but \\, \", \n and \t."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", " ")


def written(folder: Path, payload: str) -> Path:
    """A program with the payload wherever a text may stand: comments, columns, categories, classes."""
    column = payload.replace("\r", " ")
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column, f"{column}2", f"{column}3"])
        writer.writerows([[n, f"{payload}{n % 3}", f"{payload}{n % 2}"] for n in range(12)])
    text = PROGRAM.format(
        comment=payload.replace("\n", " ").replace("\r", " "), text=quoted(payload), column=quoted(column)
    )
    path = folder / "rows.nn"
    path.write_text(text, encoding="utf-8")
    return path


@cache
def plain_shape(folder: Path, level: int) -> tuple[str, ...]:
    """The shape of the module of a program that is called the same and is honest."""
    return _shape(_generated(written(folder, "plain"), level))


def _generated(path: Path, level: int) -> str:
    return generate(check(SourceFile("rows.nn", path.read_text(encoding="utf-8"), path)), level=level)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return tmp_path_factory.mktemp("honest")


@pytest.mark.parametrize(("payload", "level"), [(payload, number % 2) for number, payload in enumerate(PAYLOADS)])
def test_a_hostile_text_does_not_get_into_the_code_of_what_is_generated(tmp_path, honest, payload, level):
    try:
        source = _generated(written(tmp_path, payload), level)
    except UserError as mistake:  # no character of it is allowed in a program at all
        assert {diagnostic.code for diagnostic in mistake.diagnostics} <= {"NN002", "NN009", "NN023", "NN411"}
        return
    assert _shape(source) == plain_shape(honest, level)
    constants = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert payload.replace("\r", " ") in constants
    assert f"{payload}0" in constants
    for line in source.splitlines():
        if line.strip().startswith("#"):
            assert line.isprintable()


def _shape(source: str) -> tuple[str, ...]:
    """The kinds of all nodes of a module, texts left out, and the count of rows that a letter `n` in one brings in."""
    source = "\n".join(line for line in source.splitlines() if not line.startswith("    n = len(columns["))
    return tuple(type(node).__name__ for node in ast.walk(ast.parse(source)) if not isinstance(node, ast.Constant))


def test_hostile_texts_run_nothing_from_check_to_the_standalone_file(tmp_path, process):
    payload = f'"""\n{CODE}\n"""\\'
    written(tmp_path, payload)
    for arguments in (
        ("check",),
        ("run", "--epochs", "1"),
        ("build", "--data", "columns.npz"),
        ("explain",),
        ("dump",),
    ):
        done = process(arguments[0], "rows.nn", *arguments[1:])
        assert done.returncode == 0, done.stderr
    for arguments in (
        ("train", "columns.npz", "--weights", "w.npz"),
        ("predict", "columns.npz", "--weights", "w.npz", "-o", "p.csv"),
    ):
        done = process(*arguments, program=("rows.py",))
        assert done.returncode == 0, done.stderr
    assert {found.name for found in tmp_path.rglob("*") if MARK in found.name} == set()
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        assert {row["answer"] for row in csv.DictReader(file)} <= {f"{payload}{n}" for n in range(2)}


NAMES = ["a'b.nn", 'a"b.nn', "a\nb.nn", "-rf.nn", "{x}.nn", "\u202egnp.nn", "\\.nn", '"""\nimport os\n""".nn']


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_is_no_code_either(tmp_path, honest, name):
    path = written(tmp_path, "plain")
    source = generate(check(SourceFile(name, path.read_text(encoding="utf-8"), tmp_path / name)))
    assert _shape(source) == plain_shape(honest, 1)


def test_a_file_with_a_hostile_name_runs_as_any_other(tmp_path, process):
    path = written(tmp_path, "plain").rename(tmp_path / f'-x"; touch {MARK}; $(touch {MARK})\n.nn')
    done = process("run", "--epochs", "1", "--out", "out", "--", path.name)
    assert done.returncode == 0, done.stderr
    ast.parse(next((tmp_path / "out").glob("*.py")).read_text(encoding="utf-8"))
    assert not list(tmp_path.rglob(MARK))


# ------------------------------------------------------------------------------------------------ the terminal

ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202e"


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    root = Path(__file__).resolve().parents[2]
    variables = {**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        [sys.executable, "-m", "nndsl", *arguments],
        cwd=folder,
        env=variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        content = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            content += part
        process.wait(timeout=60)
    os.close(ours)
    return content.decode("utf-8", "replace")


def acting(text: str) -> set[str]:
    """The pieces of `ESCAPES` in a text that a terminal would obey."""
    return {piece for piece in ("\x1b[31m", "\x1b]0;", "\x07", "\x9b", "\u202e") if piece in text}


def test_answers_on_a_terminal_do_not_act_on_it_and_are_whole_in_a_pipe(tmp_path, process):
    written(tmp_path, ESCAPES)
    assert process("run", "rows.nn", "--epochs", "1").returncode == 0
    shown = on_a_terminal(tmp_path, "predict", "runs/Net", "rows.csv")
    assert "red" in shown
    assert not acting(shown)
    assert ESCAPES in process("predict", "runs/Net", "rows.csv").stdout


@pytest.mark.parametrize("command", ["check", "explain", "dump", "summary"])
def test_what_a_program_says_does_not_act_on_a_terminal(tmp_path, command):
    written(tmp_path, ESCAPES)
    assert not acting(on_a_terminal(tmp_path, command, "rows.nn"))


def test_messages_about_hostile_texts_show_them_as_pictures(tmp_path):
    path = written(tmp_path, ESCAPES)
    text = path.read_text(encoding="utf-8")
    for wrong in (text.replace('2")', '9")'), text.replace("Dense(3)", f'Dense("{ESCAPES}")'), f"{ESCAPES}\n{text}"):
        with pytest.raises(UserError) as raised:
            check(SourceFile(f"{ESCAPES}.nn", wrong, path))
        assert not acting(render_all(raised.value.diagnostics))


def test_a_standalone_file_s_messages_do_not_act_on_a_terminal(tmp_path, process):
    written(tmp_path, "plain")
    assert process("build", "rows.nn", "--data", "columns.npz").returncode == 0
    written(tmp_path, ESCAPES)
    assert process("build", "rows.nn", "-o", "other.py", "--data", "columns.npz").returncode == 0
    done = process("train", "columns.npz", program=("rows.py",))
    assert done.returncode == 1
    assert not acting(done.stderr)
