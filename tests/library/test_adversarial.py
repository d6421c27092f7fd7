"""Two networks against each other, step by step against PyTorch: the order of the updates, and what each sees."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl.runtime.load import load

torch = pytest.importorskip("torch")

PROGRAM = """
data points {
  x = [[0.1, 0.9, 0.3], [0.4, 0.2, 0.8], [0.7, 0.5, 0.6], [0.2, 0.1, 0.9]]
  z = [[1, -1], [0.5, 2], [-0.3, 0.4], [1.5, 0.1]]
}
model Generator {
  input z: [2]
  hidden: Dense(5, activation=tanh)
  Dense(3)
}
model Discriminator {
  input x: [3]
  hidden: Dense(6, activation=tanh)
  Dense(1)
}
train Adversarial on points {
  epochs = 1
  batch_size = 4
  shuffle = false
  fake = Generator(z)
  minimize binary_cross_entropy(Discriminator(x), 1) + binary_cross_entropy(Discriminator(fake), 0)
    over Discriminator using Adam(learning_rate=0.05, beta_1=0.5)
  minimize binary_cross_entropy(Discriminator(fake), 1)
    over Generator using Adam(learning_rate=0.02, beta_1=0.5)
  metric after = mean(Discriminator(Generator(z)))
}
"""

WGAN = (
    PROGRAM[: PROGRAM.index("  fake =")]
    + """
  fake = Generator(z)
  between = 0.3 * x + 0.7 * fake
  slope = sqrt(sum(grad(Discriminator(between), between)^2))
  minimize 10 * (slope - 1)^2 - Discriminator(x) + Discriminator(fake)
    over Discriminator using Adam(learning_rate=0.05, beta_1=0.5)
  minimize -Discriminator(fake) over Generator using Adam(learning_rate=0.02, beta_1=0.5) every 2
}
"""
)
STEPS = 4


class Net(torch.nn.Module):
    """dense, tanh, dense, with weights of ours."""

    def __init__(self, weights, name):
        super().__init__()
        paths = [f"{name}/{layer}/{part}" for layer in ("hidden", "dense") for part in ("kernel", "bias")]
        self.paths = paths
        self.values = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(weights[path].copy())) for path in paths])

    def forward(self, x):
        kernel, bias, kernel_2, bias_2 = self.values
        return torch.tanh(x @ kernel + bias) @ kernel_2 + bias_2


def ours(text, tmp_path, level):
    path = tmp_path / "adversarial.nn"
    path.write_text(text.replace("epochs = 1", f"epochs = {STEPS}"))
    model = load(path, precision="float64", level=level)
    start = {path: values.copy() for path, values in model.weights.items()}
    rows = model.fit()
    return start, model.weights, rows, model.parts(model.train_named(None))["train"]


def networks(start):
    pair = Net(start, "Generator"), Net(start, "Discriminator")
    rates = (0.02, 0.05)
    adams = [
        torch.optim.Adam(net.parameters(), lr=rate, betas=(0.5, 0.999), eps=1e-30)
        for net, rate in zip(pair, rates, strict=True)
    ]
    return *pair, *adams


def agree(weights, *nets):
    for net in nets:
        for path, value in zip(net.paths, net.values, strict=True):
            np.testing.assert_allclose(weights[path], value.detach().numpy(), rtol=1e-8, atol=1e-10)


def small_epsilon(text):
    return text.replace("beta_1=0.5)", "beta_1=0.5, epsilon=1e-30)")


@pytest.mark.parametrize("level", [0, 1])
def test_the_second_update_sees_the_first_and_the_drawings_of_before(tmp_path, level):
    start, weights, rows, fields = ours(small_epsilon(PROGRAM), tmp_path, level)
    generator, discriminator, for_generator, for_discriminator = networks(start)
    x, z = (torch.tensor(fields[name]) for name in ("x", "z"))
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    ones, zeros = torch.ones(4, 1, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)
    for step in range(STEPS):
        fake = generator(z)
        loss = bce(discriminator(x), ones) + bce(discriminator(fake.detach()), zeros)
        for_discriminator.zero_grad()
        loss.backward()
        for_discriminator.step()
        # The drawings are those of before; the discriminator is the one that has just learnt.
        loss_2 = bce(discriminator(fake), ones)
        for_generator.zero_grad()
        loss_2.backward()
        for_generator.step()
        # An expression that is written again is computed again, with the weights of that moment.
        after = discriminator(generator(z)).mean()
        expected = {"train.loss": loss.item(), "train.loss_2": loss_2.item(), "train.after": after.item()}
        for name, value in expected.items():
            assert rows[step][name] == pytest.approx(value, rel=1e-8), (step, name)
    agree(weights, generator, discriminator)


@pytest.mark.parametrize("level", [0, 1])
def test_a_slope_in_a_loss_is_differentiated_again(tmp_path, level):
    start, weights, rows, fields = ours(small_epsilon(WGAN), tmp_path, level)
    generator, critic, for_generator, for_critic = networks(start)
    x, z = (torch.tensor(fields[name]) for name in ("x", "z"))
    for step in range(1, STEPS + 1):
        fake = generator(z)
        between = (0.3 * x + 0.7 * fake.detach()).requires_grad_()
        (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = 10 * (slopes.norm(dim=1) - 1) ** 2
        loss = (penalty - critic(x)[:, 0] + critic(fake.detach())[:, 0]).mean()
        for_critic.zero_grad()
        loss.backward()
        for_critic.step()
        loss_2 = -critic(fake).mean()
        if step % 2 == 0:
            for_generator.zero_grad()
            loss_2.backward()
            for_generator.step()
        assert rows[step - 1]["train.loss"] == pytest.approx(loss.item(), rel=1e-8)
        assert rows[step - 1]["train.loss_2"] == pytest.approx(loss_2.item(), rel=1e-8)
    agree(weights, generator, critic)
