from __future__ import annotations

from nndsl.plan import plan_prediction, plan_step, report
from tests.programs import digits_mlp

PROGRAM = digits_mlp(hidden=16, classes=10, side=8)
TRAIN = PROGRAM.trains[0]
PARAMETERS = 64 * 16 + 16 + 16 * 10 + 10
BATCH = 32


def training(batch: int = BATCH, float_bytes: int = 4):
    return report(PROGRAM, TRAIN, plan_step(TRAIN.training), batch, float_bytes)


def test_weights_gradients_and_slots_are_counted_in_bytes() -> None:
    found = training()
    assert found.parameters == PARAMETERS
    assert found.weights == found.gradients == 4 * PARAMETERS
    assert found.slots == 2 * 4 * PARAMETERS
    assert found.states == 0
    assert found.inputs == BATCH * (64 * 4 + 4)


def test_layers_have_their_parameters_and_arithmetic() -> None:
    layers = {layer.scope: layer for layer in training().layers}
    assert layers["Digits/features"].parameters == 64 * 16 + 16
    assert layers["Digits/dense"].parameters == 16 * 10 + 10
    product, bias_and_relu = 2 * 64 * 16, 2 * 16
    assert layers["Digits/features"].forward == BATCH * (product + bias_and_relu)
    assert layers["Digits/features"].backward >= BATCH * product
    assert layers["Digits/dense"].backward >= BATCH * 2 * 2 * 16 * 10


def test_totals_are_the_sums_of_the_layers() -> None:
    found = training()
    assert found.forward == sum(layer.forward for layer in found.layers)
    assert found.backward == sum(layer.backward for layer in found.layers)
    assert found.flops == found.forward + found.backward + found.update
    assert found.update >= 12 * PARAMETERS
    assert found.bytes == found.weights + found.gradients + found.slots + found.states + found.inputs + found.buffers


def test_reuse_saves_memory() -> None:
    found = training()
    assert found.buffers < found.buffers_without_reuse / 2


def test_what_is_per_sample_grows_with_the_batch() -> None:
    small, large = training(10), training(20)
    assert large.inputs == 2 * small.inputs
    assert small.buffers < large.buffers < 2 * small.buffers
    assert large.weights == small.weights
    assert large.update == small.update


def test_double_precision_doubles_floats() -> None:
    single, double = training(), training(float_bytes=8)
    assert double.weights == 2 * single.weights
    assert double.slots == 2 * single.slots


def test_prediction_has_no_gradients_and_no_backward_pass() -> None:
    found = report(PROGRAM, TRAIN, plan_prediction(TRAIN.evaluation), BATCH)
    assert found.gradients == found.slots == found.backward == found.update == 0
    assert found.weights == 4 * PARAMETERS
    assert 0 < found.forward < training().forward
