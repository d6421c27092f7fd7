"""`nndsl generate`: what it prints, writes into files and gives to programs, of texts and of series."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ATTENTION = "MultiHeadAttention(1, 4, causal=true)"

TEXT = """data letters from text("letters.txt", level=words) {
  word = category(column("word"))
  past = window(word, 4, stride=4)
  following = next(past)
  split train 80%, validation 20% in order
}
model Net {
  input past
  Embedding(letters.past.classes, 4)
  SimpleRNN(8, return_sequences=true)
  Dense(letters.following.classes)
}
train Net on letters {
  epochs = 60
  scores = Net(past)
  minimize cross_entropy(scores, following) using Adam(learning_rate=0.05)
  predict next = scores
}
"""


@pytest.fixture
def run(nndsl, tmp_path):
    (tmp_path / "net.nn").write_text(TEXT, encoding="utf-8")
    (tmp_path / "letters.txt").write_text("Be bold, be brave. " * 30, encoding="utf-8")
    assert nndsl("run", "net.nn").exit_code == 0
    return nndsl


def test_it_prints_the_prompt_and_what_follows(run):
    done = run("generate", "runs/Net", "--prompt", "be", "--length", 4, "--temperature", 0)
    assert done.stdout == "be brave. Be bold\n"
    assert done.stderr == "each of the words is read once, with Net/simple_rnn/h carried on\n"
    assert run("generate", "net.nn", "--prompt", "be", "--length", 4, "--temperature", 0).stdout == done.stdout


def test_it_reads_windows_where_it_is_asked_to_or_has_to(run):
    done = run("generate", "net.nn", "--prompt", "be", "--length", 2, "--temperature", 0, "--by-window")
    assert done.stdout == "be brave.\n"
    assert done.stderr == "each of the words follows from a window of the last 4\n"
    Path("net.nn").write_text(TEXT.replace("SimpleRNN(8, return_sequences=true)", ATTENTION), encoding="utf-8")
    assert run("run", "net.nn", "--epochs", 1).exit_code == 0
    done = run("generate", "net.nn", "--prompt", "be", "--length", 2)
    way = "each of the words follows from a window of the last 4: MultiHeadAttention(1, 4, causal=true) (net.nn:10) "
    assert done.stderr == f"{way}looks at several times at once\n"


def test_check_and_summary_say_how_it_will_write(run):
    way = "Net writes on: each of the words is read once, with Net/simple_rnn/h carried on\n"
    assert run("check", "net.nn").stdout.endswith(f"  {way}")
    assert run("summary", "net.nn").stdout.endswith(way)
    (written,) = json.loads(run("check", "net.nn", "--json").stdout)["files"][0]["writes"].values()
    expected = {"by": "state", "level": "words", "window": 4, "carries": ["Net/simple_rnn/h"], "crossing": None}
    assert written == expected
    assert json.loads(run("summary", "net.nn", "--json").stdout)["writes"] == {"Net": expected}


def test_answers_that_look_ahead_are_warned_about_before_training(run):
    text = TEXT.replace("SimpleRNN(8, return_sequences=true)", ATTENTION.replace(", causal=true", ""))
    Path("net.nn").write_text(text, encoding="utf-8")
    assert "warning[NN903]" in run("run", "net.nn", "--epochs", 1).stderr
    assert "warning[NN903]" in run("generate", "net.nn", "--prompt", "be").stderr
    codes = [each["code"] for each in json.loads(run("run", "net.nn", "--epochs", 1, "--json").stdout)["diagnostics"]]
    assert codes == ["NN903"]


@pytest.mark.parametrize("way", [[], ["--by-window"]], ids=str)
def test_a_standalone_file_writes_the_same_text(way, run, tmp_path):
    assert run("build", "net.nn", "--data", "columns.npz").exit_code == 0
    options = ["--prompt", "be", "--length", "12", "--seed", "5", "--temperature", "3", "--top-k", "4", *way]
    for arguments in (["train", "columns.npz", "--weights", "w.npz"], ["generate", "--weights", "w.npz", *options]):
        command = [sys.executable, "net.py", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == run("generate", "net.nn", *options).stdout
    failing = [sys.executable, "net.py", "generate", "--weights", "w.npz", "--prompt", "timid"]
    failed = subprocess.run(failing, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (failed.returncode, failed.stderr) == (1, "error: the network has never seen 'timid' of the prompt\n")


def test_it_gives_programs_the_text(run):
    done = run("generate", "runs/Net", "--prompt", "Be", "--length", 3, "--temperature", 0, "--json")
    found = json.loads(done.stdout)
    assert (found["text"], found["by"], found["window"]) == ("Be bold, be", "state", 4)


@pytest.mark.parametrize("temperature", ["nan", "inf", "-1", "warm"])
def test_a_temperature_is_a_number_from_0_on(temperature, run):
    failed = run("generate", "net.nn", "--prompt", "be", "--temperature", temperature)
    assert failed.exit_code == 2
    assert "Invalid value for '--temperature'" in failed.stderr


def test_without_a_prompt_it_goes_on_from_the_beginning_of_a_text_without_lines(run):
    done = run("generate", "net.nn", "--length", 2, "--temperature", 0)
    assert done.stdout.startswith("Be ")
    assert done.exit_code == 0


def test_a_network_that_needs_a_whole_window_is_given_the_first_one(nndsl, tmp_path):
    (tmp_path / "letters.txt").write_text("abcd" * 60, encoding="utf-8")
    (tmp_path / "end.nn").write_text(
        """data letters from text("letters.txt") {
  character = category(column("character"))
  past = window(character, 6)
  following = next(character)
}
model Net {
  input past
  Embedding(letters.past.classes, 4)
  Flatten
  Dense(letters.following.classes)
}
train Net on letters {
  epochs = 20
  scores = Net(past)
  minimize cross_entropy(scores, following) using Adam(learning_rate=0.05)
  predict next = scores
}
""",
        encoding="utf-8",
    )
    assert nndsl("run", "end.nn").exit_code == 0
    done = nndsl("generate", "end.nn", "--length", 6, "--temperature", 0)
    assert done.stdout == "abcdabcdabcd\n"


def test_a_prompt_without_words_is_a_mistake(run):
    done = run("generate", "runs/Net", "--prompt", " ")
    assert done.exit_code == 1
    assert "NN622" in done.stderr


# ------------------------------------------------------------------------------------------------ series

SERIES = """data wave from csv("wave.csv") {
  level = column("height") / 10
  LINE
  past = window(level, 8)
  coming = next(level)
  split train 80%, test 20% in order
}
model Net {
  input past
  LAST
}
train Net on wave {
  epochs = 60
  forecast = Net(past)
  minimize mse(forecast, COMING) using Adam(learning_rate=0.02)
  predict PREDICTED
}
"""
PLAIN = {
    "LINE": "",
    "LAST": "past -> Dense(1) -> Reshape([])",
    "PREDICTED": "height = 10 * forecast",
    "COMING": "coming",
}
OVER_TIME = {
    "LAST": "past -> Reshape([8, 1]) -> GRU(8, return_sequences=true) -> Dense(1) -> Reshape([8])",
    "COMING": "following",
}


@pytest.fixture
def series(nndsl):
    """`series(LAST="...", ...)`: the command line, after a network was trained on a wave."""
    height = 10 * np.sin(np.arange(200) * 2 * np.pi / 12)
    rows = "".join(f"{number},{value:.6f}\n" for number, value in enumerate(height))
    Path("wave.csv").write_text(f"hour,height\n{rows}", encoding="utf-8")

    def trained(**changed):
        text = SERIES
        for name, value in (PLAIN | changed).items():
            text = text.replace(name, value)
        Path("net.nn").write_text(text, encoding="utf-8")
        done = nndsl("run", "net.nn")
        assert done.exit_code == 0, done.stderr
        return nndsl

    return trained


def test_a_series_goes_on_from_its_end(series):
    done = series()("generate", "net.nn", "--length", 24)
    first, *numbers = done.stdout.splitlines()
    assert (first, done.stderr) == ("height", "each row follows from a window of the last 8\n")
    coming = 10 * np.sin(np.arange(200, 224) * 2 * np.pi / 12)
    assert np.abs(np.array(numbers, float) - coming).max() < 1


def test_each_row_is_what_predict_says_of_those_before_it(series):
    run = series()
    found = json.loads(run("generate", "net.nn", "--length", 2, "--json").stdout)
    assert (found["rows"], found["window"], list(found["numbers"])) == (2, 8, ["height"])
    before = [*Path("wave.csv").read_text(encoding="utf-8").splitlines()[-7:], f"200,{found['numbers']['height'][0]!r}"]
    Path("last.csv").write_text("\n".join(["hour,height", *before]) + "\n", encoding="utf-8")
    said = json.loads(run("predict", "net.nn", "last.csv", "--json").stdout)["predictions"]["height"]
    assert np.allclose(said, found["numbers"]["height"][1:], rtol=1e-6)


def test_a_series_goes_on_from_other_rows_into_a_file(series):
    run = series()
    Path("flat.csv").write_text("height\n" + "0\n" * 9, encoding="utf-8")
    done = run("generate", "net.nn", "--rows", "flat.csv", "--length", 3, "-o", "flat_on.csv")
    assert done.stdout == "wrote flat_on.csv: 3 rows of height\n"
    assert Path("flat_on.csv").read_text(encoding="utf-8").splitlines()[0] == "height"
    Path("short.csv").write_text("height\n" + "0\n" * 5, encoding="utf-8")
    failed = run("generate", "net.nn", "--rows", "short.csv")
    assert failed.exit_code == 1
    assert "there are 5 rows to go on from, and the network reads 8" in failed.stderr


@pytest.mark.slow
def test_of_answers_over_time_the_last_counts(series):
    run = series(**OVER_TIME, LINE="following = next(window(level, 8))")
    numbers = json.loads(run("generate", "net.nn", "--length", 1, "--json").stdout)["numbers"]["height"]
    said = json.loads(run("predict", "net.nn", "wave.csv", "--json").stdout)["predictions"]["height"]
    assert np.allclose(numbers, said[-1][-1], rtol=1e-6)


@pytest.mark.parametrize("field", ['standardize(column("height"))', '3 - 0.2 * column("height")'])
def test_what_is_predicted_of_a_field_is_written_in_the_units_of_its_column(field, series):
    run = series(**{"PREDICTED": "level = forecast", 'column("height") / 10': field})
    found = json.loads(run("generate", "net.nn", "--length", 12, "--json").stdout)["numbers"]["height"]
    assert np.abs(np.array(found) - 10 * np.sin(np.arange(200, 212) * 2 * np.pi / 12)).max() < 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"PREDICTED": "depth = -10 * forecast"},
            "what Net reads of the next row, it does not predict: the column height",
        ),
        (
            {"PREDICTED": "level = forecast", 'column("height") / 10': 'abs(column("height")) / 10'},
            "what the column height is in the next row can't be told from the field level",
        ),
        ({"level": "height"}, "height is a column and a field with other numbers: which of them is predicted?"),
    ],
)
def test_what_can_not_go_on_says_why(changed, message, series):
    failed = series(**changed)("generate", "net.nn")
    assert failed.exit_code == 1
    assert message in failed.stderr


@pytest.mark.parametrize(
    "option", [["--prompt", "a"], ["--temperature", "1"], ["--top-k", "3"], ["--by-window"]], ids=str
)
def test_options_of_texts_are_refused_for_numbers(option, series):
    failed = series()("generate", "net.nn", *option)
    assert failed.exit_code == 2
    assert f"{option[0]} is not for Net: it is trained on numbers" in failed.stderr


def test_options_of_series_are_refused_for_texts(run):
    failed = run("generate", "net.nn", "--rows", "letters.txt")
    assert failed.exit_code == 2
    assert "--rows is not for Net: it is trained on a text" in failed.stderr
