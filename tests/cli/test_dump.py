"""`nndsl dump`: the program at each stage of the compiler."""

from __future__ import annotations

from pathlib import Path

import pytest

from nndsl.passes import STAGES

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("stage", ["tree", *STAGES, "source"])
def test_every_stage_can_be_shown(nndsl, stage: str):
    result = nndsl("dump", EXAMPLES / "digits.nn", "--after", stage, "--verify")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) > 30


def test_gradients_appear_with_the_stage_that_writes_them(nndsl):
    texts = [nndsl("dump", EXAMPLES / "digits.nn", "--after", s).stdout for s in ("numerics", "differentiate")]
    assert "gradient 0 Digits/features/kernel = " not in texts[0]
    assert "gradient 0 Digits/features/kernel = " in texts[1]


def test_a_tree_shows_what_the_file_says(nndsl):
    Path("one.nn").write_text("let width = 3 * 4\n")
    assert nndsl("dump", "one.nn", "--after", "tree").stdout == (
        "Let\n"
        "  name = Name('width')\n"
        "  value = Binary\n"
        "    operator = '*'\n"
        "    left = Number(3, False)\n"
        "    right = Number(4, False)\n"
    )


def test_an_unknown_stage_is_a_usage_error_that_lists_them(nndsl):
    result = nndsl("dump", EXAMPLES / "digits.nn", "--after", "magic")
    assert result.exit_code == 2
    for stage in ("tree", *STAGES, "source"):
        assert f"\n  {stage} " in result.stderr


def test_without_a_stage_shows_the_last_pass(nndsl):
    last = nndsl("dump", EXAMPLES / "digits.nn", "--after", STAGES[-1])
    assert nndsl("dump", EXAMPLES / "digits.nn").stdout == last.stdout
