"""SimpleRNN, LSTM, GRU and Bidirectional against PyTorch: outputs, and gradients by inputs and weights."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.library.test_layers import PRECISIONS, check, normal  # noqa: E402

MODULES = {"SimpleRNN": torch.nn.RNN, "LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}
GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
KINDS = pytest.mark.parametrize("kind", MODULES)
SEQUENCES = pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
PADDING = -9.0


# ------------------------------------------------------------------------------------------------ by PyTorch


def weights_of(kind, d, units, prefix="", seed=20):
    """Weights as the library names and shapes them."""
    width = GATES[kind] * units
    made = {"kernel": normal(d, width, seed=seed), "recurrent_kernel": normal(units, width, seed=seed + 1) / 2}
    made["bias"] = normal(width, seed=seed + 2)
    if kind == "GRU":
        made["recurrent_bias"] = normal(width, seed=seed + 3)
    return {prefix + name: value for name, value in made.items()}


def in_pytorchs_order(kind, weight):
    """Gates along the last axis: Keras's z, r, g of a GRU are PyTorch's r, z, n."""
    if kind != "GRU":
        return weight
    z, r, g = torch.chunk(weight, 3, -1)
    return torch.cat([r, z, g], -1)


def parameters(kind, leaves, prefix, suffix):
    kernel, recurrent_kernel, bias = (
        in_pytorchs_order(kind, leaves[prefix + name]) for name in ("kernel", "recurrent_kernel", "bias")
    )
    recurrent_bias = torch.zeros_like(bias)
    if kind == "GRU":
        recurrent_bias = in_pytorchs_order(kind, leaves[f"{prefix}recurrent_bias"])
    return {
        f"weight_ih_l0{suffix}": kernel.T,
        f"weight_hh_l0{suffix}": recurrent_kernel.T,
        f"bias_ih_l0{suffix}": bias,
        f"bias_hh_l0{suffix}": recurrent_bias,
    }


def run(kind, x, leaves, prefixes=("",), lengths=None):
    """[n, time, d] -> the states over time, [n, time, directions * units], and the last, [n, directions * units].

    lengths: of each sequence; what is behind is padding, over which PyTorch gives zeros.
    """
    given = {}
    for prefix, suffix in zip(prefixes, ("", "_reverse"), strict=False):
        given |= parameters(kind, leaves, prefix, suffix)
    d, units = x.shape[-1], len(given["bias_ih_l0"]) // GATES[kind]
    module = MODULES[kind](d, units, batch_first=True, bidirectional=len(prefixes) > 1, dtype=torch.float64)
    if lengths is not None:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    states, last = torch.func.functional_call(module, given, (x,))
    if lengths is not None:
        states, _ = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
    last = last[0] if kind == "LSTM" else last
    return states, torch.cat(list(last), -1)


def option(sequences):
    return ", return_sequences=true" if sequences else ""


def shape(sequences, n, time, width):
    return (n, time, width) if sequences else (n, width)


# ------------------------------------------------------------------------------------------------ one layer


def compared(kind, sequences, time, d, units, probe, close, **how):
    values, direction = normal(3, time, d), normal(*shape(sequences, 3, time, units), seed=6)
    made = probe(f"{kind}({units}{option(sequences)})", values, direction, **how)

    def wanted(x, w):
        states, last = run(kind, x, w)
        return states if sequences else last

    precision = how.get("precision", "float64")
    check(made, wanted, values, direction, weights_of(kind, d, units), precision, close)


@KINDS
@SEQUENCES
@PRECISIONS
def test_recurrent_layer_is_pytorchs(kind, sequences, precision, probe, close):
    compared(kind, sequences, 5, 3, 4, probe, close, precision=precision)


@KINDS
@pytest.mark.parametrize(("time", "d", "units"), [(7, 1, 2), (1, 4, 3), (3, 2, 1)], ids=str)
def test_recurrent_layer_of_any_size(kind, time, d, units, probe, close):
    compared(kind, units == 2, time, d, units, probe, close)


@KINDS
def test_textbook_code_gives_what_pytorch_gives(kind, probe, close):
    compared(kind, True, 4, 3, 5, probe, close, level=0)


@KINDS
def test_layer_without_bias(kind, probe, close):
    values, direction = normal(3, 4, 2), normal(3, 3, seed=6)
    made = probe(f"{kind}(3, use_bias=false)", values, direction)
    weights = {name: value for name, value in weights_of(kind, 2, 3).items() if "bias" not in name}
    zeros = {name: torch.zeros(GATES[kind] * 3, dtype=torch.float64) for name in ("bias", "recurrent_bias")}
    check(made, lambda x, w: run(kind, x, w | zeros)[1], values, direction, weights, "float64", close)


def test_simple_rnn_with_another_activation(probe, close):
    values, direction = normal(3, 4, 2), normal(3, 3, seed=6)
    made = probe("SimpleRNN(3, activation=softsign)", values, direction)

    def wanted(x, w):
        h = torch.zeros(3, 3, dtype=torch.float64)
        for t in range(4):
            h = torch.nn.functional.softsign(x[:, t] @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
        return h

    check(made, wanted, values, direction, weights_of("SimpleRNN", 2, 3), "float64", close)


def test_lstm_opens_its_forget_gate_and_recurrent_kernels_start_orthogonal(probe):
    made = probe("LSTM(6)", normal(1, 2, 3), normal(1, 6)).network
    assert made.weight("step/bias").tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12
    kernel = made.weight("step/recurrent_kernel")
    assert np.allclose(kernel @ kernel.T, np.eye(6), atol=1e-12)


# ------------------------------------------------------------------------------------------------ several layers


@KINDS
def test_stacked_layers(kind, probe, close):
    definitions = f"""layer Stack {{
  input x: [time, d]
  low = x -> {kind}(4, return_sequences=true)
  output low -> {kind}(3)
}}"""
    values, direction = normal(3, 5, 2), normal(3, 3, seed=6)
    made = probe("Stack", values, direction, definitions=definitions)
    names = {path.split("/")[-2] for path in made.network.weights() if "step" in path}
    low, high = sorted(names, key=len)
    weights = weights_of(kind, 2, 4, f"{low}/") | weights_of(kind, 4, 3, f"{high}/", seed=30)

    def wanted(x, w):
        return run(kind, run(kind, x, w, [f"{low}/"])[0], w, [f"{high}/"])[1]

    check(made, wanted, values, direction, weights, "float64", close)


@KINDS
@SEQUENCES
def test_bidirectional_reads_both_ways(kind, sequences, probe, close):
    values, direction = normal(3, 5, 2), normal(*shape(sequences, 3, 5, 6), seed=6)
    made = probe(f"Bidirectional({kind}(3{option(sequences)}))", values, direction)
    prefixes = ("forward_layer/", "backward_layer/")
    weights = weights_of(kind, 2, 3, prefixes[0]) | weights_of(kind, 2, 3, prefixes[1], seed=30)

    def wanted(x, w):
        states, last = run(kind, x, w, prefixes)
        return states if sequences else last

    check(made, wanted, values, direction, weights, "float64", close)


@pytest.mark.parametrize("mode", ["sum", "mul", "ave"])
def test_bidirectional_puts_both_together(mode, probe, close):
    values, direction = normal(3, 4, 2), normal(3, 4, 3, seed=6)
    made = probe(f"Bidirectional(GRU(3, return_sequences=true), merge_mode={mode})", values, direction)
    prefixes = ("forward_layer/", "backward_layer/")
    weights = weights_of("GRU", 2, 3, prefixes[0]) | weights_of("GRU", 2, 3, prefixes[1], seed=30)

    def wanted(x, w):
        forward, backward = torch.chunk(run("GRU", x, w, prefixes)[0], 2, -1)
        return {"sum": forward + backward, "mul": forward * backward, "ave": (forward + backward) / 2}[mode]

    check(made, wanted, values, direction, weights, "float64", close)


# ------------------------------------------------------------------------------------------------ masks


def ragged():
    """Three sequences of 5, 2 and 4 times, padded to 5."""
    lengths = [5, 2, 4]
    values = normal(3, 5, 2)
    for row, length in enumerate(lengths):
        values[row, length:] = PADDING
    return values, lengths


def masked(step):
    """A layer that tells padding by its value and masks it."""
    return f"""layer Masked {{
  input x: [time, d]
  inner: x -> {step.removesuffix(")")}, mask=x[:, 0] > {PADDING / 2})
}}"""


@KINDS
@SEQUENCES
def test_masked_padding_changes_nothing(kind, sequences, probe, close):
    values, lengths = ragged()
    direction = normal(*shape(sequences, 3, 5, 3), seed=6)
    step = f"{kind}(3{option(sequences)})"
    made = probe("Masked", values, direction, definitions=masked(step), level=int(sequences))

    def wanted(x, w):
        states, last = run(kind, x, w, ["inner/"], lengths)
        if not sequences:
            return last
        padding = torch.arange(5)[None, :, None] >= torch.tensor(lengths)[:, None, None]
        return torch.where(padding, last[:, None], states)

    check(made, wanted, values, direction, weights_of(kind, 2, 3, "inner/"), "float64", close)


@KINDS
def test_bidirectional_with_a_mask_begins_backwards_at_each_sequences_end(kind, probe, close):
    values, lengths = ragged()
    direction = normal(3, 6, seed=6)
    made = probe("Masked", values, direction, definitions=masked(f"Bidirectional({kind}(3))"))
    prefixes = ("inner/forward_layer/", "inner/backward_layer/")
    weights = weights_of(kind, 2, 3, prefixes[0]) | weights_of(kind, 2, 3, prefixes[1], seed=30)

    def wanted(x, w):
        return run(kind, x, w, prefixes, lengths)[1]

    check(made, wanted, values, direction, weights, "float64", close)


def test_a_sequence_that_is_all_padding_keeps_the_first_state(probe, close):
    values = np.full((2, 3, 2), PADDING)
    made = probe("Masked", values, normal(2, 3), definitions=masked("LSTM(3)"))
    close(made.output(), np.zeros((2, 3)), "float64", "the state")
    made.train()
    assert not made.input_gradient().any()


# ------------------------------------------------------------------------------------------------ standalone

_ALONE = """data given {
  x = [[[1.0, 0.5], [2.0, -1.0], [0.0, 1.0]], [[1.5, 2.0], [0.5, 0.25], [-3.0, 1.0]]]
  y = [0.5, -0.5]
}
model Net {
  input x
  LSTM(4, return_sequences=true)
  Bidirectional(GRU(3))
  Dense(1)
  Reshape([])
}
train Net on given {
  epochs = 3
  batch_size = 2
  minimize mse(Net(x), y) using Adam(learning_rate=0.01)
}
"""


def test_standalone_file_trains_recurrent_layers_and_checks_its_gradients(tmp_path):
    from nndsl.check import check as checked
    from nndsl.runtime.load import generate
    from nndsl.source import SourceFile

    (tmp_path / "net.py").write_text(generate(checked(SourceFile("net.nn", _ALONE))), encoding="utf-8")
    for command in ("train", "check-gradients"):
        done = subprocess.run(
            [sys.executable, "-I", "net.py", command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
