"""Text written by a trained network: prompts, windows, what is carried on, temperature, and networks that can't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.diagnostics import UserError
from nndsl.runtime.generation import Writer, look_ahead
from nndsl.runtime.load import load

PROGRAM = """data letters from text("letters.txt"LEVEL) {
  part = ROLE(column("COLUMN"))
  past = window(part, 6, stride=STRIDE)
  following = next(TARGET)
  split train 90%, validation 10% in order
}
model Net {
  input past
  Embedding(letters.past.classes, 4)
  LAYER
  Dense(letters.following.classes)
}
train Net on letters {
  epochs = 30
  batch_size = 16
  scores = Net(past)
  minimize cross_entropy(scores, following) using Adam(learning_rate=0.03)
  predict next = PREDICTED
}
"""
PLAIN = {
    "LEVEL": "",
    "ROLE": "category",
    "STRIDE": "2",
    "COLUMN": "character",
    "TARGET": "past",
    "LAYER": "GRU(12, return_sequences=true)",
    "PREDICTED": "scores",
}
LAST = {"TARGET": "part", "LAYER": "GRU(12)", "STRIDE": "1"}
WORDS = {"LEVEL": ", level=words", "COLUMN": "word"}


@pytest.fixture
def model(tmp_path: Path):
    """`model(text, TARGET="part", ...)`: a network that was trained on a text."""

    def trained(text="abcdef" * 60, **changed):
        (tmp_path / "letters.txt").write_text(text, encoding="utf-8")
        program = PROGRAM
        for name, value in (PLAIN | changed).items():
            program = program.replace(name, value)
        path = tmp_path / "net.nn"
        path.write_text(program, encoding="utf-8")
        made = load(path)
        made.fit()
        return made

    return trained


def written(model, prompt, count, temperature=0.0, seed=0, top_k=None, *, by_window=False):
    writer = Writer(model, model.checked.trains[0], by_window=by_window)
    return list(writer.write(prompt, count, temperature, top_k, seed))


@pytest.mark.parametrize("changed", [{}, {"ROLE": "class"}, {"PREDICTED": "softmax(scores)"}], ids=str)
def test_it_goes_on_as_the_text_does(changed, model):
    assert "".join(written(model(**changed), list("c"), 12)) == "defabcdefabc"


def test_a_network_that_answers_at_the_end_of_a_window_needs_a_whole_one(model):
    made = model(**LAST)
    assert "".join(written(made, list("abcabcdef"), 7, by_window=True)) == "abcdefa"
    with pytest.raises(UserError, match="the prompt has 5 characters, and the network reads 6"):
        written(made, list("abcde"), 1, by_window=True)


def test_a_network_that_goes_on_from_its_state_begins_from_any_prompt(model):
    made = model(**LAST)
    assert "".join(written(made, list("abcdef"), 1)) == "".join(written(made, list("abcdef"), 1, by_window=True))
    assert len(written(made, list("a"), 3)) == 3


def test_words_are_written_too(model):
    made = model("to be, or not. " * 40, **WORDS)
    assert written(made, ["or"], 5) == ["not", ".", "to", "be", ","]


def test_every_part_follows_from_the_window_before_it(model):
    made = model(LAYER="MultiHeadAttention(2, 8, causal=true)")
    writer = Writer(made, made.checked.trains[0])
    assert (writer.how.level, writer.how.window, writer.by_window) == ("characters", 6, True)
    prompt = list("fabcdefabcd")
    scores = made.predict({"character": np.array(prompt[-6:])})["next"][0, -1]
    assert "abcdef"[int(np.argmax(scores[1:]))] == written(made, prompt, 1)[0]


def test_the_seed_draws_and_the_temperature_spreads(model):
    made = model()
    warm = ["".join(written(made, list("a"), 30, 6.0, seed)) for seed in (0, 0, 1)]
    assert warm[0] == warm[1] != warm[2]
    assert warm[0] != "".join(written(made, list("a"), 30, 0.1))
    assert "".join(written(made, list("a"), 30, 0.1)) == ("bcdefa" * 5)


def test_what_training_never_saw_is_never_written(model):
    made = model("abcdef" * 60 + "xyz" * 6)
    text = written(made, list("a"), 60, 50.0)
    assert set(text) == set("abcdef")


@pytest.mark.parametrize("role", ["class", "category"])
def test_a_prompt_that_the_network_does_not_know_is_a_mistake(role, model):
    with pytest.raises(UserError, match="never seen 'q', 'z'") as mistake:
        Writer(made := model(ROLE=role), made.checked.trains[0]).write(list("zaq"), 1)
    assert mistake.value.diagnostics[0].help == "from its text it knows 'abcdef'"


@pytest.mark.parametrize("layer", ["GRU(12, return_sequences=true)", "MultiHeadAttention(2, 8, causal=true)"])
def test_a_network_that_says_no_numbers_can_not_write(layer, model):
    made = model(LAYER=layer)
    made.set_weights({path: np.full(array.shape, np.nan) for path, array in made.weights.items()})
    with pytest.raises(UserError, match="is no finite number"):
        written(made, list("a"), 1)


def test_only_the_likeliest_are_drawn_from(model):
    made = model()
    assert written(made, list("a"), 12, 50.0, top_k=1) == written(made, list("a"), 12)
    assert len(set(written(made, list("a"), 60, 50.0, top_k=2))) > 2
    assert written(made, list("a"), 30, 50.0, top_k=6) == written(made, list("a"), 30, 50.0)


@pytest.mark.parametrize(
    ("layer", "ahead"),
    [
        ("MultiHeadAttention(2, 8)", True),
        ("MultiHeadAttention(2, 8, causal=true)", False),
        ("Bidirectional(GRU(4, return_sequences=true))", True),
        ("Conv1D(4, 3, padding=same)", True),
        ("Conv1D(4, 3, padding=causal)", False),
        ("GRU(4, return_sequences=true)", False),
    ],
)
def test_answers_that_move_with_what_comes_later_are_warned_about(layer, ahead, model):
    made = model(LAYER=layer)
    assert [warning.code for warning in look_ahead(made, made.checked.trains)] == ["NN903"] * ahead


def test_a_network_that_answers_at_the_end_may_look_at_all_of_its_window(model):
    made = model(TARGET="part", STRIDE="1", LAYER="Bidirectional(GRU(4))")
    assert look_ahead(made, made.checked.trains) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"PREDICTED": "argmax(scores)"}, "does not predict scores for each of the characters"),
        ({"PREDICTED": "scores + 0.1 * float(following[0])"}, "does not predict from a window"),
    ],
)
def test_a_block_that_does_not_predict_scores_can_not_write(changed, message, model):
    with pytest.raises(UserError, match=message):
        written(model(**changed), list("a"), 1)


def test_other_data_can_not_be_written():
    made = load(Path(__file__).parents[2] / "examples" / "iris.nn")
    with pytest.raises(UserError, match="is not trained on a text"):
        Writer(made, made.checked.trains[0])
