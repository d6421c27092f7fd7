"""`nndsl generate`: what it prints, and gives to programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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


def test_a_prompt_without_words_is_a_mistake(run):
    done = run("generate", "runs/Net")
    assert done.exit_code == 1
    assert "NN622" in done.stderr
