"""The training loop: what it does to the weights, what it tells, and when it stops."""

from dataclasses import replace

import numpy as np
import pytest
import tiny

from nndsl.runtime.standalone import loop
from nndsl.runtime.standalone.callbacks import TrainingError
from nndsl.runtime.standalone.program import Step
from nndsl.runtime.standalone.random import normal, shuffled
from nndsl.runtime.standalone.steps import DivergedError


def run(train=None, seed=0, count=50, validation=20, memory=None, **options):
    program = tiny.program()
    memory = memory or program.memory(seed)
    parts = {"train": tiny.fields(count)}
    if validation:
        parts["validation"] = tiny.fields(validation, 1)
    return memory, list(loop.fit(train or tiny.line(), memory, parts, seed, **options))


def epochs_of(events):
    return [event for event in events if isinstance(event, loop.EpochDone)]


def test_training_learns_the_line():
    memory, events = run(epochs=40)
    assert memory.weights == pytest.approx([2, -3, 1], abs=0.05)
    assert epochs_of(events)[-1].validation["loss"] < 0.01


def test_loop_equals_the_same_steps_written_out():
    program = tiny.program()
    train = tiny.line()
    ours, _ = run(train, seed=7, count=19, epochs=3)
    memory = program.memory(7)
    memory.begin(train)
    fields = tiny.fields(19)
    step = 0
    for epoch in (1, 2, 3):
        order = shuffled(19, 7, epoch)
        for first in (0, 8, 16):
            rows = order[first : first + 8]
            workspace = tiny.line_training(len(rows), memory, 7)
            for name, values in fields.items():
                workspace.inputs[name][...] = values[rows]
            step += 1
            workspace.run(step, epoch, first)
    assert np.array_equal(ours.weights, memory.weights)
    assert np.array_equal(ours.states, memory.states)
    assert ours.scalars == memory.scalars


def test_same_seed_gives_the_same_curve_and_another_seed_another():
    first, again, other = ([event.row() for event in epochs_of(run(seed=seed)[1])] for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_training_twice_starts_the_optimizer_anew_and_keeps_the_weights():
    memory, _ = run(epochs=2)
    kept = memory.weights.copy()
    memory.slots["line/0.0/momentum"].fill(9)
    _, events = run(epochs=1, memory=memory)
    rate = 0.05
    for _ in range(7):
        rate *= 0.999
    assert memory.scalars["line/0.0/rate"] == rate
    assert not np.array_equal(memory.weights, kept)
    assert epochs_of(events)[0].train["loss"] < 1


def test_events_come_in_order_with_their_numbers():
    _, events = run(count=20, epochs=2)
    seen = []
    for event in events:
        match event:
            case loop.StepDone():
                seen.append("step")
            case loop.EpochDone(epoch, step):
                seen.append(("epoch", epoch, step))
            case loop.FitDone(epochs, steps, stopped, restored):
                seen.append(("done", epochs, steps, stopped, restored))
    assert seen == ["step"] * 3 + [("epoch", 1, 3)] + ["step"] * 3 + [("epoch", 2, 6), ("done", 2, 6, None, None)]


def test_step_events_tell_samples_and_numbers_so_far():
    program = tiny.program()
    parts = {"train": tiny.fields(20)}
    told = [
        (event.epoch, event.step, event.samples, event.of, event.reported()["loss"])
        for event in loop.fit(tiny.line(), program.memory(0), parts, 0, epochs=1)
        if isinstance(event, loop.StepDone)
    ]
    assert [numbers[:4] for numbers in told] == [(1, 1, 8, 20), (1, 2, 16, 20), (1, 3, 20, 20)]
    assert all(np.isfinite(numbers[4]) for numbers in told)


def test_training_numbers_weigh_every_sample_alike_whatever_its_batch():
    seen = []

    def spying(n, memory, seed):
        workspace = tiny.line_training(n, memory, seed)

        def run(step, epoch, first):
            before = workspace.totals.copy()
            workspace.run(step, epoch, first)
            seen.append((workspace.totals - before)[:2])

        return replace(workspace, run=run)

    _, events = run(replace(tiny.line(), training=spying), count=19, epochs=1)
    assert epochs_of(events)[0].train["loss"] == pytest.approx(sum(loss for loss, _ in seen) / 19, rel=1e-12)


def test_every_sample_is_seen_once_an_epoch():
    seen = []

    def spying(n, memory, seed):
        workspace = tiny.line_training(n, memory, seed)

        def run(step, epoch, first):
            seen.append((epoch, workspace.inputs["y"].copy()))
            workspace.run(step, epoch, first)

        return replace(workspace, run=run)

    run(replace(tiny.line(), training=spying), count=21, epochs=2)
    expected = np.sort(tiny.fields(21)["y"])
    for epoch in (1, 2):
        assert np.array_equal(np.sort(np.concatenate([y for e, y in seen if e == epoch])), expected)
    assert [len(y) for _, y in seen] == [8, 8, 5] * 2


def test_without_shuffling_batches_come_in_order():
    seen = []

    def spying(n, memory, seed):
        workspace = tiny.line_training(n, memory, seed)

        def run(step, epoch, first):
            seen.extend(workspace.inputs["y"])
            workspace.run(step, epoch, first)

        return replace(workspace, run=run)

    run(replace(tiny.line(shuffle=False), training=spying), count=21, epochs=1)
    assert seen == list(tiny.fields(21)["y"])


def test_validation_changes_nothing():
    with_validation, _ = run(validation=20)
    without, events = run(validation=0)
    assert np.array_equal(with_validation.weights, without.weights)
    assert all(event.validation == {} for event in epochs_of(events))


def test_evaluation_does_not_depend_on_the_batch_size():
    memory, _ = run()
    fields = tiny.fields(33, 2)
    whole = loop.evaluate(tiny.line(), memory, fields, 0, batch_size=33)
    assert loop.evaluate(tiny.line(), memory, fields, 0, batch_size=8) == pytest.approx(whole, rel=1e-6)


def test_prediction_gives_every_sample_in_order_whatever_the_batch():
    memory, _ = run()
    fields = {"x": tiny.fields(33, 2)["x"]}
    found = loop.predict(tiny.line(), memory, fields, 0, batch_size=8)
    expected = fields["x"] @ memory.weight("Line/kernel") + memory.weight("Line/bias")
    assert found["value"] == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert found["side"].dtype == np.int32
    named = loop.class_names(tiny.line(), found)
    assert list(named["side"]) == ["above" if value > 0 else "below" for value in expected]
    assert named["value"] is found["value"]


def test_predicting_without_a_predict_line_says_so():
    memory, _ = run()
    with pytest.raises(TrainingError, match="no `predict` line"):
        loop.predict(replace(tiny.line(), prediction=None), memory, tiny.fields(3), 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_training_and_says_where(bad):
    fields = tiny.fields(50)
    order = shuffled(50, 0, 1)
    fields["y"][order[17]] = bad  # in the third batch of 8
    with pytest.raises(DivergedError) as raised, np.errstate(all="ignore"):
        list(loop.fit(tiny.line(), tiny.program().memory(0), {"train": fields}, 0))
    assert (raised.value.epoch, raised.value.step) == (1, 3)
    assert not np.isfinite(raised.value.value)
    assert "epoch 1, step 3" in str(raised.value)


def test_a_metric_that_is_not_defined_does_not_stop_training():
    def report(totals, samples, step, epoch):
        return {"loss": totals[0] / totals[2], "mae": totals[1] / np.float64(0)}

    _, events = run(replace(tiny.line(), report=report), epochs=1)
    assert np.isinf(epochs_of(events)[0].train["mae"])


def test_training_on_nothing_is_refused():
    with pytest.raises(TrainingError, match="no samples"):
        run(count=0)


def test_closing_the_generator_leaves_the_weights_of_the_last_step():
    program = tiny.program()
    memory = program.memory(0)
    training = loop.fit(tiny.line(), memory, {"train": tiny.fields(50)}, 0)
    for _ in range(3):
        next(training)
    kept = memory.weights.copy()
    training.close()
    assert np.array_equal(memory.weights, kept)


def test_without_data_steps_are_counted_and_every_step_draws_anew():
    seen = []

    def drawing(n, memory, seed):
        draws, totals = np.zeros(n, memory.dtype), np.zeros(3)

        def run(step, epoch, first):
            normal(draws, seed, 1, step, first)
            seen.append((step, epoch, draws.tobytes()))
            totals[0] += 1
            totals[2] += n

        return Step(run, {}, {}, totals)

    train = replace(tiny.line(steps=250), data=None, fields=(), training=drawing)
    events = list(loop.fit(train, tiny.program().memory(0), {}, 0))
    assert [step for step, _, _ in seen] == list(range(1, 251))
    assert len({draws for _, _, draws in seen}) == 250
    assert [event.step for event in epochs_of(events)] == [(250 * e) // 100 for e in range(1, 101)]
    assert {epoch for _, epoch, _ in seen} == set(range(1, 101))
    with pytest.raises(TrainingError, match="steps"):
        list(loop.fit(train, tiny.program().memory(0), {}, 0, epochs=3))


def test_few_steps_without_data_are_told_of_one_by_one():
    train = replace(tiny.line(steps=3), data=None)
    assert loop.epoch_count(train) == 3


@pytest.mark.parametrize(
    ("value", "operator", "bound", "holds"),
    [
        (0.9, ">=", 0.9, True),
        (0.89, ">=", 0.9, False),
        (0.1, "<", 0.2, True),
        (0.2, "<", 0.2, False),
        (0.2, "<=", 0.2, True),
        (0.3, ">", 0.2, True),
        (1, "==", 1.0, True),
        (1, "!=", 1.0, False),
        (float("nan"), ">=", 0.0, False),
    ],
)
def test_expectations_compare(value, operator, bound, holds):
    assert loop.expectation_holds(value, operator, bound) is holds
