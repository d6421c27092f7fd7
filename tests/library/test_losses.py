"""Every loss against PyTorch: its value for each sample, and its gradient by the prediction."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional

RANDOM = np.random.default_rng(3)
NUMBERS = RANDOM.standard_normal((7, 3, 4)).astype(np.float32)
TARGETS = RANDOM.standard_normal((7, 3, 4)).astype(np.float32)
ANSWERS = RANDOM.integers(0, 2, (7, 3, 4)).astype(np.float32)
LABELS = RANDOM.integers(0, 4, (7, 3)).astype(np.int32)
SHARES = RANDOM.dirichlet(np.ones(4), (7, 3)).astype(np.float32)
SHARES[0, 0] = [0, 1, 0, 0]


def classes_first(scores):
    return scores.movedim(-1, 1)


# The loss as the language writes it: the target, and PyTorch's loss, one number an element (or a sample's position).
LOSSES = {
    "mse(scores, target)": (TARGETS, lambda s, t: functional.mse_loss(s, t, reduction="none")),
    "mae(scores, target)": (TARGETS, lambda s, t: functional.l1_loss(s, t, reduction="none")),
    "huber(scores, target)": (TARGETS, lambda s, t: functional.huber_loss(s, t, reduction="none")),
    "huber(scores, target, delta=0.3)": (
        TARGETS,
        lambda s, t: functional.huber_loss(s, t, reduction="none", delta=0.3),
    ),
    "cross_entropy(scores, target)": (
        LABELS,
        lambda s, t: functional.cross_entropy(classes_first(s), t.long(), reduction="none"),
    ),
    "cross_entropy(scores, target, label_smoothing=0.1)": (
        LABELS,
        lambda s, t: functional.cross_entropy(classes_first(s), t.long(), reduction="none", label_smoothing=0.1),
    ),
    "binary_cross_entropy(scores, target)": (
        ANSWERS,
        lambda s, t: functional.binary_cross_entropy_with_logits(s, t, reduction="none"),
    ),
    "binary_cross_entropy(scores, target, label_smoothing=0.2)": (
        ANSWERS,
        lambda s, t: functional.binary_cross_entropy_with_logits(s, t * 0.8 + 0.1, reduction="none"),
    ),
    "binary_cross_entropy(scores, 1)": (
        ANSWERS,
        lambda s, t: functional.binary_cross_entropy_with_logits(s, torch.ones_like(s), reduction="none"),
    ),
    "kl_divergence(scores, target)": (
        SHARES,
        lambda s, t: functional.kl_div(torch.log_softmax(s, -1), t, reduction="none").sum(-1),
    ),
    "hinge(scores, target)": (ANSWERS, lambda s, t: torch.clamp(1 - (2 * t - 1) * s, min=0)),
}


def text_of(loss, scores, target):
    shape = ", ".join(map(str, scores.shape))
    example = np.zeros_like(target).tolist()
    return f"""
layer Rows {{
  input index
  weight values: [{shape}] = zeros
  output gather(values, index)
}}
data given {{
  index = {list(range(len(scores)))}
  target = {example}
}}
model Net {{
  input index
  rows: Rows
}}
train Net on given {{
  epochs = 1
  batch_size = {len(scores)}
  scores = Net(index)
  minimize {loss} using SGD(learning_rate=0)
  metric again = {loss}
  predict each = {loss}
}}
"""


@pytest.mark.parametrize(("precision", "level"), [("float64", 1), ("float32", 1), ("float64", 0)])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_its_gradient_are_pytorchs(loss, precision, level, network, close):
    target, function = LOSSES[loss]
    scores = torch.tensor(NUMBERS, dtype=torch.float64, requires_grad=True)
    each = function(scores, torch.tensor(target, dtype=torch.float64))
    mean = each.reshape(len(NUMBERS), -1).mean(1).mean()
    mean.backward()

    made = network(text_of(loss, NUMBERS, target), precision, level)
    made.weight("rows/values")[...] = NUMBERS
    fields = {"index": np.arange(len(NUMBERS), dtype=np.int32), "target": target}
    close(made.predict(fields)["each"], each.detach().numpy(), precision, loss)
    reported = made.training_step(fields)
    close(made.gradient("rows/values"), scores.grad.numpy(), precision, f"gradient of {loss}")
    close(reported["loss"], mean.item(), precision, f"mean of {loss}")
    close(reported["again"], mean.item(), precision, f"metric of {loss}")


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        ("cross_entropy(scores, target)", np.zeros((2, 1), np.int32)),
        ("binary_cross_entropy(scores, target)", np.array([[[0, 1, 1, 0]], [[0, 1, 1, 0]]], np.float32)),
        ("kl_divergence(scores, target)", np.array([[[1, 0, 0, 0]], [[0, 0, 0, 1]]], np.float32)),
    ],
)
def test_loss_of_extreme_scores_is_finite_and_right(loss, target, network, close):
    extreme = np.array([[[-1e4, 1e4, 0.0, 5.0]], [[1e4, 1e4, -1e4, 0.0]]], np.float32)
    function = LOSSES[loss][1]
    scores = torch.tensor(extreme, dtype=torch.float64, requires_grad=True)
    each = function(scores, torch.tensor(target, dtype=torch.float64))
    each.reshape(2, -1).mean(1).mean().backward()
    for precision in ("float64", "float32"):
        made = network(text_of(loss, extreme, target), precision)
        made.weight("rows/values")[...] = extreme
        fields = {"index": np.arange(2, dtype=np.int32), "target": target}
        close(made.predict(fields)["each"], each.detach().numpy(), precision, loss)
        made.training_step(fields)
        close(made.gradient("rows/values"), scores.grad.numpy(), precision, f"gradient of {loss}")
