"""`nndsl generate`: what it prints, and gives to programs."""

from __future__ import annotations

import json

import pytest

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
    assert done.stderr == "each of the words follows from a window of the last 4\n"
    assert run("generate", "net.nn", "--prompt", "be", "--length", 4, "--temperature", 0).stdout == done.stdout


def test_it_gives_programs_the_text(run):
    done = run("generate", "runs/Net", "--prompt", "Be", "--length", 3, "--temperature", 0, "--json")
    found = json.loads(done.stdout)
    assert (found["text"], found["by"], found["window"]) == ("Be bold, be", "window", 4)


def test_a_prompt_without_words_is_a_mistake(run):
    done = run("generate", "runs/Net")
    assert done.exit_code == 1
    assert "NN622" in done.stderr
