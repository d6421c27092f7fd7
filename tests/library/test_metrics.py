"""Metrics over a whole split, in batches of uneven size, are the formula over all samples at once."""

from __future__ import annotations

import numpy as np
import pytest

BATCHES = (5, 1, 8, 3)
TOTAL = sum(BATCHES)
RANDOM = np.random.default_rng(11)
SCORES = RANDOM.standard_normal((TOTAL, 4))
LABELS = RANDOM.integers(0, 4, TOTAL).astype(np.int32)
STEP_SCORES = RANDOM.standard_normal((TOTAL, 3, 4))
STEP_LABELS = RANDOM.integers(0, 4, (TOTAL, 3)).astype(np.int32)
SINGLE = RANDOM.standard_normal((TOTAL, 1))
ANSWERS = RANDOM.integers(0, 2, TOTAL).astype(np.int32)
MANY_SCORES = RANDOM.standard_normal((TOTAL, 4))
MANY_ANSWERS = RANDOM.integers(0, 2, (TOTAL, 4)).astype(np.int32)
NUMBERS = RANDOM.standard_normal((TOTAL, 2)) + 3
TARGETS = RANDOM.standard_normal((TOTAL, 2)) + 3

CHOSEN = SINGLE[:, 0] > 0
TRUE = ANSWERS == 1


def rank_of_right():
    right = SCORES[np.arange(TOTAL), LABELS][:, None]
    return np.greater(SCORES, right).sum(1)


def r2(prediction, target):
    return 1 - ((prediction - target) ** 2).sum() / ((target - target.mean()) ** 2).sum()


# Metric, what stands for `scores` and `target`, and the number over all samples.
METRICS = [
    ("accuracy(scores, target)", SCORES, LABELS, (SCORES.argmax(1) == LABELS).mean()),
    ("accuracy(scores, target)", STEP_SCORES, STEP_LABELS, (STEP_SCORES.argmax(2) == STEP_LABELS).mean()),
    ("accuracy(scores, target)", SINGLE, ANSWERS, (CHOSEN == TRUE).mean()),
    ("binary_accuracy(scores, target)", SINGLE, ANSWERS, (CHOSEN == TRUE).mean()),
    ("binary_accuracy(scores, target)", MANY_SCORES, MANY_ANSWERS, ((MANY_SCORES > 0) == (MANY_ANSWERS == 1)).mean()),
    (
        "binary_accuracy(scores, target, threshold=0.5)",
        MANY_SCORES,
        MANY_ANSWERS,
        ((MANY_SCORES > 0.5) == (MANY_ANSWERS == 1)).mean(),
    ),
    ("top_k_accuracy(scores, target, k=1)", SCORES, LABELS, (SCORES.argmax(1) == LABELS).mean()),
    ("top_k_accuracy(scores, target, k=2)", SCORES, LABELS, (rank_of_right() < 2).mean()),
    ("top_k_accuracy(scores, target)", SCORES, LABELS, 1.0),
    ("precision(scores > 0, target == 1)", SINGLE, ANSWERS, (CHOSEN & TRUE).sum() / CHOSEN.sum()),
    ("recall(scores > 0, target == 1)", SINGLE, ANSWERS, (CHOSEN & TRUE).sum() / TRUE.sum()),
    ("f1(scores > 0, target == 1)", SINGLE, ANSWERS, 2 * (CHOSEN & TRUE).sum() / (CHOSEN.sum() + TRUE.sum())),
    ("precision(scores > 100, target == 1)", SINGLE, ANSWERS, 0.0),
    ("recall(scores > 100, target == 1)", SINGLE, ANSWERS, 0.0),
    ("recall(scores > 0, target == 7)", SINGLE, ANSWERS, 0.0),
    ("f1(scores > 100, target == 7)", SINGLE, ANSWERS, 0.0),
    ("precision(argmax(scores) == 2, target == 2)", SCORES, LABELS, None),
    ("mse(scores, target)", NUMBERS, TARGETS, ((NUMBERS - TARGETS) ** 2).mean()),
    ("mae(scores, target)", NUMBERS, TARGETS, np.abs(NUMBERS - TARGETS).mean()),
    ("rmse(scores, target)", NUMBERS, TARGETS, np.sqrt(((NUMBERS - TARGETS) ** 2).mean())),
    ("r2(scores, target)", NUMBERS, TARGETS, r2(NUMBERS, TARGETS)),
    ("r2(scores, target)", NUMBERS[:, :1], TARGETS[:, 0], r2(NUMBERS[:, 0], TARGETS[:, 0])),
    ("rmse(scores, target)", SINGLE, ANSWERS, np.sqrt(((SINGLE[:, 0] - ANSWERS) ** 2).mean())),
    ("r2(scores, target)", NUMBERS, np.ones_like(TARGETS), 0.0),
    (
        "hinge(scores, target)",
        MANY_SCORES,
        MANY_ANSWERS,
        np.maximum(1 - (2 * MANY_ANSWERS - 1) * MANY_SCORES, 0).mean(),
    ),
]


def text_of(metric, scores, target):
    return f"""
layer Shift {{
  input x: [...]
  weight shift: [] = zeros
  output x + shift
}}
data given {{
  x = {np.zeros_like(scores[:2]).tolist()}
  target = {np.zeros_like(target[:2]).tolist()}
}}
model Net {{
  input x
  Shift
}}
train Net on given {{
  epochs = 1
  batch_size = 4
  scores = Net(x)
  minimize sum(scores) using SGD(learning_rate=0.1)
  metric value = {metric}
  metric {metric}
}}
"""


def in_batches(scores, target):
    """All samples, in batches of the sizes above."""
    ends = np.cumsum(BATCHES)
    return [
        {"x": scores[end - size : end], "target": target[end - size : end]}
        for size, end in zip(BATCHES, ends, strict=True)
    ]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(
    ("metric", "scores", "target", "wanted"), METRICS, ids=[f"{m[0]} {m[1].shape} {m[2].shape}" for m in METRICS]
)
def test_metric_of_uneven_batches_is_the_formula_over_all(metric, scores, target, wanted, level, precision, network):
    if wanted is None:
        chosen, truth = scores.argmax(1) == 2, target == 2
        wanted = (chosen & truth).sum() / chosen.sum()
    made = network(text_of(metric, scores, target), precision, level)
    reported = made.evaluate(*in_batches(scores, target))
    name = metric.split("(")[0]
    tolerance = 1e-12 if precision == "float64" else 2e-6
    assert abs(reported["value"] - wanted) <= tolerance * max(1, abs(wanted))
    assert reported[name] == reported["value"]


def test_loss_of_uneven_batches_is_the_mean_over_all_samples(network):
    made = network(text_of("mse(scores, target)", NUMBERS, TARGETS))
    assert abs(made.evaluate(*in_batches(NUMBERS, TARGETS))["loss"] - NUMBERS.sum(1).mean()) < 1e-12
