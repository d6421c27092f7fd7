"""Text written by a trained network: windows, temperature, prompts, and networks that can't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.diagnostics import UserError
from nndsl.runtime.generation import Writer
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
  GRU(12SEQUENCES)
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
    "SEQUENCES": ", return_sequences=true",
    "PREDICTED": "scores",
}
LAST = {"TARGET": "part", "SEQUENCES": "", "STRIDE": "1"}
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


def written(model, prompt, count, temperature=0.0, seed=0):
    return list(Writer(model, model.checked.trains[0]).write(prompt, count, temperature, seed))


@pytest.mark.parametrize("changed", [{}, {"ROLE": "class"}, {"PREDICTED": "softmax(scores)"}], ids=str)
def test_it_goes_on_as_the_text_does(changed, model):
    assert "".join(written(model(**changed), list("c"), 12)) == "defabcdefabc"


def test_a_network_that_answers_at_the_end_of_a_window_needs_a_whole_one(model):
    made = model(**LAST)
    assert "".join(written(made, list("abcabcdef"), 7)) == "abcdefa"
    with pytest.raises(UserError, match="the prompt has 5 characters, and the network reads 6"):
        written(made, list("abcde"), 1)


def test_words_are_written_too(model):
    made = model("to be, or not. " * 40, **WORDS)
    assert written(made, ["or"], 5) == ["not", ".", "to", "be", ","]


def test_every_part_follows_from_the_window_before_it(model):
    made = model()
    writer = Writer(made, made.checked.trains[0])
    assert (writer.level, writer.window) == ("characters", 6)
    prompt = list("fabcdefabcd")
    scores = made.predict({"character": np.array(prompt[-6:])})["next"][0, -1]
    assert "abcdef"[int(np.argmax(scores[1:]))] == written(made, prompt, 1)[0] == "e"


def test_the_seed_draws_and_the_temperature_spreads(model):
    made = model()
    warm = ["".join(written(made, list("a"), 30, 6.0, seed)) for seed in (0, 0, 1)]
    assert warm[0] == warm[1] != warm[2]
    assert warm[0] != "".join(written(made, list("a"), 30, 0.1))
    assert "".join(written(made, list("a"), 30, 0.1)) == ("bcdefa" * 5)


def test_what_training_never_saw_is_never_written(model):
    made = model("abcdef" * 60 + "xyz" * 6)
    text = written(made, list("x"), 60, 50.0)
    assert set(text) == set("abcdef")


def test_a_class_that_the_network_does_not_know_is_a_mistake(model):
    with pytest.raises(UserError, match="never seen 'q', 'z'"):
        written(model(ROLE="class"), list("zaq"), 1)


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
