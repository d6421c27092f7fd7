"""Training that is left and gone on with ends bit for bit like training that was never left."""

import copy

import numpy as np
import pytest
import tiny

from nndsl.runtime.standalone import loop

CALLBACKS = (
    ("EarlyStopping", {"patience": 2}),
    ("EarlyStopping", {"monitor": "mae", "patience": 3, "min_delta": 100.0}),
    ("ModelCheckpoint", {"save_best_only": True}),
)


def fitting(train, memory, seed=3):
    parts = {"train": tiny.fields(21), "validation": tiny.fields(9, 1)}
    return loop.Fitting(train, memory, parts, seed)


def told(event):
    match event:
        case loop.StepDone():
            return ("step", event.epoch, event.step, event.samples, event.reported())
        case loop.EpochDone():
            return ("epoch", event.row(), event.save, event.best_only)
        case _:
            return event


def held(memory):
    return [memory.weights.copy(), memory.states.copy(), copy.deepcopy(memory.slots), dict(memory.scalars)]


def same(first, second):
    return all(
        np.array_equal(a, b)
        if isinstance(a, np.ndarray)
        else list(a) == list(b) and all(map(np.array_equal, a.values(), b.values()))
        for a, b in zip(first, second, strict=True)
    )


def gone_on(train, memory, state):
    """Another training, in another memory, that goes on from these."""
    other = tiny.program().memory(99)
    made = fitting(train, other)
    other.weights[...], other.states[...] = memory[:2]
    for name, values in memory[2].items():
        other.slots[name][...] = values
    other.scalars.update(memory[3])
    made.restore(state)
    return other, made


@pytest.mark.parametrize("callbacks", [(), CALLBACKS])
def test_training_goes_on_from_any_event_bit_for_bit(callbacks):
    train = tiny.line(callbacks=callbacks)
    memory = tiny.program().memory(3)
    whole = fitting(train, memory)
    events, moments = [], []
    for event in whole.events():
        events.append(told(event))
        moments.append((held(memory), copy.deepcopy(whole.state())))
    for number, (values, state) in enumerate(moments[:-1]):
        other, rest = gone_on(train, values, state)
        assert [told(event) for event in rest.events()] == events[number + 1 :]
        assert same(held(other), held(memory))


def test_a_state_is_made_of_plain_values_and_arrays():
    made = fitting(tiny.line(callbacks=CALLBACKS), tiny.program().memory(3))
    for _ in made.events():
        for name, value in made.state().items():
            assert value is None or type(value) in (bool, int, float, str, np.ndarray), name


def test_training_that_was_over_goes_on_where_there_are_more_epochs():
    memory = tiny.program().memory(3)
    short = fitting(tiny.line(epochs=2), memory)
    assert [type(event).__name__ for event in short.events()].count("EpochDone") == 2
    other, rest = gone_on(tiny.line(epochs=5), held(memory), short.state())
    assert [event.epoch for event in rest.events() if isinstance(event, loop.EpochDone)] == [3, 4, 5]
    straight = tiny.program().memory(3)
    list(fitting(tiny.line(epochs=5), straight).events())
    assert same(held(other), held(straight))


def test_an_epoch_that_has_begun_does_not_go_on_with_other_totals():
    memory = tiny.program().memory(3)
    made = fitting(tiny.line(), memory)
    next(made.events())
    state = made.state()
    state["totals/8"] = np.zeros(7)
    with pytest.raises(loop.TrainingError, match="other metrics"):
        gone_on(tiny.line(), held(memory), state)
