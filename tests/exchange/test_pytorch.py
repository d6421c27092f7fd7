"""Weights go to PyTorch modules and come back, and both compute the same."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl.diagnostics import UserError
from nndsl.runtime.exchange import export_weights, import_weights
from tests.exchange.nets import Net, drawn

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402 - needs torch
from torch import nn  # noqa: E402

EPSILON = 1e-3
"""What the library's normalizations add to the variance, as Keras does."""


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, 7)
        self.batch_normalization = nn.BatchNorm1d(7, eps=EPSILON)
        self.layer_normalization = nn.LayerNorm(7, eps=EPSILON)
        self.dense = nn.Linear(7, 3, bias=False)

    def forward(self, x):
        return self.dense(self.layer_normalization(self.batch_normalization(torch.relu(self.first(x)))))


class Images(nn.Module):
    """Flattens with channels first, as PyTorch does, and normalizes what it has flattened."""

    def __init__(self):
        super().__init__()
        self.conv2d = nn.Conv2d(4, 6, (3, 2), stride=2, groups=2)
        self.batch_normalization = nn.BatchNorm2d(6, eps=EPSILON)
        self.depthwise_conv2d = nn.Conv2d(6, 12, 3, groups=6, padding=1)
        self.separable_conv2d = nn.Sequential()
        self.separable_conv2d.depthwise = nn.Conv2d(12, 24, 2, groups=12, bias=False)
        self.separable_conv2d.pointwise = nn.Conv2d(24, 5, 1)
        self.batch_normalization_1 = nn.BatchNorm1d(40, eps=EPSILON)
        self.dense = nn.Linear(40, 3)

    def forward(self, x):
        x = torch.relu(self.batch_normalization(self.conv2d(channels_first(x))))
        x = self.separable_conv2d.depthwise(self.depthwise_conv2d(x))
        x = torch.tanh(self.separable_conv2d.pointwise(x))
        return self.dense(self.batch_normalization_1(torch.flatten(x, 1)))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(6, 4 * 3 * 2)
        self.batch_normalization = nn.BatchNorm1d(24, eps=EPSILON)
        self.conv2d_transpose = nn.ConvTranspose2d(2, 3, 3, stride=2)

    def forward(self, x):
        x = torch.relu(self.batch_normalization(self.dense(x))).reshape(-1, 2, 4, 3)
        return channels_last(self.conv2d_transpose(x))


class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1d = nn.Conv1d(3, 4, 3, dilation=2)
        self.depthwise_conv1d = nn.Conv1d(4, 8, 2, groups=4)
        self.separable_conv1d = nn.Module()
        self.separable_conv1d.depthwise = nn.Conv1d(8, 8, 2, groups=8, bias=False)
        self.separable_conv1d.pointwise = nn.Conv1d(8, 6, 1)
        self.conv1d_transpose = nn.ConvTranspose1d(6, 2, 3, stride=2)
        self.conv1d_1 = nn.Conv1d(2, 5, 1)
        self.dense = nn.Linear(5 * 13, 2)

    def forward(self, x):
        x = self.depthwise_conv1d(self.conv1d(channels_first(x)))
        x = self.separable_conv1d.pointwise(self.separable_conv1d.depthwise(x))
        x = torch.relu(self.conv1d_1(self.conv1d_transpose(x)))
        return self.dense(torch.flatten(x, 1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.position_embedding = nn.Embedding(6, 4)
        self.lstm = nn.LSTM(4, 5, batch_first=True)
        self.gru = nn.GRU(5, 3, batch_first=True)
        self.both = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        self.bidirectional = nn.GRU(8, 3, batch_first=True, bidirectional=True)
        self.simple_rnn = nn.RNN(6, 2, batch_first=True)
        self.dense = nn.Linear(6 * 2, 2)

    def forward(self, ids):
        x = self.embedding(ids) + self.position_embedding(torch.arange(6))
        for layer in (self.lstm, self.gru, self.both, self.bidirectional, self.simple_rnn):
            x = layer(x)[0]
        return self.dense(torch.flatten(x, 1))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.multi_head_attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.across = nn.MultiheadAttention(6, 3, kdim=4, vdim=4, batch_first=True, bias=False)

    def forward(self, x, z):
        x = self.multi_head_attention(x, x, x)[0]
        return self.across(x, z, z)[0]


BODIES = {
    "dense": (
        Dense,
        """
        input x
        first: Dense(7, activation=relu)
        BatchNormalization
        LayerNormalization
        Dense(3, use_bias=false)
        """,
        {"x": drawn((6, 5))},
    ),
    "images": (
        Images,
        """
        input x
        Conv2D(6, [3, 2], strides=2, groups=2)
        BatchNormalization
        relu
        DepthwiseConv2D(3, padding=same, depth_multiplier=2)
        SeparableConv2D(5, 2, depth_multiplier=2, activation=tanh)
        Flatten
        BatchNormalization
        Dropout(0.5)
        Dense(3)
        """,
        {"x": drawn((6, 7, 10, 4))},
    ),
    "decoder": (
        Decoder,
        """
        input x
        Dense(24)
        BatchNormalization
        relu
        Reshape([4, 3, 2])
        Conv2DTranspose(3, 3, strides=2)
        """,
        {"x": drawn((6, 6))},
    ),
    "sequences": (
        Sequences,
        """
        input x
        Conv1D(4, 3, dilation_rate=2)
        DepthwiseConv1D(2, depth_multiplier=2)
        SeparableConv1D(6, 2)
        Conv1DTranspose(2, 3, strides=2)
        Conv1D(5, 1, activation=relu)
        Flatten
        Dense(2)
        """,
        {"x": drawn((6, 12, 3))},
    ),
    "recurrent": (
        Recurrent,
        """
        input x
        int(x) -> Embedding(9, 4)
        PositionEmbedding
        LSTM(5, return_sequences=true)
        GRU(3, return_sequences=true)
        both: Bidirectional(LSTM(4, return_sequences=true))
        Bidirectional(GRU(3, return_sequences=true))
        SimpleRNN(2, return_sequences=true)
        Flatten
        Dense(2)
        """,
        {"x": np.random.default_rng(3).integers(0, 9, (6, 6))},
    ),
    "attention": (
        Attention,
        """
        input x
        input z
        y = x -> MultiHeadAttention(2, 3)
        across: y -> MultiHeadAttention(3, 2, value=z, use_bias=false)
        """,
        {"x": drawn((6, 5, 6)), "z": drawn((6, 4, 4), 1)},
    ),
}


def answers_of(module, columns):
    module.eval()
    with torch.no_grad():
        return module(*(torch.from_numpy(values) for values in columns.values())).numpy()


def randomized(module):
    """The module in float64 with weights and statistics of its own."""
    module.double()
    torch.manual_seed(3)
    state = module.state_dict()
    for name, values in state.items():
        if values.is_floating_point():
            state[name] = torch.rand_like(values) + 0.1 if "var" in name else torch.randn_like(values) * 0.5
    module.load_state_dict(state)
    return module


@pytest.fixture(scope="module", params=BODIES)
def pair(request, tmp_path_factory):
    """The PyTorch module and the network that is its like; tests give both whatever weights they want."""
    module, body, columns = BODIES[request.param]
    return randomized(module()), Net(tmp_path_factory.mktemp(request.param), body, columns)


def test_exported_weights_load_into_a_pytorch_module_that_answers_alike(pair, tmp_path):
    module, ours = pair
    export_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
    missing, unexpected = module.load_state_dict(load_file(tmp_path / "w.safetensors"), strict=False)
    assert all(name.endswith("num_batches_tracked") for name in missing) and not unexpected
    np.testing.assert_allclose(answers_of(module, ours.columns), ours.answers(), rtol=1e-9, atol=1e-10)


def test_the_weights_of_a_pytorch_module_make_a_network_that_answers_alike(pair, tmp_path):
    module, ours = pair
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    ours.forget()
    assert import_weights(ours.model, tmp_path / "w.safetensors", "pytorch") == []
    np.testing.assert_allclose(ours.answers(), answers_of(module, ours.columns), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
def test_weights_that_went_out_come_back_as_they_were(pair, tmp_path, ending):
    _, ours = pair
    before = ours.held
    export_weights(ours.model, tmp_path / f"w{ending}", "pytorch")
    ours.forget()
    import_weights(ours.model, tmp_path / f"w{ending}", "pytorch")
    for path, values in ours.held.items():
        assert np.array_equal(values, before[path]), path


# ------------------------------------------------------------------------------------------------ names


def test_modules_of_another_name_are_proposed_by_their_shapes_and_then_fit(net, tmp_path):
    ours = net("input x\nfirst: Dense(7, activation=tanh)\nDense(7, activation=tanh)\nDense(3)", x=drawn((4, 5)))
    module = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError) as raised:
        import_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "NN604"
    proposal = "--rename 0=first --rename 2=dense --rename 4=dense_1"
    assert diagnostic.help == f"these fit by their shapes: {proposal}"
    renames = dict(pair.split("=") for pair in proposal.split()[1::2])
    import_weights(ours.model, tmp_path / "w.safetensors", "pytorch", renames=renames)
    np.testing.assert_allclose(ours.answers(), answers_of(module, ours.columns), rtol=1e-9)


def test_levels_of_a_stacked_module_are_layers_of_their_own(net, tmp_path):
    ours = net("input x\nLSTM(5, return_sequences=true)\nLSTM(5)", x=drawn((4, 6, 3)))
    module = nn.LSTM(3, 5, num_layers=2, batch_first=True).double()
    save_file({f"rnn.{name}": values for name, values in module.state_dict().items()}, tmp_path / "w.safetensors")
    renames = {"rnn": "lstm", "rnn.l1": "lstm_1"}
    import_weights(ours.model, tmp_path / "w.safetensors", "pytorch", renames=renames)
    with torch.no_grad():
        expected = module(torch.from_numpy(ours.columns["x"]))[0][:, -1].numpy()
    np.testing.assert_allclose(ours.answers(), expected, rtol=1e-9)


def test_the_name_of_a_model_around_all_weights_is_passed_over(net, tmp_path):
    ours = net("input x\nDense(3)", x=drawn((4, 5)))
    module = nn.Linear(5, 3).double()
    named = {f"module.model.dense.{name}": values for name, values in module.state_dict().items()}
    save_file(named, tmp_path / "w.safetensors")
    import_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
    np.testing.assert_allclose(ours.answers(), answers_of(module, ours.columns), rtol=1e-9)


def test_half_precision_is_read_as_it_is(net, tmp_path):
    ours = net("input x\nDense(3)", x=drawn((4, 5)))
    module = nn.Linear(5, 3)
    half = {f"dense.{name}": values.detach().to(torch.bfloat16) for name, values in module.state_dict().items()}
    save_file(half, tmp_path / "w.safetensors")
    import_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
    assert np.array_equal(ours.held["Net/dense/kernel"], half["dense.weight"].double().numpy().T)


def test_a_body_alone_is_imported_where_that_is_asked_for(net, tmp_path):
    ours = net("input x\nbody: Dense(4)\nhead: Dense(2)", x=drawn((4, 5)))
    before = ours.held
    body, other = nn.Linear(5, 4).double(), nn.Linear(4, 9).double()
    state = {f"body.{name}": values for name, values in body.state_dict().items()}
    state |= {f"classifier.{name}": values for name, values in other.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    left = import_weights(ours.model, tmp_path / "w.safetensors", "pytorch", partial=True)
    assert left == ["Net/head/kernel", "Net/head/bias"]
    assert np.array_equal(ours.held["Net/body/kernel"], body.weight.detach().numpy().T)
    assert np.array_equal(ours.held["Net/head/kernel"], before["Net/head/kernel"])


def test_turns_of_a_loop_are_numbered_as_module_lists_are(net, tmp_path):
    ours = net("input x\nfor turn in [0, 1] { block: Dense(5) }", x=drawn((4, 5)))
    export_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
    blocks = nn.Module()
    blocks.block = nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 5)])
    blocks.double().load_state_dict(load_file(tmp_path / "w.safetensors"))
    y = blocks.block[1](blocks.block[0](torch.from_numpy(ours.columns["x"])))
    np.testing.assert_allclose(ours.answers(), y.detach().numpy(), rtol=1e-9)


def test_weights_of_a_layer_of_ones_own_lie_as_they_are(tmp_path):
    from nndsl import load

    text = """
layer Dense(units) {
  input x: [d]
  weight kernel: [d, units] = glorot_uniform
  output x @ kernel
}
model Net { input x: [3]
  Dense(2)
}
train Net { steps = 1
  batch_size = 2
  minimize mean(Net(normal([3]))^2) using SGD()
}
"""
    (tmp_path / "own.nn").write_text(text, encoding="utf-8")
    model = load(tmp_path / "own.nn")
    found = export_weights(model, tmp_path / "w.safetensors", "pytorch")
    assert {name: values.shape for name, values in found.items()} == {"dense.kernel": (3, 2)}


def test_images_flattened_with_channels_last_keep_the_order_of_their_rows(net, tmp_path):
    ours = net("input x\nFlatten\nDense(2)", x=drawn((4, 3, 5, 2)))
    export_weights(ours.model, tmp_path / "w.safetensors", "pytorch", channels_last=True)
    weights = load_file(tmp_path / "w.safetensors")
    x = torch.from_numpy(ours.columns["x"]).flatten(1)
    y = x @ weights["dense.weight"].T + weights["dense.bias"]
    np.testing.assert_allclose(ours.answers(), y.numpy(), rtol=1e-9)


def test_flattened_rows_of_a_grey_image_keep_their_order(net, tmp_path):
    ours = net("input x\nFlatten\nDense(2)", x=drawn((4, 3, 5)))
    found = export_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
    assert np.array_equal(found["dense.weight"], ours.held["Net/dense/kernel"].T)


def test_a_scale_that_the_layer_here_lacks_is_refused(net, tmp_path):
    ours = net("input x\nLayerNormalization(scale=false)", x=drawn((4, 5)))
    module = nn.LayerNorm(5).double()
    nn.init.constant_(module.weight, 2.0)
    save_file({f"layer_normalization.{n}": v for n, v in module.state_dict().items()}, tmp_path / "w.safetensors")
    with pytest.raises(UserError) as raised:
        import_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
    assert "scale=false" in raised.value.diagnostics[0].notes[0]
    nn.init.ones_(module.weight)
    save_file({f"layer_normalization.{n}": v for n, v in module.state_dict().items()}, tmp_path / "w.safetensors")
    import_weights(ours.model, tmp_path / "w.safetensors", "pytorch")
