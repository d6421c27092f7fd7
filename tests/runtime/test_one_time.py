"""Networks over windows that go on one time after another: what they say is what they say of a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.passes.generation import generation_of
from nndsl.runtime.load import load

PROGRAM = """data letters from text("letters.txt") {
  part = category(column("character"))
  past = window(part, 6)
  following = next(TARGET)
}
layer Attention {
  input x: [time, d]
  output x + (x -> MultiHeadAttention(1, 4, causal=true))
}
layer Counter {
  input x: [time, d]
  scan x_t in x with seen = zeros([d]), times = 0 {
    times = times + 1
    seen = maximum(seen, x_t)
    y = seen / times
  }
  output sequence(y)
}
model Net {
  input past
BODY
  Dense(letters.following.classes)
}
train Net on letters {
  epochs = 1
  scores = Net(past)
  minimize cross_entropy(scores, following) using SGD(0.1)
  predict next = scores
}
"""
EMBEDDING = "  Embedding(letters.past.classes, 5)"
OVER_TIME = {
    "rnn": [EMBEDDING, "  SimpleRNN(4, return_sequences=true)"],
    "stacked": [
        EMBEDDING,
        "  LSTM(4, return_sequences=true)",
        "  GRU(3, return_sequences=true)",
        "  SimpleRNN(2, return_sequences=true)",
    ],
    "masked": [
        "  m = past != 3",
        "  past -> Embedding(letters.past.classes, 5) -> LSTM(4, return_sequences=true, mask=m)",
        "  GRU(4, return_sequences=true, mask=m)",
    ],
    "one_hot": ["  past -> one_hot(classes=letters.past.classes) -> LSTM(4, return_sequences=true)"],
    "around": [
        EMBEDDING,
        "  LayerNormalization",
        "  x: Dense(4, activation=gelu)",
        "  y: LSTM(4, return_sequences=true)",
        "  concatenate([x, x + y]) -> Dropout(0.2)",
        "  BatchNormalization",
    ],
    "own_loop": [EMBEDDING, "  Counter"],
    "no_memory": [EMBEDDING, "  Dense(4, activation=tanh)"],
}
AT_THE_END = {
    "last": [EMBEDDING, "  GRU(4, return_sequences=true)", "  LSTM(4)", "  Dense(3)"],
    "sliced": [EMBEDDING, "  s: GRU(4, return_sequences=true)", "  s[5] + s[-1]"],
}
WINDOWS = {
    "several": ([EMBEDDING, "  Attention"], "Attention", "looks at several times at once"),
    "place": ([EMBEDDING, "  PositionEmbedding", "  LSTM(4, return_sequences=true)"], "PositionEmbedding", "place"),
    "two_ways": ([EMBEDDING, "  Bidirectional(LSTM(4, return_sequences=true))"], "Bidirectional", "several times"),
    "convolution": ([EMBEDDING, "  Conv1D(4, 2, padding=causal)"], "Conv1D", "several times"),
    "mean": ([EMBEDDING, "  e: GRU(4, return_sequences=true)", "  e + mean(e, axis=0)"], "mean(e, axis=0)", "several"),
    "end": (
        [EMBEDDING, "  s: GRU(4, return_sequences=true)", "  s + s[-1]"],
        "s + s[-1]",
        "reads at every time what is known after the last one only",
    ),
    "decoder": (
        [
            "  e = past -> Embedding(letters.past.classes, 4)",
            "  first = e -> LSTM(4)",
            "  scan x_t in e with h = first { h = tanh(x_t + h) }",
            "  sequence(h) -> Dense(3)",
        ],
        "sequence(h)",
        "starts from what the window holds",
    ),
}


@pytest.fixture
def model(tmp_path: Path):
    """`model(body, target, precision)`: an untrained network over windows of six characters."""

    def made(body, target="past", precision="float64"):
        (tmp_path / "letters.txt").write_text("abcdefgh" * 8, encoding="utf-8")
        path = tmp_path / "net.nn"
        path.write_text(PROGRAM.replace("BODY", "\n".join(body)).replace("TARGET", target), encoding="utf-8")
        loaded = load(path, precision=precision, seed=3)
        loaded.parts(loaded.checked.trains[0], learning=True)
        draws = np.random.default_rng(1)
        loaded.set_weights({path: draws.normal(size=array.shape) for path, array in loaded.weights.items()})
        return loaded

    return made


def answers(model, text, count, *, by_window):
    """What the network says after the first characters of a text, and after each of `count` more, [count + 1, ids]."""
    program = model.generated.program
    writer = model.generated.names["TextWriter"](program, program.trains["Net"], model.memory, 0, by_window=by_window)
    told = writer.answers(text[:-count] if count else text)
    found = [next(told).copy()]
    found += [told.send(character).copy() for character in text[len(text) - count :]]
    return np.array(found)


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("body", OVER_TIME.values(), ids=OVER_TIME)
def test_one_time_after_another_says_what_the_window_says(body, precision, tolerance, model):
    made = model(body, precision=precision)
    assert generation_of(made.checked, made.checked.trains[0]).one_time is not None
    stepped = answers(made, "cdebha", 5, by_window=False)
    np.testing.assert_allclose(stepped, answers(made, "cdebha", 5, by_window=True), rtol=tolerance, atol=tolerance)
    assert np.ptp(stepped, axis=0).max() > 0.1


@pytest.mark.parametrize("body", AT_THE_END.values(), ids=AT_THE_END)
def test_so_it_does_for_the_end_of_a_window(body, model):
    made = model(body, target="part")
    stepped = answers(made, "cdebha", 0, by_window=False)
    np.testing.assert_allclose(stepped, answers(made, "cdebha", 0, by_window=True), rtol=1e-10)


def test_beyond_the_window_it_still_knows_what_came_before(model):
    made = model(OVER_TIME["stacked"])
    texts = ("aaaacdebha", "ggggcdebha")
    one, other = (answers(made, text, 0, by_window=False) for text in texts)
    assert np.abs(one - other).max() > 1e-9
    one, other = (answers(made, text, 0, by_window=True) for text in texts)
    np.testing.assert_array_equal(one, other)


def test_what_is_carried_is_called_as_in_the_network(model):
    made = model(OVER_TIME["stacked"])
    found = generation_of(made.checked, made.checked.trains[0])
    assert found.one_time.carries == ("Net/lstm/h", "Net/lstm/c", "Net/gru/h", "Net/simple_rnn/h")
    assert found.times == (("past", 0),)


@pytest.mark.parametrize(("body", "step", "why"), WINDOWS.values(), ids=WINDOWS)
def test_what_looks_across_time_is_named(body, step, why, model):
    made = model(body)
    found = generation_of(made.checked, made.checked.trains[0])
    assert found.one_time is None
    assert step in found.crossing.step
    assert why in found.crossing.why
    assert answers(made, "cdebha", 3, by_window=False).shape == (4, 9)
