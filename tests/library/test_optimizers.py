"""Every optimizer, ten updates of two weights: against PyTorch's own where its formula can be made Keras's.

Where PyTorch adds epsilon in another place, the update is written out in tensors after Keras 3's formula, and that
text is held against PyTorch's optimizer with epsilon = 0, where the two agree.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

RANDOM = np.random.default_rng(4)
INPUTS = RANDOM.standard_normal((10, 8, 3))
TARGETS = RANDOM.standard_normal((10, 8, 2))
KERNEL = RANDOM.standard_normal((3, 2))
BIAS = RANDOM.standard_normal(2)


@pytest.fixture(autouse=True)
def double_precision():
    """PyTorch's NAdam keeps the product of its momenta in a number of the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


TEXT = """
data given {{
  x = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
  target = [[0.0, 0.0], [0.0, 0.0]]
}}
model Net {{
  input x
  Dense(2, activation=tanh)
}}
train Net on given {{
  epochs = 1
  batch_size = 8
  minimize mse(Net(x), target) using {optimizer}
}}
"""


def loss_of(kernel, bias, step):
    x, target = torch.tensor(INPUTS[step]), torch.tensor(TARGETS[step])
    return ((torch.tanh(x @ kernel + bias) - target) ** 2).mean()


def start():
    return torch.tensor(KERNEL, requires_grad=True), torch.tensor(BIAS, requires_grad=True)


def by_optimizer(make, epsilon_at=None):
    """Ten updates by an optimizer of PyTorch. `epsilon_at(step)` sets its epsilon before each."""
    weights = start()
    optimizer = make(weights)
    for step in range(10):
        if epsilon_at is not None:
            for group in optimizer.param_groups:
                group["eps"] = epsilon_at(step + 1)
        optimizer.zero_grad()
        loss_of(*weights, step).backward()
        optimizer.step()
    return [weight.detach().numpy() for weight in weights]


def by_formula(update, slots):
    """Ten updates by `update(weight, gradient, slots, step) -> weight`; `slots()` makes one weight's slots."""
    weights = start()
    states = [slots(weight) for weight in weights]
    for step in range(10):
        gradients = torch.autograd.grad(loss_of(*weights, step), weights)
        with torch.no_grad():
            weights = tuple(
                update(w, g, s, step + 1).requires_grad_() for w, g, s in zip(weights, gradients, states, strict=True)
            )
    return [weight.detach().numpy() for weight in weights]


def hat(epsilon, beta_2=0.999):
    """Keras's Adam adds epsilon to sqrt(v), PyTorch's to sqrt(v / (1 - beta_2^step)): the same by another epsilon."""
    return lambda step: epsilon / math.sqrt(1 - beta_2**step)


def rmsprop(epsilon=1e-7, momentum=0.0, centered=False, rate=0.01, rho=0.9):
    def update(weight, gradient, slots, step):
        slots["v"] = rho * slots["v"] + (1 - rho) * gradient**2
        denominator = slots["v"] + epsilon
        if centered:
            slots["g"] = rho * slots["g"] + (1 - rho) * gradient
            denominator = denominator - slots["g"] ** 2
        increment = rate * gradient / torch.sqrt(denominator)
        slots["m"] = momentum * slots["m"] + increment
        return weight - slots["m"]

    return lambda: by_formula(update, lambda w: {name: torch.zeros_like(w) for name in "vgm"})


def adagrad(epsilon=1e-7, rate=0.1, initial=0.1):
    def update(weight, gradient, slots, step):
        slots["v"] = slots["v"] + gradient**2
        return weight - rate * gradient / torch.sqrt(slots["v"] + epsilon)

    return lambda: by_formula(update, lambda w: {"v": torch.full_like(w, initial)})


def scheduled(rate_at):
    def update(weight, gradient, slots, step):
        return weight - rate_at(step) * gradient

    return lambda: by_formula(update, lambda w: {})


optim = torch.optim
OPTIMIZERS = {
    "SGD()": lambda: by_optimizer(lambda w: optim.SGD(w, lr=0.01)),
    "SGD(learning_rate=0.1, momentum=0.9)": lambda: by_optimizer(lambda w: optim.SGD(w, lr=0.1, momentum=0.9)),
    "SGD(learning_rate=0.1, momentum=0.9, nesterov=true)": lambda: by_optimizer(
        lambda w: optim.SGD(w, lr=0.1, momentum=0.9, nesterov=True)
    ),
    "SGD(learning_rate=0.1, weight_decay=0.5)": lambda: by_optimizer(lambda w: optim.SGD(w, lr=0.1, weight_decay=0.5)),
    "RMSprop(learning_rate=0.01)": rmsprop(),
    "RMSprop(learning_rate=0.01, momentum=0.8)": rmsprop(momentum=0.8),
    "RMSprop(learning_rate=0.01, centered=true)": rmsprop(centered=True),
    "RMSprop(learning_rate=0.01, rho=0.5, momentum=0.8, epsilon=1e-3, centered=true)": rmsprop(
        rho=0.5, momentum=0.8, epsilon=1e-3, centered=True
    ),
    "Adagrad(learning_rate=0.1)": adagrad(),
    "Adagrad(learning_rate=0.1, initial_accumulator_value=0.01, epsilon=1e-3)": adagrad(epsilon=1e-3, initial=0.01),
    "Adam()": lambda: by_optimizer(optim.Adam, hat(1e-7)),
    "Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-2)": lambda: by_optimizer(
        lambda w: optim.Adam(w, lr=0.1, betas=(0.5, 0.9)), hat(1e-2, 0.9)
    ),
    "Adam(learning_rate=0.1, amsgrad=true)": lambda: by_optimizer(
        lambda w: optim.Adam(w, lr=0.1, amsgrad=True), hat(1e-7)
    ),
    "Adam(learning_rate=0.1, weight_decay=0.3)": lambda: by_optimizer(
        lambda w: optim.AdamW(w, lr=0.1, weight_decay=0.3), hat(1e-7)
    ),
    "AdamW()": lambda: by_optimizer(lambda w: optim.AdamW(w, lr=0.001, weight_decay=0.004), hat(1e-7)),
    "AdamW(learning_rate=0.1, weight_decay=0.3, amsgrad=true)": lambda: by_optimizer(
        lambda w: optim.AdamW(w, lr=0.1, weight_decay=0.3, amsgrad=True), hat(1e-7)
    ),
    # Keras's schedule of the momentum is PyTorch's with momentum_decay = 1.
    "Nadam()": lambda: by_optimizer(lambda w: optim.NAdam(w, lr=0.001, momentum_decay=1.0, eps=1e-7)),
    "Nadam(learning_rate=0.1, beta_1=0.8, beta_2=0.99)": lambda: by_optimizer(
        lambda w: optim.NAdam(w, lr=0.1, betas=(0.8, 0.99), momentum_decay=1.0, eps=1e-7)
    ),
    # Schedules count the updates done before.
    "SGD(learning_rate=exponential_decay(initial_learning_rate=0.1, decay_steps=3, decay_rate=0.5))": scheduled(
        lambda step: 0.1 * 0.5 ** ((step - 1) / 3)
    ),
    "SGD(exponential_decay(initial_learning_rate=0.1, decay_steps=3, decay_rate=0.5, staircase=true))": scheduled(
        lambda step: 0.1 * 0.5 ** ((step - 1) // 3)
    ),
    "SGD(learning_rate=inverse_time_decay(initial_learning_rate=0.1, decay_steps=3, decay_rate=0.5))": scheduled(
        lambda step: 0.1 / (1 + 0.5 * (step - 1) / 3)
    ),
    "SGD(polynomial_decay(initial_learning_rate=0.1, decay_steps=6, end_learning_rate=0.01, power=2))": scheduled(
        lambda step: (0.1 - 0.01) * (1 - min(step - 1, 6) / 6) ** 2 + 0.01
    ),
    "SGD(learning_rate=cosine_decay(peak=0.2, steps=5, warm_up=3, end=0.01))": scheduled(
        lambda step: (
            0.2 * (step - 1) / 3
            if step - 1 < 3
            else 0.01 + (0.2 - 0.01) * 0.5 * (1 + math.cos(math.pi * min(step - 1 - 3, 5) / 5))
        )
    ),
    "SGD(learning_rate=piecewise_constant_decay(boundaries=[2, 5], values=[0.3, 0.1, 0.02]))": scheduled(
        lambda step: 0.3 if step - 1 <= 2 else 0.1 if step - 1 <= 5 else 0.02
    ),
    # Clips come before the update, as in Keras.
    "SGD(learning_rate=0.1) clip_value=0.05": lambda: clipped(lambda g, _: torch.clamp(g, -0.05, 0.05)),
    "SGD(learning_rate=0.1) clip_norm=0.1": lambda: clipped(lambda g, _: g * min(1.0, 0.1 / float(g.norm()))),
    "SGD(learning_rate=0.1) clip_global_norm=0.1": lambda: clipped(
        lambda g, all_of_them: g * min(1.0, 0.1 / math.sqrt(sum(float((h**2).sum()) for h in all_of_them)))
    ),
}


def clipped(clip):
    weights = start()
    for step in range(10):
        gradients = torch.autograd.grad(loss_of(*weights, step), weights)
        with torch.no_grad():
            weights = tuple(
                (w - 0.1 * clip(g, gradients)).requires_grad_() for w, g in zip(weights, gradients, strict=True)
            )
    return [weight.detach().numpy() for weight in weights]


@pytest.mark.parametrize(("precision", "level"), [("float64", 1), ("float32", 1), ("float64", 0)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_ten_updates_are_kerass(optimizer, precision, level, network, close):
    kernel, bias = OPTIMIZERS[optimizer]()
    made = network(TEXT.format(optimizer=optimizer), precision, level)
    made.weight("/kernel")[...] = KERNEL
    made.weight("/bias")[...] = BIAS
    for step in range(10):
        made.training_step({"x": INPUTS[step], "target": TARGETS[step]}, step + 1)
    close(made.weight("/kernel"), kernel, precision, "kernel")
    close(made.weight("/bias"), bias, precision, "bias")


def test_learning_rate_of_zero_changes_nothing(network):
    made = network(TEXT.format(optimizer="SGD(learning_rate=0)"))
    before = made.memory.weights.copy()
    made.training_step({"x": INPUTS[0], "target": TARGETS[0]})
    assert (made.memory.weights == before).all()
    assert made.memory.gradients.any()


@pytest.mark.parametrize(
    ("formula", "optimizer"),
    [
        (rmsprop(epsilon=0), lambda w: optim.RMSprop(w, lr=0.01, alpha=0.9, eps=0)),
        (rmsprop(epsilon=0, momentum=0.8), lambda w: optim.RMSprop(w, lr=0.01, alpha=0.9, eps=0, momentum=0.8)),
        (rmsprop(epsilon=0, centered=True), lambda w: optim.RMSprop(w, lr=0.01, alpha=0.9, eps=0, centered=True)),
        (adagrad(epsilon=0), lambda w: optim.Adagrad(w, lr=0.1, initial_accumulator_value=0.1, eps=0)),
    ],
    ids=["RMSprop", "RMSprop with momentum", "centered RMSprop", "Adagrad"],
)
def test_formula_without_epsilon_is_pytorchs_optimizer(formula, optimizer):
    for got, wanted in zip(formula(), by_optimizer(optimizer), strict=True):
        assert np.allclose(got, wanted, rtol=0, atol=1e-12)
