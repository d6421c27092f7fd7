"""What is measured of nndsl alone: what techniques gain, and what a step's time is made of."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from benchmarks import compiled
from benchmarks.gap import KINDS, Spent, watch
from benchmarks.networks.perceptrons import perceptron
from benchmarks.networks.transformer import transformer
from benchmarks.one_sample import table, weight_bytes
from benchmarks.sides.ours import model_of, ours, side_of
from benchmarks.steps import require_agreement
from benchmarks.techniques import ways
from nndsl.passes.pipeline import OPTIONAL
from nndsl.plan.options import CHOICES

NETWORK = perceptron("MLP", 8, (6, 5, 3), classes=3)


def test_every_technique_that_can_be_left_out_is_measured() -> None:
    assert {f"no-{name}" for name in (*OPTIONAL, *CHOICES)} - {"no-once"} == set(ways()) - {"-O0"}


@pytest.mark.parametrize("way", ways().values())
def test_without_a_technique_a_network_learns_the_same(way: str, tmp_path: Path) -> None:
    sides = [ours(NETWORK, tmp_path, options)[0] for options in ("", way)]
    require_agreement(NETWORK, sides, 5)


def test_watched_functions_compute_what_they_do_unwatched_and_are_counted(tmp_path: Path) -> None:
    plain, _, columns = ours(NETWORK, tmp_path)
    model, _ = model_of(NETWORK, tmp_path)
    spent = Spent()
    watch(cast("MutableMapping[str, Any]", model.generated.names), spent)
    watched, _ = side_of(model, NETWORK, columns, "watched")
    assert [watched.losses() for _ in range(3)] == [plain.losses() for _ in range(3)]
    spent.restart()
    watched.step()
    products, elementwise, moved = (spent.calls[kind] for kind in KINDS)
    source = model.generated.source
    step = source[source.index("def net_training(") :]
    step = step[step.index("def run(") : step.index("return Step(")]
    assert products == step.count(" dot(")
    assert elementwise > 3
    assert moved >= step.count("copyto(")


def test_bytes_of_weights_are_those_that_a_prediction_reads_whole(tmp_path: Path) -> None:
    dense, _ = model_of(NETWORK, tmp_path)
    assert weight_bytes(dense.planned.trains[0].evaluation) == 4 * (6 * 5 + 5 + 5 * 3 + 3)
    small = transformer(2, blocks=1, heads=2, width=4, length=3)
    model, _ = model_of(small, tmp_path)
    weights = model.generated.program.weights
    read = sum(int(np.prod(shape)) for path, shape in weights if path != "Net/embedding/embeddings")
    assert weight_bytes(model.planned.trains[0].evaluation) == 4 * read


def test_the_table_of_one_sample_counts_the_calls_of_its_lines() -> None:
    row = table([NETWORK]).splitlines()[2].split("|")
    assert [cell.strip() for cell in (row[1], row[6])] == ["MLP", "5"]


def test_the_tangent_that_is_made_for_compilers_is_the_hyperbolic_tangent() -> None:
    xs = np.linspace(-20, 20, 4001, dtype=np.float32)
    found = np.array([compiled._tanh(x) for x in xs])
    np.testing.assert_allclose(found, np.tanh(xs.astype(np.float64)), atol=3e-7)


def test_compiled_parts_compute_what_ours_do(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    for part in compiled.parts(tmp_path, ()):
        compiled.require_alike(part)
