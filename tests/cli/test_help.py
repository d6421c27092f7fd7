"""`nndsl help`: everything that a file can use, from its own definition."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nndsl.cli.statements import STATEMENTS
from nndsl.cli.topics import topics


def test_without_a_name_lists_every_topic(nndsl):
    text = nndsl("help").stdout
    for topic in topics():
        assert topic.name in text


def test_shows_arguments_defaults_comment_and_source_of_a_layer(nndsl):
    text = nndsl("help", "Dense").stdout
    assert text.startswith("layer Dense(units: int, activation = linear")
    assert "std/layers/dense.nn:" in text
    assert "weight kernel: [d, units] = kernel_initializer" in text


def test_the_place_of_a_definition_is_right():
    for topic in topics():
        if topic.place is None or topic.source is None:
            continue
        path, _, line = topic.place.rpartition(":")
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        assert lines[int(line) - 1] == topic.source.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("csv", "delimiter"),
        ("builtin", "digits"),
        ("EarlyStopping", "patience = 0"),
        ("epochs", "epochs = 1"),
        ("where", "where(condition, a, b)"),
        ("column", "column(name)"),
        ("Adam", "learning_rate = 0.001"),
        ("cosine_decay", "warm_up"),
    ],
)
def test_every_family_is_known_by_name(nndsl, name: str, said: str):
    assert said in nndsl("help", name).stdout


def test_every_word_of_the_grammar_is_known():
    grammar = (Path(__file__).parents[2] / "grammars" / "nn.lark").read_text()
    known = {topic.name for topic in topics()}
    words = set(re.findall(r'"([a-z]+)"', grammar))
    assert {"over", "using", "every"} < words
    assert words - known == set()


@pytest.mark.parametrize(
    "name", ["median", "clip_norm", "stratify", "group", "training", "step", "classes", "gradient"]
)
def test_names_that_some_places_know_are_known(nndsl, name: str):
    assert name in nndsl("help", name).stdout


def test_every_topic_has_a_signature_and_a_summary():
    for topic in topics():
        assert topic.signature, topic
        assert topic.documentation, topic
        assert len(topic.summary) < 160, topic


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: s.name)
def test_every_statement_is_explained(nndsl, statement):
    result = nndsl("help", statement.name)
    assert result.exit_code == 0
    assert statement.forms.splitlines()[0] in result.stdout


def test_a_family_is_listed_with_a_line_each(nndsl):
    text = nndsl("help", "layers").stdout
    assert any(line.startswith("Dense ") for line in text.splitlines())
    assert "Adam" not in text


def test_a_mistyped_name_gets_a_suggestion(nndsl):
    result = nndsl("help", "dens")
    assert result.exit_code == 1
    assert "NN614" in result.stderr
    assert "nndsl help Dense" in result.stderr


def test_a_code_is_explained(nndsl):
    text = nndsl("help", "nn604").stdout
    assert text.startswith("NN604: weights don't fit the network")


def test_json_parses(nndsl):
    assert "Dense" in json.loads(nndsl("help", "--json").stdout)["layers"]
    assert json.loads(nndsl("help", "Dense", "--json").stdout)[0]["kind"] == "layer"
    assert json.loads(nndsl("help", "layers", "--json").stdout)
    assert json.loads(nndsl("help", "NN604", "--json").stdout)["code"] == "NN604"
