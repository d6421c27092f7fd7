"""`nndsl explain`, the command."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_printed_program_runs_to_the_same_history_and_weights(nndsl, tmp_path):
    printed = nndsl("explain", EXAMPLES / "xor.nn")
    assert printed.exit_code == 0, printed.stderr
    (tmp_path / "full.nn").write_text(printed.stdout)
    for file, out in ((EXAMPLES / "xor.nn", "short"), ("full.nn", "full")):
        result = nndsl("run", file, "--epochs", "3", "--out", out)
        assert "NN6" not in result.stderr or "NN615" in result.stderr
    assert (tmp_path / "short/history.csv").read_bytes() == (tmp_path / "full/history.csv").read_bytes()


def test_set_is_part_of_what_is_explained(nndsl):
    result = nndsl("explain", EXAMPLES / "digits.nn", "--set", "hidden=16")
    assert "let hidden = 16  # --set hidden=16; the file says 64" in result.stdout
    assert "units = 16 (hidden, --set)" in result.stdout


def test_a_file_with_mistakes_gets_its_mistakes(process, tmp_path):
    (tmp_path / "wrong.nn").write_text("model M {\n  input x: [2]\n  Dens(3)\n}\n")
    done = process("explain", "wrong.nn")
    assert done.returncode == 1
    assert "did you mean `Dense`?" in done.stderr
    assert done.stdout == ""
