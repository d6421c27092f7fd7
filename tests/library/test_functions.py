"""Every function of one value against PyTorch: values, and gradients by the input."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
functional = torch.nn.functional

# What PyTorch computes for each step, written as the language has it.
ELEMENTWISE = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "leaky_relu(negative_slope=0.05)": lambda x: functional.leaky_relu(x, 0.05),
    "elu": functional.elu,
    "elu(alpha=0.5)": lambda x: functional.elu(x, 0.5),
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu(approximate=true)": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "sigmoid": torch.sigmoid,
    # PyTorch's own hardsigmoid divides by 6 in single precision on the way back.
    "hard_sigmoid": lambda x: functional.relu6(x + 3) / 6,
    "hard_silu": lambda x: x * functional.relu6(x + 3) / 6,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # functional.softplus cuts off at a threshold
    "softsign": functional.softsign,
    "tanh": torch.tanh,
    "clip(low=-1, high=1.5)": lambda x: torch.clamp(x, -1, 1.5),
}
ALONG_AN_AXIS = {
    "softmax": lambda x: torch.softmax(x, -1),
    "softmax(axis=0)": lambda x: torch.softmax(x, 1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "log_softmax(axis=0)": lambda x: torch.log_softmax(x, 1),
    "logsumexp": lambda x: torch.logsumexp(x, -1),
    "logsumexp(axis=0)": lambda x: torch.logsumexp(x, 1),
    "logsumexp(keepdims=true)": lambda x: torch.logsumexp(x, -1, keepdim=True),
    "logsumexp(axis=[0, 1])": lambda x: torch.logsumexp(x, (1, 2)),
}
FUNCTIONS = ELEMENTWISE | ALONG_AN_AXIS


def reference(function, values, direction):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    y = function(x)
    loss = (y * torch.tensor(direction, dtype=torch.float64)).sum() / len(values)
    loss.backward()
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize(("precision", "level"), [("float64", 1), ("float32", 1), ("float64", 0)])
@pytest.mark.parametrize("step", FUNCTIONS)
def test_function_and_its_gradient_are_pytorchs(step, precision, level, probe, close):
    random = np.random.default_rng(1)
    values = 2 * random.standard_normal((5, 3, 4)).astype(np.float32).astype(np.float64)
    direction = random.standard_normal(FUNCTIONS[step](torch.tensor(values)).shape).astype(np.float32)
    wanted, gradient = reference(FUNCTIONS[step], values, direction)
    made = probe(step, values, direction, precision=precision, level=level)
    close(made.output(), wanted, precision, step)
    made.train()
    close(made.input_gradient(), gradient, precision, f"gradient of {step}")


@pytest.mark.parametrize("step", FUNCTIONS)
def test_function_and_its_gradient_stay_finite_far_out_and_at_zero(step, probe, close):
    # 0 is where relu and its kin have their kink: PyTorch's choice of derivative there is the library's too.
    values = np.array([[[-800.0, -90.0, -30.0, -1e-6], [0.0, 1e-6, 30.0, 800.0], [0.5, 90.0, -0.5, 100.0]]])
    direction = np.ones(FUNCTIONS[step](torch.tensor(values)).shape)
    wanted, gradient = reference(FUNCTIONS[step], values, direction)
    made = probe(step, values, direction)
    close(made.output(), wanted, "float64", step)
    made.train()
    close(made.input_gradient(), gradient, "float64", f"gradient of {step}")
    single = probe(step, values, direction, precision="float32")
    assert np.isfinite(single.output()).all()
    single.train()
    assert np.isfinite(single.input_gradient()).all()


def test_selu_keeps_mean_and_variance_of_normal_numbers(probe):
    values = np.random.default_rng(2).standard_normal((1, 100_000))
    made = probe("selu", values, np.ones_like(values))
    assert abs(made.output().mean()) < 0.02
    assert abs(made.output().std() - 1) < 0.02


def test_gelu_is_the_exact_one_by_default(probe):
    values = np.array([[1.0, -1.0]])
    made = probe("gelu", values, np.ones_like(values))
    wanted = [[0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in values[0]]]
    assert np.allclose(made.output(), wanted, rtol=0, atol=1e-15)
