"""Gradient accumulation, averaged weights, reduced learning rates: what they compute, and that they can be gone on."""

import copy
import math

import numpy as np
import pytest

import nndsl
from nndsl.emit import emit
from nndsl.passes import optimise
from nndsl.plan import PlanOptions, sharings_of
from nndsl.runtime.modules import Generated
from nndsl.runtime.standalone.averaging import WeightAverage
from nndsl.runtime.standalone.callbacks import ReduceLROnPlateau
from nndsl.runtime.standalone.program import average_slot

RANDOM = np.random.default_rng(5)
ROWS = 50
X = RANDOM.standard_normal((ROWS, 3))
Y = RANDOM.standard_normal((ROWS, 2))
W = np.where(RANDOM.uniform(size=ROWS) < 0.3, 0.0, RANDOM.uniform(size=ROWS))

TEXT = """
data given {{
  x = {x}
  target = {y}
  w = {w}
  split train 80%, validation 20%
}}
model Net {{
  input x
  Dense(6, activation=tanh)
  {middle}
  Dense(2)
}}
train Net on given {{
  {lines}
}}
"""


@pytest.fixture
def model(tmp_path):
    """`model(lines, middle="", level=1)`: the network above, in float64."""

    def load(*lines, middle="Dropout(0.3)", level=1):
        path = tmp_path / "net.nn"
        text = TEXT.format(x=X.tolist(), y=Y.tolist(), w=W.tolist(), middle=middle, lines="\n  ".join(lines))
        path.write_text(text, encoding="utf-8")
        return nndsl.load(path, precision="float64", level=level)

    return load


def largest_difference(first, second):
    return max(abs(first.weights[path] - second.weights[path]).max() for path in first.weights)


# ------------------------------------------------------------------------------------------------ accumulation


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("weighted", ["", "weighted by w"])
def test_accumulated_gradients_are_those_of_the_large_batch(model, weighted, level):
    minimize = f"minimize mse(Net(x), target) + l2(Net, 0.1) {weighted} using Adam(learning_rate=0.01) clip_norm=0.05"
    large = model("epochs = 3", "batch_size = 12", minimize, level=level)
    small = model("epochs = 3", "batch_size = 4", "gradient_accumulation_steps = 3", minimize, level=level)
    histories = [large.fit(), small.fit()]
    assert largest_difference(large, small) < 1e-12
    assert np.abs(large.weights["Net/dense/kernel"]).max() > 0.1
    for one, other in zip(*histories, strict=True):
        assert other == pytest.approx(one, abs=1e-12)


def test_the_last_group_of_an_epoch_makes_an_update_of_what_there_is(model):
    # 40 samples are 7 batches of 6: updates of 18, 18 and the last 4
    minimize = "minimize mse(Net(x), target) using SGD(learning_rate=0.1)"
    large = model("epochs = 2", "batch_size = 18", minimize)
    small = model("epochs = 2", "batch_size = 6", "gradient_accumulation_steps = 3", minimize)
    steps = [
        [event.step for event in m.training(m.checked.trains[0]) if hasattr(event, "samples")] for m in (large, small)
    ]
    assert len(steps[1]) == len(steps[0])
    assert largest_difference(large, small) < 1e-12


def test_statistics_of_batches_are_those_of_the_small_ones(model):
    minimize = "minimize mse(Net(x), target) using SGD(learning_rate=0)"
    lines = ("epochs = 1", "shuffle = false", minimize)
    small = model(*lines, "batch_size = 5", middle="BatchNormalization")
    accumulated = model(*lines, "batch_size = 5", "gradient_accumulation_steps = 4", middle="BatchNormalization")
    small.fit()
    accumulated.fit()
    for path, values in small.states.items():
        assert np.array_equal(values, accumulated.states[path])
        assert np.abs(values).max() > 0


def test_a_training_without_data_accumulates_fresh_draws(tmp_path):
    path = tmp_path / "draws.nn"

    def trained(size, more):
        path.write_text(
            "model M {\n  input x: [2]\n  Dense(3)\n}\n"
            f"train M {{\n  steps = 5\n  batch_size = {size}\n  {more}\n  x = normal([2])\n"
            "  minimize mse(M(x), [1.0, 2.0, 3.0]) using SGD(learning_rate=0.1)\n}\n",
            encoding="utf-8",
        )
        made = nndsl.load(path, precision="float64")
        made.fit()
        return made

    assert largest_difference(trained(24, ""), trained(8, "gradient_accumulation_steps = 3")) < 1e-12


# ------------------------------------------------------------------------------------------------ averages


def test_averaged_weights_are_kerass_and_in_place_after_training(model):
    lines = ("epochs = 2", "batch_size = 8", "minimize mse(Net(x), target) using SGD(learning_rate=0.1)")
    plain = model(*lines)
    average = None
    for event in plain.training(plain.checked.trains[0]):
        if hasattr(event, "samples"):
            now = plain.memory.weights.copy()
            average = now if average is None else 0.9 * average + (1 - 0.9) * now
    averaged = model(*lines, "use_ema = true", "ema_momentum = 0.9")
    averaged.fit()
    assert np.allclose(averaged.memory.weights, average, rtol=0, atol=1e-15)
    assert np.array_equal(averaged.memory.slots["Net/average"], plain.memory.weights)


def test_averaged_weights_are_what_is_validated(model):
    lines = ("epochs = 2", "batch_size = 8", "minimize mse(Net(x), target) using SGD(learning_rate=0.1)")
    averaged = model(*lines, "use_ema = true")
    history = averaged.fit()
    plain = model(*lines).fit()
    assert [row["train.loss"] for row in history] == [row["train.loss"] for row in plain]
    assert history[-1]["validation.loss"] == averaged.evaluate(part="validation")["loss"]
    assert history[-1]["validation.loss"] != plain[-1]["validation.loss"]


def test_an_average_that_was_placed_gives_the_weights_back(model):
    made = model("use_ema = true", "minimize mse(Net(x), target) using SGD")
    train = made.generated.program.trains["Net"]
    made.memory.begin(train)
    average = WeightAverage(train, made.memory)
    before = made.memory.weights.copy()
    average.take_in(1)
    made.memory.weights += 1
    average.take_in(2)
    moved = made.memory.weights.copy()
    average.place()
    average.place()
    assert np.allclose(made.memory.weights, 0.99 * before + 0.01 * moved)
    average.take_away()
    assert np.array_equal(made.memory.weights, moved)
    assert average_slot(train) == "Net/average"


# ------------------------------------------------------------------------------------------------ plateaus


def keras(values, factor, patience, min_delta, cooldown, min_lr, rate):
    """The learning rate after each epoch: Keras 3's callback, its lines in their order."""
    best, wait, cooling, rates = math.inf, 0, 0, []
    for value in values:
        if cooling > 0:
            cooling -= 1
            wait = 0
        if value < best - min_delta:
            best, wait = value, 0
        elif not cooling > 0:
            wait += 1
            if wait >= patience and rate > min_lr:
                rate, cooling, wait = max(rate * factor, min_lr), cooldown, 0
        rates.append(rate)
    return rates


class Numbers:
    """As much of a memory as the callback needs."""

    def __init__(self):
        self.scalars = {"Net/0.0/learning_rate_scale": 1.0}


@pytest.mark.parametrize(
    ("factor", "patience", "min_delta", "cooldown", "min_lr"),
    [(0.5, 0, 0.0, 0, 0.0), (0.1, 2, 1e-4, 0, 0.0), (0.5, 1, 0.05, 2, 0.0), (0.3, 1, 0.0, 0, 0.02), (0.9, 3, 0, 5, 0)],
)
def test_learning_rates_are_reduced_as_keras_reduces_them(factor, patience, min_delta, cooldown, min_lr):
    values = list(np.random.default_rng(1).uniform(0.5, 1.0, 40) * np.linspace(1, 0.8, 40))
    numbers = Numbers()
    reduce = ReduceLROnPlateau(
        ("loss",), "loss", factor, patience, "auto", min_delta, cooldown, min_lr, scales=tuple(numbers.scalars)
    )
    rates = []
    for epoch, value in enumerate(values, 1):
        now = 0.1 * numbers.scalars["Net/0.0/learning_rate_scale"]
        reduce.after_epoch(epoch, {"loss": 9.0, "learning_rate": now}, {"loss": value}, numbers)
        rates.append(0.1 * numbers.scalars["Net/0.0/learning_rate_scale"])
    assert rates == pytest.approx(keras(values, factor, patience, min_delta, cooldown, min_lr, 0.1), rel=1e-12)
    assert len(set(rates)) > 1


def test_a_reduced_learning_rate_moves_the_weights_less_and_is_in_the_history(model):
    lines = ("epochs = 3", "batch_size = 40", "minimize mse(Net(x), target) using SGD(learning_rate=0.1)")
    reduced = model(*lines, "ReduceLROnPlateau(monitor=train.loss, factor=0.5, patience=1, min_delta=99)", middle="")
    history = reduced.fit()
    # the first epoch beats infinity, the others do not beat it by 99
    assert [row["learning_rate"] for row in history] == [0.1, 0.1, 0.05]
    straight = model(*lines, middle="")
    moved, before = [], {}
    for event in straight.training(straight.checked.trains[0]):
        if hasattr(event, "samples"):
            moved.append(straight.memory.gradients.copy())
            before[event.step] = straight.memory.weights.copy()
    assert np.allclose(reduced.memory.weights, before[2] - 0.05 * moved[2])


def test_every_group_has_its_learning_rate_in_the_history(model):
    history = model(
        "epochs = 2",
        "minimize mse(Net(x), target)",
        "  over Net.dense using SGD(learning_rate=0.1)",
        "  over Net.dense_1 using SGD(exponential_decay(initial_learning_rate=0.1, decay_steps=1, decay_rate=0.5))",
    ).fit()
    # two steps an epoch; the constant one is not in it
    assert [row["learning_rate_2"] for row in history] == [0.05, 0.0125]
    assert all("learning_rate" not in row for row in history)


def test_a_schedule_is_reduced_by_the_same_factor(model):
    rate = "exponential_decay(initial_learning_rate=0.1, decay_steps=1, decay_rate=0.5)"
    history = model(
        "epochs = 3",
        "batch_size = 40",
        f"minimize mse(Net(x), target) using SGD({rate})",
        "ReduceLROnPlateau(factor=0.1, patience=1, min_delta=99)",
    ).fit()
    assert [row["learning_rate"] for row in history] == pytest.approx([0.1, 0.05, 0.0025])


# ------------------------------------------------------------------------------------------------ going on


def test_all_of_it_goes_on_from_any_event_bit_for_bit(model):
    lines = (
        "epochs = 4",
        "batch_size = 5",
        "gradient_accumulation_steps = 3",
        "use_ema = true",
        "ema_momentum = 0.8",
        "minimize mse(Net(x), target) using Adam(learning_rate=0.1)",
        "ReduceLROnPlateau(factor=0.5, patience=1, min_delta=99, cooldown=1)",
        "EarlyStopping(patience=9)",
    )
    made = model(*lines)
    (train,) = made.checked.trains
    whole = made.fitting(train)
    rows, moments = [], []
    for event in made.events(train, whole):
        if type(event).__name__ == "EpochDone":
            rows.append(event.row())
        memory = made.memory
        kept = (memory.weights.copy(), memory.states.copy(), copy.deepcopy(memory.slots), dict(memory.scalars))
        moments.append((len(rows), kept, copy.deepcopy(whole.state())))
    final = made.memory.weights.copy()
    assert len({row["learning_rate"] for row in rows}) > 1
    for done, (weights, states, slots, scalars), state in moments[1:-1:2]:
        other = made.fitting(train)
        memory = made.memory
        memory.weights[...], memory.states[...] = weights, states
        for name, values in slots.items():
            memory.slots[name][...] = values
        memory.scalars.update(scalars)
        other.restore(state)
        rest = [event.row() for event in made.events(train, other) if type(event).__name__ == "EpochDone"]
        assert rest == rows[done:]
        assert np.array_equal(memory.weights, final)


def test_gradients_of_tiles_are_accumulated_like_those_of_whole_batches(model):
    made = model(
        "epochs = 2",
        "batch_size = 6",
        "gradient_accumulation_steps = 3",
        "minimize mse(Net(x), target) weighted by w using Adam(learning_rate=0.01)",
    )
    made.fit()
    program = optimise(made.checked)
    tiled = Generated(
        emit(program, precision="float64", sharings=sharings_of(program, PlanOptions(tile=2))), "<tiles>", {}
    )
    memory = tiled.memory(0)
    list(tiled.fit(tiled.program.trains["Net"], memory, made.parts(made.checked.trains[0]), 0))
    np.testing.assert_allclose(memory.weights, made.memory.weights, rtol=1e-12, atol=1e-14)
