"""What the recurrent examples promise, on shortened versions of them where they take minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nndsl.runtime.load import load

FOLDER = Path(__file__).parents[2] / "examples"


def trained(name, epochs=None, **sets):
    model = load(FOLDER / name, sets=sets)
    return model, model.fit(epochs=epochs)


def test_the_forecast_of_sunspots_beats_last_year_and_last_cycle():
    model, _ = trained("sunspots_rnn.nn")
    found = model.evaluate()
    assert found["error"] < 0.8 * min(found["year_before"], found["cycle_before"])


def test_the_naive_forecasts_are_what_they_say():
    series = np.genfromtxt(FOLDER / "data" / "sunspots.csv", delimiter=",", skip_header=1)[:, 1]
    model, _ = trained("sunspots_rnn.nn", epochs=1)
    found = model.evaluate()
    test = np.arange(round(0.8 * 309) + 21, 308)  # rows that have 21 years before them in the test part, and one after
    coming = series[test + 1]
    assert np.isclose(found["year_before"], np.abs(series[test] - coming).mean(), rtol=1e-5)
    assert np.isclose(found["cycle_before"], np.abs(series[test + 1 - 11] - coming).mean(), rtol=1e-5)


def test_gates_remember_over_a_short_time_already():
    _, rows = trained("long_memory.nn", length=10, cell="LSTM(32)", updates=1200)
    assert rows[-1]["train.loss"] < 0.01
    assert abs(rows[-1]["train.without_looking"] - 1 / 6) < 0.03


def test_without_gates_the_gradient_dies_and_the_answer_stays_a_guess():
    model, rows = trained("long_memory.nn", length=100, cell="SimpleRNN(32)", updates=300)
    assert np.mean([row["train.loss"] for row in rows[-20:]]) > 0.9 / 6
    (flow,) = model.gradient_flows()
    assert any("the gradient dies" in verdict for verdict in flow.verdicts())


def test_shakespeares_characters_are_learnt_better_than_by_their_frequency():
    _, rows = trained("shakespeare_lstm.nn", epochs=3, length=32, units=32)
    text = (FOLDER / "data" / "shakespeare.txt").read_text(encoding="utf-8")
    shares = np.unique(list(text), return_counts=True)[1] / len(text)
    assert rows[-1]["validation.loss"] < 0.85 * -(shares * np.log(shares)).sum()
