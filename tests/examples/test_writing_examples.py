"""What the examples that go on from what there is promise: texts and a series, on shortened versions of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.passes.generation import generation_of
from nndsl.runtime.continuing import Continuer
from nndsl.runtime.generation import Writer, look_ahead
from nndsl.runtime.load import load

FOLDER = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def gpt():
    """A smaller transformer after one pass over the text, and the history of that."""
    model = load(FOLDER / "shakespeare_gpt.nn", sets={"length": 32, "width": 32, "heads": 2, "blocks": 1})
    return model, model.fit(epochs=1)


@pytest.mark.slow
def test_the_transformer_learns_characters_better_than_by_their_frequency(gpt):
    _, rows = gpt
    text = (FOLDER / "data" / "shakespeare.txt").read_text(encoding="utf-8")
    shares = np.unique(list(text), return_counts=True)[1] / len(text)
    assert rows[-1]["validation.loss"] < 0.85 * -(shares * np.log(shares)).sum()


@pytest.mark.slow
def test_the_transformer_writes_from_windows_and_never_looks_ahead(gpt):
    model, _ = gpt
    writer = Writer(model, model.checked.trains[0])
    assert writer.by_window
    assert writer.how.crossing.step == "PositionEmbedding"
    assert look_ahead(model, model.checked.trains) == []
    written = "".join(writer.write(list("CORIOLANUS:\n"), 60, temperature=0.5))
    assert written.count(" ") > 5


def test_the_recurrent_writer_carries_its_states_on():
    model = load(FOLDER / "shakespeare_lstm.nn", sets={"length": 8, "units": 8})
    how = generation_of(model.checked, model.checked.trains[0])
    assert how.one_time.carries == ("Writer/lstm/h", "Writer/lstm/c")


def test_the_forecast_of_sunspots_goes_on_in_cycles():
    model = load(FOLDER / "sunspots_rnn.nn")
    model.fit()
    continuer = Continuer(model, model.checked.trains[0])
    coming = np.array([row["sunspots"] for row in continuer.write(continuer.rows(), 44)])
    assert coming.max() > 40 + coming.min()
    turns = np.diff(np.sign(np.diff(coming)))
    assert 6 <= np.count_nonzero(turns) <= 12  # eleven years from maximum to maximum, about
