"""EarlyStopping and ModelCheckpoint, against sequences worked out by hand from Keras 3's rules."""

import numpy as np
import pytest
import tiny

from nndsl.runtime.standalone import loop
from nndsl.runtime.standalone.callbacks import EarlyStopping, ModelCheckpoint, TrainingError, make_callbacks

NAMES = ("loss", "accuracy", "surprise")


def watch(callback, values, name="loss"):
    """Feeds one value an epoch; the epoch's number becomes the weights. Gives the epoch of stopping, or None."""
    memory = tiny.program().memory(0)
    for epoch, value in enumerate(values, 1):
        memory.weights.fill(epoch)
        memory.states.fill(-epoch)
        callback.after_epoch(epoch, {}, {name: value}, memory)
        if callback.stop:
            return epoch, memory
    return None, memory


@pytest.mark.parametrize(
    ("arguments", "values", "stops_at", "best"),
    [
        ({"patience": 0}, [5, 4, 4, 3], 3, 2),
        ({"patience": 1}, [5, 4, 4, 3], 3, 2),
        ({"patience": 2}, [5, 4, 4, 3, 4, 4], 6, 4),
        ({"patience": 3}, [5, 4, 4, 4.5, 3, 2], None, 6),
        ({"patience": 1}, [4, 4.1], 2, 1),
        # The first epoch never stops: Keras asks for `epoch > 0`, which counts from 0.
        ({"patience": 0}, [float("nan")], None, 1),
        # Improvements smaller than min_delta count as none; the best stays where it was.
        ({"patience": 2, "min_delta": 0.5}, [5, 4.8, 4.6, 4.4], 3, 1),
        ({"patience": 3, "min_delta": 0.5}, [5, 4.8, 4.6, 4.4], None, 4),
        ({"patience": 2, "min_delta": -0.5}, [5, 4.8, 4.6], 3, 1),
        # Warm-up epochs are not looked at, however good they were.
        ({"patience": 1, "start_from_epoch": 2}, [1, 1, 5, 6], 4, 3),
        ({"patience": 1, "start_from_epoch": 2}, [1, 1, 5, 4, 3], None, 5),
        # A nan is no improvement, and does not spoil what comes after.
        ({"patience": 2}, [float("nan"), 3, float("nan"), 2], None, 4),
        ({"patience": 2}, [3, float("nan"), float("nan")], 3, 1),
        ({"patience": 1, "monitor": "accuracy"}, [0.5, 0.6, 0.6], 3, 2),
        ({"patience": 1, "monitor": "accuracy", "mode": "max", "min_delta": 0.2}, [0.5, 0.6], 2, 1),
        ({"patience": 1, "monitor": "surprise", "mode": "min"}, [0.5, 0.4, 0.6], 3, 2),
    ],
)
def test_early_stopping_stops_when_keras_would(arguments, values, stops_at, best):
    callback = EarlyStopping(NAMES, **arguments)
    epoch, _ = watch(callback, values, arguments.get("monitor", "loss"))
    assert epoch == stops_at
    assert callback.best_epoch == best


@pytest.mark.parametrize("values", [[5, 3, 4, 4], [5, 3, 4]])
def test_best_weights_come_back_stopped_early_or_not(values):
    callback = EarlyStopping(NAMES, patience=2)
    _, memory = watch(callback, values)
    assert callback.after_training(memory) == 2
    assert (memory.weights == 2).all()
    assert (memory.states == -2).all()


def test_where_nothing_ever_improved_the_first_watched_epoch_comes_back():
    callback = EarlyStopping(NAMES, patience=5, start_from_epoch=1)
    _, memory = watch(callback, [1, float("nan"), float("nan")])
    assert callback.after_training(memory) == 2
    assert (memory.weights == 2).all()


def test_monitor_reads_validation_where_there_is_one():
    stopping = EarlyStopping(NAMES, patience=1)
    memory = tiny.program().memory(0)
    for epoch, (train, validation) in enumerate([(5, 5), (4, 6)], 1):
        stopping.after_epoch(epoch, {"loss": train}, {"loss": validation}, memory)
    assert stopping.stop == "loss did not improve for 1 epoch"


def test_monitor_reads_training_where_there_is_no_validation():
    stopping = EarlyStopping(NAMES, patience=1)
    memory = tiny.program().memory(0)
    for epoch, train in enumerate([5, 4, 3], 1):
        stopping.after_epoch(epoch, {"loss": train}, {}, memory)
    assert stopping.stop is None


def test_monitor_can_name_its_part():
    stopping = EarlyStopping(NAMES, monitor="train.loss", patience=1)
    memory = tiny.program().memory(0)
    for epoch, (train, validation) in enumerate([(5, 5), (4, 6)], 1):
        stopping.after_epoch(epoch, {"loss": train}, {"loss": validation}, memory)
    assert stopping.stop is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"monitor": "accuracies"}, "nothing called accuracies is reported: there is loss, accuracy, surprise"),
        ({"monitor": "test.loss"}, "nothing called test.loss"),
        ({"monitor": "surprise"}, "say mode=max or mode=min"),
        ({"mode": "lowest"}, "auto, min or max"),
    ],
)
def test_what_cannot_be_watched_is_said(arguments, message):
    with pytest.raises(TrainingError, match=message):
        EarlyStopping(NAMES, **arguments)


def saved_epochs(values, **arguments):
    checkpoint = ModelCheckpoint(NAMES, **arguments)
    memory = tiny.program().memory(0)
    saved = []
    for epoch, value in enumerate(values, 1):
        checkpoint.after_epoch(epoch, {}, {"loss": value, "accuracy": value}, memory)
        if checkpoint.save:
            saved.append(epoch)
    return saved


@pytest.mark.parametrize(
    ("arguments", "saved"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"every": 2}, [2, 4, 6]),
        ({"save_best_only": True}, [1, 2, 5]),
        ({"save_best_only": True, "every": 2}, [2]),
        ({"save_best_only": True, "monitor": "accuracy"}, [1, 3, 6]),
    ],
)
def test_checkpoint_saves_the_epochs_asked_for(arguments, saved):
    assert saved_epochs([5, 4, 6, 4, 3, 7], **arguments) == saved


def test_callbacks_of_a_block_act_in_training():
    train = tiny.line(
        callbacks=(
            ("EarlyStopping", {"monitor": "mae", "patience": 1, "min_delta": 100.0}),
            ("ModelCheckpoint", {"save_best_only": True}),
        ),
        epochs=30,
    )
    memory = tiny.program().memory(0)
    parts = {"train": tiny.fields(50), "validation": tiny.fields(20, 1)}
    kept, epochs = {}, []
    for event in loop.fit(train, memory, parts, 0):
        if isinstance(event, loop.EpochDone):
            kept[event.epoch] = (memory.weights.copy(), memory.states.copy())
            epochs.append(event)
    assert [event.epoch for event in epochs] == [1, 2]
    assert all(event.save and event.best_only for event in epochs)
    assert event == loop.FitDone(2, 14, "mae did not improve for 1 epoch", 1)
    assert np.array_equal(memory.weights, kept[1][0])
    assert np.array_equal(memory.states, kept[1][1])


def test_callbacks_are_made_anew_for_every_training():
    train = tiny.line(callbacks=(("EarlyStopping", {"patience": 1}),))
    assert make_callbacks(train)[0] is not make_callbacks(train)[0]


def test_early_stopping_goes_on_from_its_state():
    values = [5, 3, 4, 4, 4]
    whole = EarlyStopping(NAMES, patience=3)
    _, memory = watch(whole, values)
    half = EarlyStopping(NAMES, patience=3)
    watch(half, values[:3])
    other = EarlyStopping(NAMES, patience=3)
    other.restore(half.state())
    for epoch, value in enumerate(values[3:], 4):
        other.after_epoch(epoch, {}, {"loss": value}, memory)
    assert other.stop == whole.stop == "loss did not improve for 3 epochs"
    assert other.after_training(memory) == 2
    assert (memory.weights == 2).all()


def test_with_more_patience_a_stopped_training_waits_on():
    stopped = EarlyStopping(NAMES, patience=1)
    watch(stopped, [5, 6])
    patient = EarlyStopping(NAMES, patience=3)
    patient.restore(stopped.state())
    assert (patient.stop, patient.waited, patient.best_epoch) == (None, 1, 1)


def test_a_callback_that_watches_something_else_now_begins_anew():
    before = EarlyStopping(NAMES, patience=1)
    watch(before, [5, 6])
    for arguments in ({"monitor": "accuracy"}, {"monitor": "loss", "mode": "max"}):
        other = EarlyStopping(NAMES, patience=1, **arguments)
        other.restore(before.state())
        assert (other.stop, other.waited, other.best_epoch) == (None, 0, None)


def test_saving_the_best_goes_on_from_the_best_so_far():
    before = ModelCheckpoint(NAMES, save_best_only=True)
    memory = tiny.program().memory(0)
    before.after_epoch(1, {}, {"loss": 3.0}, memory)
    after = ModelCheckpoint(NAMES, save_best_only=True)
    after.restore(before.state())
    saved = []
    for epoch, value in enumerate([4.0, 2.0], 2):
        after.after_epoch(epoch, {}, {"loss": value}, memory)
        saved.append(after.save)
    assert saved == [False, True]
