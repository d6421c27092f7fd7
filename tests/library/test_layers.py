"""Every layer against PyTorch: outputs, and gradients by inputs and weights, in training and in inference."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional

PRECISIONS = pytest.mark.parametrize("precision", ["float64", "float32"])


def normal(*shape, seed=5):
    """Normal numbers that float32 holds exactly."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32).astype(np.float64)


def check(made, wanted, values, direction, weights, precision, close):
    """Compares output and gradients of a probe with `wanted(x, weights)` in PyTorch; `weights` are given by name."""
    x = torch.tensor(values, requires_grad=True)
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    for name, value in weights.items():
        made.network.weight(f"step/{name}")[...] = value
    assert len(made.network.weights()) == len(weights) + 1
    y = wanted(x, leaves)
    close(made.output(), y.detach().numpy(), precision, "output")
    loss = (y * torch.tensor(direction)).sum() / len(values)
    loss.backward()
    close(made.train(), loss.item(), precision, "loss")
    close(made.input_gradient(), x.grad.numpy(), precision, "gradient of the input")
    for name, leaf in leaves.items():
        close(made.network.gradient(f"step/{name}"), leaf.grad.numpy(), precision, f"gradient of {name}")


@PRECISIONS
@pytest.mark.parametrize("leading", [(), (4,), (2, 4)], ids=str)
def test_dense_is_a_matrix_product_with_bias(leading, precision, probe, close):
    values, direction = normal(6, *leading, 3), normal(6, *leading, 5, seed=6)
    made = probe("Dense(5)", values, direction, precision=precision)
    weights = {"kernel": normal(3, 5, seed=7), "bias": normal(5, seed=8)}
    check(made, lambda x, w: x @ w["kernel"] + w["bias"], values, direction, weights, precision, close)


@PRECISIONS
def test_dense_applies_its_activation_and_leaves_out_the_bias(precision, probe, close):
    values, direction = normal(6, 3), normal(6, 5, seed=6)
    made = probe(
        "Dense(5, activation=leaky_relu(negative_slope=0.1), use_bias=false)", values, direction, precision=precision
    )
    weights = {"kernel": normal(3, 5, seed=7)}
    check(made, lambda x, w: functional.leaky_relu(x @ w["kernel"], 0.1), values, direction, weights, precision, close)


def test_dense_starts_with_glorot_uniform_and_zeros(probe):
    made = probe("Dense(50)", normal(1, 30), normal(1, 50))
    kernel = made.network.weight("step/kernel")
    limit = np.sqrt(6 / 80)
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    assert not made.network.weight("step/bias").any()
    given = probe(
        "Dense(50, kernel_initializer=he_uniform, bias_initializer=ones)", normal(1, 30), normal(1, 50)
    ).network
    assert np.abs(given.weight("step/kernel")).max() > np.sqrt(6 / 30) * 0.95
    assert (given.weight("step/bias") == 1).all()


@PRECISIONS
@pytest.mark.parametrize("step", ["Flatten", "Flatten()", "Reshape([12])", "Reshape([-1])"])
def test_flatten_and_reshape_to_one_axis(step, precision, probe, close):
    values, direction = normal(6, 3, 2, 2), normal(6, 12, seed=6)
    made = probe(step, values, direction, precision=precision)
    check(made, lambda x, w: x.reshape(6, 12), values, direction, {}, precision, close)


@PRECISIONS
@pytest.mark.parametrize("step", ["Reshape([4, 3])", "Reshape([4, -1])"])
def test_reshape_keeps_row_major_order(step, precision, probe, close):
    values, direction = normal(6, 2, 6), normal(6, 4, 3, seed=6)
    made = probe(step, values, direction, precision=precision)
    check(made, lambda x, w: x.reshape(6, 4, 3), values, direction, {}, precision, close)


@PRECISIONS
def test_activation_applies_its_function(precision, probe, close):
    values, direction = normal(6, 5), normal(6, 5, seed=6)
    made = probe("Activation(silu)", values, direction, precision=precision)
    check(made, lambda x, w: functional.silu(x), values, direction, {}, precision, close)


@PRECISIONS
def test_rescaling_scales_and_shifts(precision, probe, close):
    values, direction = normal(6, 5), normal(6, 5, seed=6)
    made = probe("Rescaling(0.5, offset=-1)", values, direction, precision=precision)
    check(made, lambda x, w: x * 0.5 - 1, values, direction, {}, precision, close)


@PRECISIONS
@pytest.mark.parametrize("leading", [(), (3,)], ids=str)
def test_layer_normalization_is_pytorchs(leading, precision, probe, close):
    values, direction = 3 * normal(6, *leading, 4) + 1, normal(6, *leading, 4, seed=6)
    made = probe("LayerNormalization()", values, direction, precision=precision)
    weights = {"gamma": normal(4, seed=7), "beta": normal(4, seed=8)}

    def wanted(x, w):
        return functional.layer_norm(x, (4,), w["gamma"], w["beta"], eps=1e-3)

    check(made, wanted, values, direction, weights, precision, close)


@PRECISIONS
def test_layer_normalization_without_its_weights(precision, probe, close):
    values, direction = normal(6, 4), normal(6, 4, seed=6)
    made = probe("LayerNormalization(epsilon=1e-5, center=false, scale=false)", values, direction, precision=precision)
    check(made, lambda x, w: functional.layer_norm(x, (4,), eps=1e-5), values, direction, {}, precision, close)


def test_layer_normalization_of_a_constant_input_is_finite(probe, close):
    values, direction = np.full((2, 4), 7.0), normal(2, 4)
    made = probe("LayerNormalization()", values, direction, precision="float32")
    close(made.output(), np.zeros((2, 4)), "float32")
    made.train()
    assert np.isfinite(made.input_gradient()).all()


@PRECISIONS
@pytest.mark.parametrize("leading", [(), (3,)], ids=str)
def test_batch_normalization_in_training_is_pytorchs(leading, precision, probe, close):
    values, direction = 2 * normal(8, *leading, 4) + 1, normal(8, *leading, 4, seed=6)
    weights = {"gamma": normal(4, seed=7), "beta": normal(4, seed=8)}
    made = probe("BatchNormalization(momentum=0.9)", values, direction, precision=precision)
    for name, value in weights.items():
        made.network.weight(f"step/{name}")[...] = value
    made.network.state("step/moving_mean")[...] = [1, 2, 3, 4]
    made.network.state("step/moving_variance")[...] = [4, 3, 2, 1]

    x = torch.tensor(values, requires_grad=True)
    gamma, beta = (torch.tensor(weights[name], requires_grad=True) for name in ("gamma", "beta"))
    y = functional.batch_norm(x.reshape(-1, 4), None, None, gamma, beta, training=True, eps=1e-3).reshape(x.shape)
    loss = (y * torch.tensor(direction)).sum() / len(values)
    loss.backward()
    close(made.train(), loss.item(), precision, "loss")
    close(made.input_gradient(), x.grad.numpy(), precision, "gradient of the input")
    close(made.network.gradient("step/gamma"), gamma.grad.numpy(), precision, "gradient of gamma")
    close(made.network.gradient("step/beta"), beta.grad.numpy(), precision, "gradient of beta")

    # Keras keeps the population variance; PyTorch's running one is the sample variance.
    flat = values.reshape(-1, 4)
    close(made.network.state("step/moving_mean"), 0.9 * np.arange(1, 5) + 0.1 * flat.mean(0), precision, "mean")
    close(
        made.network.state("step/moving_variance"), 0.9 * np.arange(4, 0, -1) + 0.1 * flat.var(0), precision, "variance"
    )


@PRECISIONS
@pytest.mark.parametrize("leading", [(), (3,)], ids=str)
def test_batch_normalization_in_inference_uses_moving_statistics(leading, precision, probe, close):
    values, direction = normal(8, *leading, 4), normal(8, *leading, 4, seed=6)
    made = probe("BatchNormalization()", values, direction, precision=precision)
    mean, variance = normal(4, seed=9), normal(4, seed=10) ** 2
    gamma, beta = normal(4, seed=7), normal(4, seed=8)
    for name, value in {"gamma": gamma, "beta": beta}.items():
        made.network.weight(f"step/{name}")[...] = value
    made.network.state("step/moving_mean")[...] = mean
    made.network.state("step/moving_variance")[...] = variance
    arguments = (torch.tensor(array) for array in (values.reshape(-1, 4), mean, variance, gamma, beta))
    wanted = functional.batch_norm(*arguments, training=False, eps=1e-3).numpy().reshape(values.shape)
    close(made.output(), wanted, precision, "output")
    assert (made.network.state("step/moving_mean") == mean.astype(precision)).all(), "evaluation changed a statistic"


EMBEDDING = """
data given {
  ids = [[0, 1, 2], [0, 0, 0]]
  direction = [[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]
}
model Net {
  input ids: int[3]
  step: Embedding(5, 2)
}
train Net on given {
  epochs = 1
  batch_size = 4
  value = Net(ids)
  minimize sum(value * direction) using SGD(learning_rate=0)
  predict value = value
}
"""


@PRECISIONS
def test_embedding_looks_up_rows_and_adds_up_their_gradients(precision, network, close):
    ids = np.array([[0, 4, 4], [1, 1, 1], [2, 0, 4], [4, 4, 0]], np.int32)  # 3 is never used
    table, direction = normal(5, 2), normal(4, 3, 2, seed=6)
    made = network(EMBEDDING, precision)
    start = made.weight("embeddings").copy()
    assert 0.02 < np.abs(start).max() <= 0.05
    made.weight("embeddings")[...] = table
    weight = torch.tensor(table, requires_grad=True)
    y = functional.embedding(torch.tensor(ids), weight)
    (y * torch.tensor(direction)).sum().div(4).backward()
    fields = {"ids": ids, "direction": direction}
    close(made.predict(fields)["value"], y.detach().numpy(), precision, "output")
    made.training_step(fields)
    close(made.gradient("embeddings"), weight.grad.numpy(), precision, "gradient")


@PRECISIONS
def test_dropout_zeroes_a_share_in_training_and_nothing_in_inference(precision, probe, close):
    values, direction = normal(200, 100), normal(200, 100, seed=6)
    made = probe("Dropout(0.3)", values, direction, precision=precision)
    close(made.output(), values, precision, "output in inference")
    loss = made.train()
    factor = made.input_gradient() * 200 / direction  # 0 or 1 / 0.7
    kept = factor > 0.5
    close(factor, kept / 0.7, precision, "what is kept")
    # 20,000 draws: five standard deviations of their share.
    assert abs(kept.mean() - 0.7) < 5 * np.sqrt(0.3 * 0.7 / kept.size)
    assert abs(kept[:, 1:][kept[:, :-1]].mean() - 0.7) < 0.02, "neighbours are drawn together"
    assert abs(kept[1:][kept[:-1]].mean() - 0.7) < 0.02, "samples are drawn together"
    close(loss, (values * factor * direction).sum() / 200, precision, "loss of what is kept")


def test_dropout_draws_anew_each_step_and_the_same_for_the_same_seed(probe):
    values, direction = normal(20, 10), np.ones((20, 10))
    first = probe("Dropout(0.5)", values, direction)
    first.train()
    again = probe("Dropout(0.5)", values, direction)
    again.train()
    assert (first.input_gradient() == again.input_gradient()).all()
    again.network.training_step(again.fields, step=2)
    assert (first.input_gradient() != again.input_gradient()).any()


def test_dropout_of_nothing_is_no_draw_at_all(probe, close):
    values, direction = normal(4, 3), normal(4, 3, seed=6)
    made = probe("Dropout(0)", values, direction)
    made.train()
    close(made.input_gradient(), direction / 4, "float64")


NOISY = """
layer NoisySquare {
  input x: [...]
  output (x -> GaussianNoise(0.5))^2
}
"""


@PRECISIONS
def test_gaussian_noise_is_normal_in_training_and_absent_in_inference(precision, probe, close):
    values, direction = normal(200, 100), np.ones((200, 100))
    made = probe("NoisySquare", values, direction, precision=precision, definitions=NOISY)
    close(made.output(), values**2, precision, "output in inference")
    made.train()
    noise = made.input_gradient() * 200 / 2 - values  # the derivative of (x + noise)^2 is 2 (x + noise)
    assert abs(noise.mean()) < 5 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() / 0.5 - 1) < 5 / np.sqrt(2 * noise.size)
    assert abs((np.abs(noise) < 0.5).mean() - 0.6827) < 0.02
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.35
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.5
