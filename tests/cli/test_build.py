"""`nndsl build`: a file that Python runs by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nndsl.cli.build import module_name

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_writes_a_module_named_after_the_program(nndsl):
    result = nndsl("build", EXAMPLES / "digits.nn")
    assert result.exit_code == 0, result.stderr
    compile(Path("digits.py").read_text(), "digits.py", "exec")


@pytest.mark.parametrize(
    ("file", "module"),
    [("digits.nn", "digits"), ("my-model.nn", "my_model"), ("3d.nn", "_3d"), ("class.nn", "_class"), ("ä b.nn", "ä_b")],
)
def test_the_module_can_be_imported_by_its_name(file: str, module: str):
    assert module_name(Path(file)) == module
    assert module.isidentifier()


def test_leaves_a_file_alone_that_is_somebody_elses(nndsl):
    Path("digits.py").write_text("print('my own work')\n")
    result = nndsl("build", EXAMPLES / "digits.nn")
    assert result.exit_code == 1
    assert "NN608" in result.stderr
    assert Path("digits.py").read_text() == "print('my own work')\n"


def test_writes_over_what_it_wrote_itself(nndsl):
    for _ in range(2):
        assert nndsl("build", EXAMPLES / "digits.nn").exit_code == 0


@pytest.mark.parametrize("target", ["mine.nn", "./mine.nn", "other.nn", "link.py"])
def test_never_writes_over_a_program(nndsl, target: str):
    text = (EXAMPLES / "digits.nn").read_text()
    Path("mine.nn").write_text(text)
    Path("link.py").symlink_to("mine.nn")
    result = nndsl("build", "mine.nn", "-o", target)
    assert result.exit_code == 1
    assert "NN608" in result.stderr
    assert Path("mine.nn").read_text() == text
    assert not Path("other.nn").exists()


def test_a_dash_is_stdout(nndsl):
    result = nndsl("build", EXAMPLES / "digits.nn", "-o", "-")
    assert nndsl("build", EXAMPLES / "digits.nn", "-o", "a.py").exit_code == 0
    assert result.stdout == Path("a.py").read_text()


def test_the_textbook_form_differs(nndsl):
    texts = [nndsl("build", EXAMPLES / "digits.nn", "-o", "-", level).stdout for level in ("-O0", "-O1")]
    assert texts[0] != texts[1]
    assert "out=" in texts[1]


def test_the_same_program_gives_the_same_text(nndsl):
    texts = [nndsl("build", EXAMPLES / "digits.nn", "-o", "-").stdout for _ in range(2)]
    assert texts[0] == texts[1]


def test_writes_the_columns_that_the_module_reads(nndsl):
    result = nndsl("build", EXAMPLES / "iris.nn", "--data", "columns.npz")
    assert result.exit_code == 0, result.stderr
    with np.load("columns.npz", allow_pickle=False) as columns:
        assert {len(columns[name]) for name in columns.files} == {150}


def test_a_program_without_files_has_no_columns_to_write(nndsl):
    result = nndsl("build", EXAMPLES / "xor.nn", "--data", "columns.npz")
    assert result.exit_code == 1
    assert "NN616" in result.stderr


def test_ctrl_c_while_the_module_starts_shows_no_traceback(nndsl, tmp_path: Path):
    assert nndsl("build", EXAMPLES / "xor.nn").exit_code == 0
    # NumPy's import is where a module that starts spends its time.
    (tmp_path / "numpy.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "xor.py", "train"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")
def test_the_module_writing_into_a_closed_pipe_shows_no_traceback(nndsl, tmp_path: Path):
    assert nndsl("build", EXAMPLES / "xor.nn").exit_code == 0
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "xor.py", "train"],
            cwd=tmp_path,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.slow
def test_the_module_trains_on_the_columns(nndsl, tmp_path: Path):
    assert nndsl("build", EXAMPLES / "iris.nn", "--data", "columns.npz").exit_code == 0
    done = subprocess.run(
        [sys.executable, "iris.py", "train", "columns.npz"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "test  loss" in done.stdout
