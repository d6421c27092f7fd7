"""`nndsl check`: every mistake of a file in one go, as text and as data."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

WRONG = """\
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
}

model Digits {
  input image
  Flatten
  Dens(64, activation=relu)
  Dense(10)
}

train Digits on digits {
  epochs = 1
  scores = Digits(image)
  minimize cross_entropy(scores, labl) using Adam()
}
"""


NEED_MORE = ("features.nn", "mnist_cnn.nn", "transfer.nn")
WHOLE = [path for path in sorted(EXAMPLES.glob("*.nn")) if path.name not in NEED_MORE]
"""The examples whose data comes with them."""


@pytest.mark.parametrize("example", WHOLE, ids=lambda path: path.name)
def test_every_example_has_no_mistakes(nndsl, example: Path):
    result = nndsl("check", example)
    assert result.exit_code == 0, result.stderr
    assert "no mistakes" in result.stdout
    assert result.stderr == ""


def test_says_how_many_weights_there_are(nndsl):
    assert "4,810 weights" in nndsl("check", EXAMPLES / "digits.nn").stdout


def test_mistakes_are_shown_with_their_place_and_a_way_out(nndsl):
    Path("wrong.nn").write_text(WRONG)
    result = nndsl("check", "wrong.nn")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "wrong.nn:9:3" in result.stderr
    assert "did you mean `Dense`?" in result.stderr


def test_mistakes_as_data_have_their_places(nndsl):
    Path("wrong.nn").write_text(WRONG)
    result = nndsl("check", "wrong.nn", "--json")
    assert result.exit_code == 1
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    first = answer["diagnostics"][0]
    assert first["code"].startswith("NN1")
    assert (first["labels"][0]["line"], first["labels"][0]["column"]) == (9, 3)


def test_several_files_are_checked_in_one_go(nndsl):
    Path("wrong.nn").write_text(WRONG)
    result = nndsl("check", EXAMPLES / "digits.nn", "wrong.nn", "missing.nn")
    assert result.exit_code == 1
    assert "wrong.nn:9:3" in result.stderr
    assert "NN601" in result.stderr


def test_a_good_file_as_data(nndsl):
    answer = json.loads(nndsl("check", EXAMPLES / "digits.nn", "--json").stdout)
    assert answer["ok"] is True
    assert answer["files"][0]["weights"] == 4810
    assert answer["files"][0]["trains"] == ["Digits"]


def test_set_gives_lets_other_values(nndsl):
    result = nndsl("check", EXAMPLES / "digits.nn", "--set", "hidden=128")
    assert "9,610 weights" in result.stdout


def test_setting_an_unknown_let_is_a_mistake(nndsl):
    result = nndsl("check", EXAMPLES / "digits.nn", "--set", "hiden=128")
    assert result.exit_code == 1
    assert "hidden" in result.stderr


def test_a_missing_file_suggests_the_one_that_was_meant(nndsl):
    shutil.copy(EXAMPLES / "digits.nn", "digits.nn")
    for name in ("digts.nn", "digits", "Digits.nn"):
        result = nndsl("check", name)
        assert result.exit_code == 1
        assert "did you mean digits.nn?" in result.stderr, name


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_an_endless_device_is_no_program(nndsl):
    result = nndsl("check", "/dev/zero")
    assert result.exit_code == 1
    assert "NN601" in result.stderr


def test_a_folder_is_no_program(nndsl):
    Path("folder").mkdir()
    result = nndsl("check", "folder")
    assert result.exit_code == 1
    assert "NN601" in result.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80abc", bytes(range(256))])
def test_bytes_are_no_program(nndsl, content: bytes):
    Path("bytes.nn").write_bytes(content)
    result = nndsl("check", "bytes.nn")
    assert result.exit_code == 1
    assert "NN602" in result.stderr


def test_an_empty_file_is_no_bug(nndsl):
    Path("empty.nn").write_text("")
    assert nndsl("check", "empty.nn").exit_code in (0, 1)


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_other_line_ends_and_a_byte_order_mark_are_read(nndsl, ending: str):
    text = (EXAMPLES / "digits.nn").read_text(encoding="utf-8").replace("\n", ending)
    Path("digits.nn").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert nndsl("check", "digits.nn").exit_code == 0


def test_a_real_process_ends_with_1_and_no_traceback(process, tmp_path: Path):
    (tmp_path / "wrong.nn").write_text(WRONG)
    done: subprocess.CompletedProcess[str] = process("check", "wrong.nn")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert "\x1b" not in done.stderr
