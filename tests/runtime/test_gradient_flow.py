"""Gradients on their way back: sizes against PyTorch's, what is said of them, and clips that hold them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nndsl.diagnostics import UserError
from nndsl.runtime.gradient_flow import Flow, StateFlow, StepFlow
from nndsl.runtime.load import load

torch = pytest.importorskip("torch")

RECURRENT = """data given {
  x = %s
  y = [0.5, -1.0, 2.0]
}
model Net {
  input x
  x -> %s -> tanh -> Dense(1) -> Reshape([])
}
train Net on given {
  batch_size = 3
  epochs = 1
  minimize mse(Net(x), y) using SGD(learning_rate=0.1)
}
"""
VALUES = np.random.default_rng(3).standard_normal((3, 6, 2)).round(3)


@pytest.fixture
def opened(tmp_path: Path):
    """`opened(text)`: the model of a text, in float64."""

    def open_text(text: str):
        path = tmp_path / "net.nn"
        path.write_text(text, encoding="utf-8")
        return load(path, precision="float64")

    return open_text


def tensors(model):
    """The weights by their paths in the model."""
    return {
        path.removeprefix("Net/"): torch.tensor(np.array(value), requires_grad=True)
        for path, value in model.weights.items()
    }


def norms(states):
    return [float(torch.linalg.norm(state.grad)) for state in states]


def test_gradients_by_the_states_of_an_rnn_are_pytorchs(opened):
    model = opened(RECURRENT % (VALUES.tolist(), "SimpleRNN(4)"))
    (flow,) = model.gradient_flows()
    weights = tensors(model)
    h, states = torch.zeros(3, 4, dtype=torch.float64), []
    for t in range(6):
        h = torch.tanh(
            torch.tensor(VALUES[:, t]) @ weights["simple_rnn/kernel"]
            + h @ weights["simple_rnn/recurrent_kernel"]
            + weights["simple_rnn/bias"]
        )
        h.retain_grad()
        states.append(h)
    outcome = torch.tanh(h) @ weights["dense/kernel"] + weights["dense/bias"]
    outcome.retain_grad()
    loss = ((outcome[:, 0] - torch.tensor([0.5, -1.0, 2.0])) ** 2).mean()
    loss.backward()
    assert flow.loss == pytest.approx(loss.item(), rel=1e-12)
    assert flow.states[0].path == "Net/simple_rnn/h"
    assert flow.states[0].sizes == pytest.approx(norms(states), rel=1e-9)
    assert [step.path for step in flow.steps] == ["Net/simple_rnn", "Net/dense", "Net/reshape"]
    found = {step.path: step.size for step in flow.steps}
    assert found["Net/dense"] == pytest.approx(3 * float(outcome.grad.square().mean().sqrt()), rel=1e-9)
    assert found["Net/simple_rnn"] == pytest.approx(3 * float(states[-1].grad.square().mean().sqrt()), rel=1e-9)
    for each in flow.weights:
        leaf = weights[each.path.removeprefix("Net/")]
        assert each.gradient == pytest.approx(float(torch.linalg.norm(leaf.grad)), rel=1e-9)
        assert each.weight == pytest.approx(float(torch.linalg.norm(leaf.detach())), rel=1e-9)


def test_gradients_by_both_states_of_an_lstm_over_sequences_are_pytorchs(opened):
    text = RECURRENT % (VALUES.tolist(), "LSTM(3, return_sequences=true) -> Flatten")
    model = opened(text)
    (flow,) = model.gradient_flows()
    weights = tensors(model)
    h = c = torch.zeros(3, 3, dtype=torch.float64)
    hidden, cells = [], []
    for t in range(6):
        sums = torch.tensor(VALUES[:, t]) @ weights["lstm/kernel"] + h @ weights["lstm/recurrent_kernel"]
        i, f, g, o = torch.chunk(sums + weights["lstm/bias"], 4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        h.retain_grad()
        c.retain_grad()
        hidden.append(h)
        cells.append(c)
    outcome = torch.tanh(torch.stack(hidden, 1).reshape(3, -1)) @ weights["dense/kernel"] + weights["dense/bias"]
    ((outcome[:, 0] - torch.tensor([0.5, -1.0, 2.0])) ** 2).mean().backward()
    sizes = {state.path: state.sizes for state in flow.states}
    assert sizes["Net/lstm/h"] == pytest.approx(norms(hidden), rel=1e-9)
    assert sizes["Net/lstm/c"] == pytest.approx(norms(cells), rel=1e-9)


def test_asking_changes_no_weight_and_the_weights_asked_about_are_the_models(opened):
    model = opened(RECURRENT % (VALUES.tolist(), "GRU(3)"))
    before = {path: value.copy() for path, value in model.weights.items()}
    first = model.gradient_flows()
    assert all(np.array_equal(before[path], value) for path, value in model.weights.items())
    model.fit()
    assert model.gradient_flows()[0].loss < first[0].loss


def test_every_minimize_has_its_own(opened):
    text = RECURRENT % (VALUES.tolist(), "SimpleRNN(3)")
    text = text.replace("using SGD(learning_rate=0.1)", "using SGD(0.1)\n  minimize mean(Net(x)^2) using SGD(0.1)")
    first, second = opened(text).gradient_flows()
    assert first.loss != second.loss
    assert [each.path for each in first.weights] == [each.path for each in second.weights]


def test_a_block_without_data_has_as_many_draws_as_a_batch(opened):
    text = "model Net {\n  input x\n  Dense(1)\n}\ntrain Net {\n  steps = 1\n  batch_size = 5\n"
    text += "  x = normal([2])\n  minimize mse(Net(x), sum(x)) using SGD\n}\n"
    assert opened(text).gradient_flows()[0].samples == 5
    assert opened(text).gradient_flows(samples=7)[0].samples == 7


def test_a_part_that_is_not_there_is_a_mistake(opened):
    with pytest.raises(UserError, match="no part called test"):
        opened(RECURRENT % (VALUES.tolist(), "GRU(3)")).gradient_flows(part="test")


# ------------------------------------------------------------------------------------------------ what is said


def flow(steps=(), states=()):
    return Flow(1.0, 8, tuple(StepFlow(f"step {n}", (1,), size) for n, size in enumerate(steps)), (), tuple(states))


def test_a_gradient_that_arrives_needs_no_words():
    assert flow([0.5, 0.4, 1.0], [StateFlow("h", (0.2, 0.5, 1.0), reverse=False)]).verdicts() == []


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((1e-9, 1e-5, 1e-2, 1.0), "dies, below 0.001 of its size after 2 steps back; 1.0e-09 of it arrives"),
        ((1e4, 1e2, 1.0), "blows up, 1.0e+04 times its size after 2 steps back"),
        ((float("nan"), 1e300, 1.0), "blows up, 1.0e+300 times its size after 1 step back"),
        ((1e-6, 1.0, 0.0), "dies, below 0.001 of its size after 1 step back"),
        ((0.0, 0.0), "no gradient arrives"),
    ],
)
def test_what_is_said_of_a_state(sizes, said):
    (verdict,) = flow(states=[StateFlow("h", sizes, reverse=False)]).verdicts()
    assert verdict.startswith("h: ")
    assert said in verdict


def test_a_loop_that_goes_backwards_has_its_gradient_go_forwards():
    (verdict,) = flow(states=[StateFlow("h", (1.0, 1e-2, 1e-5), reverse=True)]).verdicts()
    assert "after 2 steps back" in verdict


def test_what_is_said_of_a_deep_network():
    assert "step 1: the gradient dies on its way there, 1.0e-04" in flow([1e-8, 1e-4, 1.0]).verdicts()[0]
    assert "step 0: the gradient blows up on its way there" in flow([1e5, 1.0, 1.0]).verdicts()[0]


def test_a_loss_that_is_no_number_is_all_that_is_said():
    (verdict,) = replace(flow([0.0, 0.0], [StateFlow("h", (0.0,), reverse=False)]), loss=float("nan")).verdicts()
    assert verdict.startswith("the loss is nan")


def test_gradients_of_too_large_numbers_are_no_numbers(opened):
    model = opened((RECURRENT % (VALUES.tolist(), "SimpleRNN(8, activation=linear)")).replace("-> tanh ", ""))
    kernel = model.weights["Net/simple_rnn/recurrent_kernel"]
    model.set_weights({"Net/simple_rnn/recurrent_kernel": 1e150 * kernel})
    (flow,) = model.gradient_flows()
    assert np.isnan(flow.loss)
    assert all(np.isnan(weight.gradient) for weight in flow.weights)


def test_steps_behind_a_stop_gradient_are_not_listed(opened):
    text = RECURRENT % (VALUES.tolist(), "Flatten -> Dense(2)")
    text = text.replace("x -> Flatten -> Dense(2)", "told = x -> Flatten -> Dense(2)\n  stop_gradient(told)")
    text = text.replace("using SGD", "over Net.dense_1 using SGD")
    (flow,) = opened(text).gradient_flows()
    assert [step.path for step in flow.steps] == ["Net/dense_1", "Net/reshape"]
    assert flow.verdicts() == []


def test_many_sigmoids_let_the_gradient_die(opened):
    text = RECURRENT % (VALUES.tolist(), " -> ".join(["Flatten", *["Dense(8, activation=sigmoid)"] * 8]))
    (verdict,) = opened(text).gradient_flows()[0].verdicts()
    assert "dies on its way there" in verdict


def test_a_recurrent_kernel_that_is_too_large_lets_it_blow_up(opened):
    values = np.random.default_rng(3).standard_normal((3, 20, 2)).round(3)
    model = opened((RECURRENT % (values.tolist(), "SimpleRNN(8, activation=linear)")).replace("-> tanh ", ""))
    kernel = model.weights["Net/simple_rnn/recurrent_kernel"]
    model.set_weights({"Net/simple_rnn/recurrent_kernel": 2 * kernel})
    assert "Net/simple_rnn/h: the gradient blows up" in model.gradient_flows()[0].verdicts()[0]


# ------------------------------------------------------------------------------------------------ clips

EXPLODING = """model Sum {
  input x
  x -> SimpleRNN(32, activation=relu) -> Dense(1) -> Reshape([])
}
train Sum {
  steps = 400
  batch_size = 32
  x = uniform([30, 1])
  minimize mse(Sum(x), sum(x)) using SGD(learning_rate=0.01) CLIP
}
"""


def test_an_exploding_network_diverges_without_clips(opened):
    model = opened(EXPLODING.replace("CLIP", ""))
    with pytest.raises(UserError, match="the loss became"):
        model.fit()


@pytest.mark.parametrize("clip", ["clip_value=0.1", "clip_norm=1.0", "clip_global_norm=1.0"])
def test_clips_rescue_an_exploding_network(clip, opened):
    rows = opened(EXPLODING.replace("CLIP", clip)).fit()
    assert rows[0]["train.loss"] > 100
    assert rows[-1]["train.loss"] < 20


@pytest.mark.parametrize("level", [1e-25, 1e25])
def test_norms_of_very_small_and_very_large_gradients_in_float32_are_right(level, tmp_path):
    path = tmp_path / "scaled.nn"
    path.write_text(f"""data given {{
  x = [[3.0, 4.0], [0.0, 0.0]]
}}
model Net {{
  input x
  weight kernel: [2] = zeros
  inside: x * kernel -> Activation(linear)
  output sum(inside * {level!r} * [3.0, 4.0])
}}
train T on given {{
  batch_size = 2
  minimize Net(x) using SGD(learning_rate=0.1)
}}
""")
    (flow,) = load(path).gradient_flows()
    assert [each.gradient for each in flow.weights] == [pytest.approx(level * (4.5**2 + 8**2) ** 0.5, rel=1e-6)]
    assert [each.size for each in flow.steps] == [pytest.approx(level * 12.5**0.5, rel=1e-6)]
