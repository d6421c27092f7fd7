"""Every schedule at every step, against Keras 3's formulas, in which t counts the updates done before."""

from __future__ import annotations

import math

import pytest

STEPS = 60


def exponential(t, initial, decay_steps, rate, staircase=False):
    periods = t / decay_steps
    return initial * rate ** (math.floor(periods) if staircase else periods)


def inverse_time(t, initial, decay_steps, rate, staircase=False):
    periods = t / decay_steps
    return initial / (1 + rate * (math.floor(periods) if staircase else periods))


def polynomial(t, initial, decay_steps, end=0.0001, power=1.0, cycle=False):
    if cycle:
        decay_steps *= math.ceil(t / decay_steps) if t else 1
    else:
        t = min(t, decay_steps)
    return (initial - end) * (1 - t / decay_steps) ** power + end


def piecewise(t, boundaries, values):
    return values[sum(t > boundary for boundary in boundaries)]


def cosine(t, initial, decay_steps, alpha=0.0, warmup_target=None, warmup_steps=0):
    top = initial if warmup_target is None else warmup_target
    if warmup_target is not None and t < warmup_steps:
        return initial + (warmup_target - initial) * t / warmup_steps
    done = min(t - (warmup_steps if warmup_target is not None else 0), decay_steps)
    return top * ((1 - alpha) * 0.5 * (1 + math.cos(math.pi * done / decay_steps)) + alpha)


def restarts(t, initial, first, t_mul=2.0, m_mul=1.0, alpha=0.0):
    length, top = first, 1.0
    while t >= length:  # Keras has a closed form of this
        t, length, top = t - length, length * t_mul, top * m_mul
    return initial * ((1 - alpha) * 0.5 * top * (1 + math.cos(math.pi * t / length)) + alpha)


SCHEDULES = {
    "exponential_decay(step, 0.1, 7, 0.5)": lambda t: exponential(t, 0.1, 7, 0.5),
    "exponential_decay(step, initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5, staircase=true)": lambda t: (
        exponential(t, 0.1, 7, 0.5, True)
    ),
    "inverse_time_decay(step, 0.1, 7, 0.5)": lambda t: inverse_time(t, 0.1, 7, 0.5),
    "inverse_time_decay(step, initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5, staircase=true)": lambda t: (
        inverse_time(t, 0.1, 7, 0.5, True)
    ),
    "polynomial_decay(step, 0.1, 25)": lambda t: polynomial(t, 0.1, 25),
    "polynomial_decay(step, initial_learning_rate=0.1, decay_steps=25, end_learning_rate=0.01, power=2)": lambda t: (
        polynomial(t, 0.1, 25, 0.01, 2.0)
    ),
    "polynomial_decay(step, 0.1, 25, 0.01, 0.5, cycle=true)": lambda t: polynomial(t, 0.1, 25, 0.01, 0.5, True),
    "piecewise_constant_decay(step, boundaries=[10, 25], values=[0.3, 0.1, 0.02])": lambda t: piecewise(
        t, [10, 25], [0.3, 0.1, 0.02]
    ),
    "cosine_decay(step, peak=0.2, steps=40)": lambda t: cosine(t, 0.2, 40),
    "cosine_decay(step, peak=0.2, steps=40, end=0.05)": lambda t: cosine(t, 0.2, 40, alpha=0.25),
    "cosine_decay(step, peak=0.2, warm_up=11, steps=40)": lambda t: cosine(t, 0, 40, 0, 0.2, 11),
    "cosine_decay(step, peak=0.2, warm_up=11, steps=40, start=0.1, end=0.05)": lambda t: cosine(
        t, 0.1, 40, 0.25, 0.2, 11
    ),
    "cosine_decay_restarts(step, 0.1, 7)": lambda t: restarts(t, 0.1, 7),
    "cosine_decay_restarts(step, 0.1, 9, t_mul=1, m_mul=0.7, alpha=0.1)": lambda t: restarts(t, 0.1, 9, 1.0, 0.7, 0.1),
    "cosine_decay_restarts(step, 0.1, 4, t_mul=1.5, m_mul=0.7, alpha=0.1)": lambda t: restarts(
        t, 0.1, 4, 1.5, 0.7, 0.1
    ),
}

TEXT = """
data d {{
  x = [[0.0], [1.0]]
  y = [[0.0], [1.0]]
}}
model M {{
  input x
  Dense(1)
}}
train M on d {{
  minimize mse(M(x), y) using SGD({rate})
{metrics}
}}
"""


@pytest.fixture(scope="module")
def rows():
    """What the schedules are at each step, in their order."""
    from tests.library.conftest import build

    metrics = "\n".join(f"  metric m_{number} = {text}" for number, text in enumerate(SCHEDULES))
    made = build(TEXT.format(rate="0.1", metrics=metrics))
    totals = made.train.training(2, made.memory, 0).totals + 1
    return [list(made.train.report(totals, 2, t + 1, 1).values())[1:] for t in range(STEPS)]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_kerass_at_every_step(schedule, rows):
    place = list(SCHEDULES).index(schedule)
    wanted = [SCHEDULES[schedule](t) for t in range(STEPS)]
    assert [row[place] for row in rows] == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_a_schedule_waits_for_the_step(rows, network):
    del rows
    made = network(
        TEXT.format(
            rate="learning_rate=exponential_decay(initial_learning_rate=0.1, decay_steps=1, decay_rate=0.5)", metrics=""
        )
    )
    before = made.memory.weights.copy()
    fields = {"x": [[1.0]], "y": [[3.0]]}
    import numpy as np

    made.training_step({name: np.array(value) for name, value in fields.items()}, step=4)
    moved = (before - made.memory.weights) / made.memory.gradients
    assert moved == pytest.approx([0.1 * 0.5**3] * 2)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (
            "exponential_decay(initial_learning_rate=0.1, decay_steps=0, decay_rate=0.5)",
            "positive number of steps, got 0",
        ),
        ("piecewise_constant_decay(boundaries=[2, 1], values=[1, 2, 3])", "boundaries must rise, got [2, 1]"),
        ("cosine_decay(peak=0.1, decay_steps=9)", "cosine_decay has no argument `decay_steps`"),
        ("exponential_decay(0.1, 20, 0.5)", "the first argument of exponential_decay is the step"),
        ("cosine_decay(0.1, 100, 10)", "the first argument of cosine_decay is the step"),
    ],
)
def test_a_schedule_that_can_not_be_is_refused(rate, message, network):
    from nndsl.diagnostics import UserError

    with pytest.raises(UserError) as refused:
        network(TEXT.format(rate=rate, metrics=""))
    assert any(message in diagnostic.message for diagnostic in refused.value.diagnostics)
