"""`nndsl summary`: what a network is made of and what it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nndsl.cli.summary import in_bytes, in_operations

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_lists_each_step_with_its_shape_and_weights(nndsl):
    result = nndsl("summary", EXAMPLES / "digits.nn")
    assert result.exit_code == 0, result.stderr
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.split()}
    assert rows["features"][:4] == ["features", "Dense", "[64]", "4,160"]
    assert rows["dense"][:4] == ["dense", "Dense", "[10]", "650"]
    assert rows["all"][1] == "4,810"


def test_the_weights_of_all_steps_are_those_of_the_program(nndsl):
    for example in (EXAMPLES / name for name in ("digits.nn", "iris.nn", "custom_layer.nn", "xor.nn")):
        answer = json.loads(nndsl("summary", example, "--json").stdout)
        listed = sum(row["weights"] for rows in answer["models"].values() for row in rows)
        for train in answer["trains"].values():
            assert listed == train["parameters"], example.name


def test_the_forward_pass_of_a_dense_network_is_counted_right(nndsl):
    answer = json.loads(nndsl("summary", EXAMPLES / "digits.nn", "--json").stdout)
    rows = {row["name"]: row for row in answer["models"]["Digits"]}
    # Multiplications and additions of the matrix product, the bias and the relu, of 32 samples.
    assert rows["features"]["forward"] == pytest.approx(32 * 64 * (2 * 64 + 3), rel=0.02)
    assert rows["dense"]["backward"] == pytest.approx(32 * 2 * (2 * 64 * 10), rel=0.02)


def test_double_precision_takes_twice_the_memory(nndsl):
    sizes = [
        json.loads(nndsl("summary", EXAMPLES / "digits.nn", "--precision", precision, "--json").stdout)["trains"][
            "Digits"
        ]
        for precision in ("float32", "float64")
    ]
    assert sizes[1]["weights"] == 2 * sizes[0]["weights"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "1 B"), (999, "999 B"), (1500, "1.5 kB"), (25_600_000, "25.6 MB"), (10**15, "1,000 TB")],
)
def test_sizes_are_short(count: int, text: str):
    assert in_bytes(count) == text


def test_arithmetic_has_its_unit():
    assert in_operations(1_234_567) == "1.23 MFLOP"


def test_summary_says_how_the_data_will_be_read(nndsl):
    program = EXAMPLES / "digits.nn"
    assert "  data        1,797 rows: 467 kB in memory" in nndsl("summary", program).stdout
    trains = json.loads(nndsl("summary", program, "--json").stdout)["trains"]
    assert trains["Digits"]["data"] == "1,797 rows: 467 kB in memory"


def test_the_memory_is_that_of_the_tiles_that_batches_go_through_in(nndsl):
    """A tile on each of two threads, not the whole batch; and a sum of gradients for each."""

    def buffers(*options: object) -> int:
        answer = json.loads(nndsl("summary", EXAMPLES / "lenet.nn", "--json", *options).stdout)
        return answer["trains"]["LeNet"]["buffers"]

    whole = buffers("--plan", "no-threads", "--plan", "no-tiles")
    one, two = buffers("--tile", 4), buffers("--tile", 4, "--threads", 2)
    assert one < whole / 2
    assert 1.5 * one < two < 2.5 * one
