"""Layers that change pictures while training: what they do, how often, and that they do nothing otherwise.

A range of one number leaves nothing to chance, so such layers are compared with PyTorch's grid_sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional

PRECISIONS = pytest.mark.parametrize("precision", ["float64", "float32"])
MODES = {"constant": "zeros", "nearest": "border", "reflect": "reflection"}
EVERY = [
    "RandomFlip",
    "RandomTranslation(0.2, 0.1)",
    "RandomRotation(0.1)",
    "RandomZoom(0.3)",
    "RandomBrightness(0.3, [0, 1])",
    "RandomContrast(0.5, [0, 1])",
    "GaussianNoise(0.1)",
    "GaussianDropout(0.3)",
]


def pictures(samples: int = 3, height: int = 6, width: int = 5, channels: int = 2, seed: int = 5):
    return np.random.default_rng(seed).uniform(0.1, 0.9, (samples, height, width, channels))


@dataclass(frozen=True)
class Augmented:
    """A step on given pictures: what it makes of each in a training step, in evaluation, and both gradients' sum."""

    net: Any
    fields: dict[str, Any]

    def train(self, step: int = 1):
        self.net.training_step(self.fields, step)
        return np.array(self.net.state("seen"))

    def gradient(self):
        return np.array(self.net.gradient("rows/values"))

    def output(self):
        return self.net.predict(self.fields)["value"]


def augmented(network, step, values, shape=None, precision="float64", level=1, seed=0):
    """direction: the loss is half the sum of squares of what the step gives."""
    count = len(values)
    seen = [count, *(shape or values.shape[1:])]
    text = f"""
layer Rows {{
  input index
  weight values: {list(values.shape)} = zeros
  output gather(values, index)
}}
layer Seen {{
  input x: [...]
  input index: int[]
  state seen: {seen} = zeros
  if training {{ seen = batch_sum(reshape(one_hot(index, {count}), {[count] + [1] * (len(seen) - 1)}) * x) }}
  output x
}}
data given {{
  index = {list(range(count))}
}}
model Net {{
  input index
  changed: index -> Rows -> {step}
  changed -> Seen(index=index)
}}
train Net on given {{
  epochs = 1
  batch_size = {count}
  value = Net(index)
  minimize sum(value^2) / 2 using SGD(learning_rate=0)
  predict value = value
}}
"""
    text = text.replace("index -> Rows ->", "index -> rows ->").replace("  changed:", "  rows = Rows\n  changed:")
    made = network(text, precision, level, seed)
    made.weight("rows/values")[...] = values
    return Augmented(made, {"index": np.arange(count, dtype=np.int32)})


def sampled(values, rows, columns, mode, interpolation="bilinear"):
    """What PyTorch sees at rows and columns [h, w] of each picture, as a tensor that knows its gradient."""
    _, height, width, _ = values.shape
    x = torch.tensor(values, requires_grad=True)
    grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
    grid = grid.expand(len(values), *grid.shape)
    found = functional.grid_sample(
        x.permute(0, 3, 1, 2), grid, mode=interpolation, padding_mode=MODES[mode], align_corners=False
    ).permute(0, 2, 3, 1)
    return x, found


def places(height, width):
    rows = torch.arange(height, dtype=torch.float64)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=torch.float64)[None, :].expand(height, width)
    return rows, columns


def turned(angle):
    rows, columns = places(6, 5)
    rows, columns = rows - 2.5, columns - 2
    cos, sin = math.cos(angle), math.sin(angle)
    return rows * cos + columns * sin + 2.5, columns * cos - rows * sin + 2


def moved():
    rows, columns = places(6, 5)
    return rows - 6 * 0.3, columns + 5 * 0.27


def zoomed(rows_factor, columns_factor):
    rows, columns = places(6, 5)
    return (rows - 2.5) * (1 + rows_factor) + 2.5, (columns - 2) * (1 + columns_factor) + 2


GEOMETRY = {
    "RandomTranslation([0.3, 0.3], [-0.27, -0.27]": moved(),
    "RandomRotation([0.07, 0.07]": turned(0.07 * 2 * math.pi),
    "RandomRotation([-0.2, -0.2]": turned(-0.2 * 2 * math.pi),
    "RandomZoom([0.4, 0.4]": zoomed(0.4, 0.4),
    "RandomZoom([-0.3, -0.3], [0.2, 0.2]": zoomed(-0.3, 0.2),
}


TURN = "RandomRotation([0.07, 0.07]"
WAYS = [
    *((step, "bilinear", mode, "float64") for step in GEOMETRY for mode in MODES),
    *((TURN, "nearest", mode, "float64") for mode in MODES),
    (TURN, "bilinear", "reflect", "float32"),
]


@pytest.mark.parametrize(("step", "interpolation", "mode", "precision"), WAYS)
def test_pixels_are_where_pytorch_finds_them_and_so_is_their_gradient(
    step, interpolation, mode, precision, network, close
):
    values = pictures()
    text = f"{step}, fill_mode={mode}, interpolation={interpolation})"
    made = augmented(network, text, values, precision=precision)
    x, wanted = sampled(values, *GEOMETRY[step], mode, interpolation)
    close(made.output(), values, precision, "evaluation")
    close(made.train(), wanted.detach().numpy(), precision, "training")
    (wanted.square().sum() / 2 / len(values)).backward()
    close(made.gradient(), x.grad.numpy(), precision, "gradient")


@pytest.mark.parametrize("level", [0, 1])
def test_a_quarter_turn_is_counter_clockwise_and_whole_turns_change_nothing(network, close, level):
    values = pictures(2, 5, 5)
    quarter = augmented(network, "RandomRotation([0.25, 0.25])", values, level=level)
    close(quarter.train(), np.rot90(values, axes=(1, 2)), "float64")
    whole = augmented(network, "RandomRotation([1, 1])", values, level=level)
    close(whole.train(), values, "float64")


def test_a_wrapped_picture_comes_in_at_the_other_side(network, close):
    values = pictures(2, 4, 4)
    made = augmented(network, "RandomTranslation([0.25, 0.25], [-0.5, -0.5], fill_mode=wrap)", values)
    close(made.train(), np.roll(values, (1, -2), axis=(1, 2)), "float64")


def test_what_comes_in_may_have_a_value(network, close):
    values = pictures(2, 4, 4)
    made = augmented(network, "RandomTranslation([0.25, 0.25], 0, fill_mode=constant, fill_value=0.5)", values)
    close(made.train(), np.concatenate([np.full((2, 1, 4, 2), 0.5), values[:, :-1]], axis=1), "float64")


@pytest.mark.parametrize(
    ("mode", "axes"),
    [("horizontal", [(), (2,)]), ("vertical", [(), (1,)]), ("horizontal_and_vertical", [(), (1,), (2,), (1, 2)])],
)
def test_flips_happen_equally_often(network, mode, axes):
    values = pictures(400, 2, 3, 1)
    found = augmented(network, f"RandomFlip({mode})", values).train()
    counts = [np.sum((found == np.flip(values, axis)).all((1, 2, 3))) for axis in axes]
    assert sum(counts) == 400
    share = 1 / len(axes)
    assert all(abs(count - 400 * share) < 5 * np.sqrt(400 * share * (1 - share)) for count in counts)


def test_crops_lie_everywhere_and_in_the_middle_in_evaluation(network, close):
    values = pictures(300, 5, 4, 1)
    made = augmented(network, "RandomCrop(3, 3)", values, (3, 3, 1))
    close(made.output(), values[:, 1:4, :3], "float64")
    found = made.train()
    counts = np.array(
        [
            [np.sum((found == values[:, top : top + 3, left : left + 3]).all((1, 2, 3))) for left in range(2)]
            for top in range(3)
        ]
    )
    assert counts.sum() == 300
    assert counts.min() > 50 - 5 * np.sqrt(300 / 6 * 5 / 6)
    whole = augmented(network, "RandomCrop(5, 4)", values)
    close(whole.train(), values, "float64")


@pytest.mark.parametrize("level", [0, 1])
def test_padded_crops_move_pictures_and_leave_them_alone_in_evaluation(network, close, level):
    values = pictures(4, 5, 4, 1)
    made = augmented(network, "ZeroPadding2D(1) -> RandomCrop(5, 4)", values, level=level)
    close(made.output(), values, "float64")
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pieces = [padded[:, top : top + 5, left : left + 4] for top in range(3) for left in range(3)]
    for number, picture in enumerate(made.train()):
        assert any((picture == piece[number]).all() for piece in pieces)


@PRECISIONS
def test_brightness_and_contrast_are_kerass_formulas(network, close, precision):
    values = pictures()
    brighter = augmented(network, "RandomBrightness([0.3, 0.3], [0, 2])", values, precision=precision)
    close(brighter.train(), np.clip(values + 0.6, 0, 2), precision)
    darker = augmented(network, "RandomBrightness([-0.5, -0.5], [0, 1])", values, precision=precision)
    close(darker.train(), np.clip(values - 0.5, 0, 1), precision)
    middle = values.mean((1, 2), keepdims=True)
    contrasted = augmented(network, "RandomContrast([0.9, 0.9], [0, 1])", values, precision=precision)
    close(contrasted.train(), np.clip((values - middle) * 1.9 + middle, 0, 1), precision)
    assert (contrasted.train() == 1).any()


def test_multiplied_noise_is_normal_around_one(network):
    values = np.ones((100, 10, 10, 1))
    noise = augmented(network, "GaussianDropout(0.2)", values).train()
    assert abs(noise.mean() - 1) < 5 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() / 0.5 - 1) < 5 / np.sqrt(2 * noise.size)


@pytest.mark.parametrize("step", EVERY)
def test_each_sample_and_step_has_a_draw_of_its_own_and_evaluation_none(network, close, step):
    values = np.repeat(pictures(1), 8, axis=0)
    made = augmented(network, step, values)
    close(made.output(), values, "float64", "evaluation")
    first = made.train()
    different = {picture.tobytes() for picture in first}
    assert len(different) == 8 or (step == "RandomFlip" and len(different) > 1)
    assert (made.train(step=1) == first).all()
    assert (made.train(step=2) != first).any()
    assert (augmented(network, step, values, seed=1).train() != first).any()


@pytest.mark.parametrize("step", [*EVERY, "RandomCrop(4, 3)"])
def test_gradients_through_the_draws_agree_with_differences(network, step):
    values = pictures(2)
    shape = (4, 3, 2) if "Crop" in step else None
    made = augmented(network, step, values, shape)
    made.train()
    gradient = made.gradient()
    held = made.net.weight("rows/values")
    for place in [(0, 0, 0, 0), (0, 2, 3, 1), (1, 5, 4, 0), (1, 3, 2, 1)]:
        losses = []
        for change in (1e-6, -1e-6):
            held[...] = values
            held[place] += change
            losses.append((made.train() ** 2).sum() / 2 / len(values))
        difference = (losses[0] - losses[1]) / 2e-6
        assert abs(difference - gradient[place]) < 1e-6 * max(1, abs(difference))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("RandomRotation(-0.1)", "a range is a number f, for -f to f"),
        ("RandomZoom([0.2, 0.1])", "begins with the lower end"),
        ("RandomZoom([0.1, 0.2, 0.3])", "a range is a number f"),
        ("RandomCrop(7, 2)", "a piece of 7 rows can't be cut out of 6"),
        ("RandomBrightness(0.2)", "value_range"),
        ("RandomContrast(0.2, 1)", "is a list [darkest, brightest], got 1"),
        ("GaussianDropout(1)", "from 0 to below 1, got 1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(network, step, words):
    from nndsl.diagnostics import UserError

    with pytest.raises(UserError) as caught:
        augmented(network, step, pictures())
    assert words in caught.value.diagnostics[0].message
