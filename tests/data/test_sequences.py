"""Rows that look at those beside them, and texts: `window`, `next`, the reader `text`, through the whole compiler."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest

from nndsl.check import check
from nndsl.data.texts import parts_of
from nndsl.diagnostics import UserError
from nndsl.runtime.load import generate
from nndsl.runtime.modules import Generated
from nndsl.runtime.standalone.texts import joined_text, text_parts
from nndsl.source import SourceFile


def network(fields: str, *, source: str = "", loss: str = "sum(past)") -> str:
    """A file whose data has the `fields` and whose network reads `past`."""
    return f"""data series {source}{{
{fields}
}}
model Net {{
  input past
  Flatten
  Dense(1)
}}
train Net on series {{
  epochs = 1
  minimize {loss} + 0 * sum(Net(past)) using SGD(0.1)
  predict value = Net(past)
}}
"""


def loaded(text, folder=None, tables=None, seed=0, **how):
    """The prepared data of a program, and its generated module."""
    path = None if folder is None else folder / "test.nn"
    generated = Generated(generate(check(SourceFile("test.nn", text, path))), "<test>")
    (data,) = generated.program.data.values()
    return generated.load_data(data, tables or {}, seed, dtype="float64", **how), generated


SERIES = "  level = [0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0, 64.0, 81.0]\n"
SQUARES = np.arange(10.0) ** 2


def test_a_window_has_its_row_last_and_next_is_the_row_after():
    prepared, _ = loaded(network(f"{SERIES}  past = window(level, 3)\n  coming = next(level)"))
    part = prepared.parts["train"]
    assert part["past"].tolist() == [SQUARES[row - 2 : row + 1].tolist() for row in range(2, 9)]
    assert part["coming"].tolist() == SQUARES[3:].tolist()
    assert part["level"].tolist() == SQUARES[2:9].tolist()
    assert prepared.rows["train"].tolist() == list(range(2, 9))


@pytest.mark.parametrize("coming", ["next(past)", "window(next(level), 3)"])
def test_the_window_after_and_the_window_of_what_comes_after_are_the_same(coming):
    part = loaded(network(f"{SERIES}  past = window(level, 3)\n  coming = {coming}"))[0].parts["train"]
    assert np.array_equal(part["past"][1:], part["coming"][:-1])


def test_next_may_look_further():
    part = loaded(network(f"{SERIES}  past = window(level, 2)\n  coming = next(next(level), 3)"))[0].parts["train"]
    assert part["coming"].tolist() == SQUARES[5:].tolist()


def test_windows_may_be_computed_with():
    part = loaded(network(f"{SERIES}  past = window(2 * level, 3) - level"))[0].parts["train"]
    assert part["past"][0].tolist() == [-4.0, -2.0, 4.0]


def test_a_window_of_one_row_keeps_its_axis():
    part = loaded(network(f"{SERIES}  past = window(level, 1)\n  coming = next(past)"))[0].parts["train"]
    assert part["past"].shape == (9, 1)
    assert part["coming"].shape == (9, 1)


def test_windows_with_a_stride_lie_end_to_end():
    fields = f"{SERIES}  past = window(level, 3, stride=3)\n  coming = next(past)"
    part = loaded(network(fields))[0].parts["train"]
    assert part["past"].ravel().tolist() == SQUARES[:9].tolist()
    assert part["coming"].ravel().tolist() == SQUARES[1:].tolist()


def test_no_window_reaches_from_one_part_into_another():
    fields = f"{SERIES}  past = window(level, 2)\n  coming = next(level)\n  split train 50%, test 50% in order"
    prepared, _ = loaded(network(fields))
    seen = {name: {*part["past"].ravel(), *part["coming"]} for name, part in prepared.parts.items()}
    assert seen == {"train": set(SQUARES[:5]), "test": set(SQUARES[5:])}


def test_what_is_learnt_comes_from_each_training_row_once():
    fields = f"{SERIES}  even = standardize(level)\n  past = window(even, 2)\n  split train 40%, test 60% in order"
    text = network(fields)
    part = loaded(text)[0].parts["train"]
    mean, deviation = SQUARES[:4].mean(), SQUARES[:4].std()
    assert np.allclose(part["past"][0], (SQUARES[:2] - mean) / deviation)


def test_the_last_rows_can_be_forecast_from():
    text = network(f"{SERIES}  past = window(level, 3)\n  coming = next(level)", loss="sum(past) + sum(coming)")
    _, generated = loaded(text)
    (data,) = generated.program.data.values()
    new = {"level": np.array([1.0, 2.0, 3.0, 4.0])}
    assert generated.prepare_new(data, new, {}, ("past",))["past"].tolist() == [[1, 2, 3], [2, 3, 4]]
    assert generated.prepare_new(data, new, {}, ("past", "coming"))["coming"].tolist() == [4]


def test_a_part_without_room_for_a_window_is_a_mistake():
    fields = f"{SERIES}  past = window(level, 3)\n  split train 80%, test 20% in order"
    with pytest.raises(ValueError, match="a window takes 3 rows in order, and the part test has 2"):
        loaded(network(fields))


def test_a_file_of_new_rows_that_is_too_short_is_a_mistake_of_its_user(tmp_path):
    import nndsl

    path = tmp_path / "series.nn"
    path.write_text(network(f"{SERIES}  past = window(level, 3)"), encoding="utf-8")
    with pytest.raises(UserError, match="a window takes 3 rows"):
        nndsl.load(path).predict({"level": np.array([1.0])})


# ------------------------------------------------------------------------------------------------ texts

TEXT = "To be, or not to be:\nthat's the question.\n"


def test_a_text_is_its_characters_or_its_words(opened):
    characters = opened("text", "t.txt", TEXT)
    assert "".join(characters.read(["character"])["character"]) == TEXT
    words = opened("text", "t.txt", TEXT, level="words").read(["word"])["word"].tolist()
    assert words == ["To", "be", ",", "or", "not", "to", "be", ":", "that's", "the", "question", "."]
    assert joined_text(words, "words") == "To be, or not to be: that's the question."
    assert joined_text(text_parts(TEXT, "characters"), "characters") == TEXT


@pytest.mark.parametrize("level", ["characters", "words"])
def test_generated_programs_cut_a_prompt_as_the_reader_cuts_a_text(level):
    text = "She's 3 of\u2019em -- n\u00e4mlich:\tthat_is, \u6f22\u5b57 'quoted'.\n"
    assert text_parts(text, level) == parts_of(text, level)


def test_a_text_may_be_gzipped_and_of_another_encoding(opened):
    assert opened("text", "t.gz", gzip.compress(b"ab", mtime=0)).rows == 2
    assert opened("text", "t.txt", "\ufeffab".encode()).rows == 2
    latin = opened("text", "t.txt", "h\u00e9".encode("latin-1"), encoding="latin-1")
    assert latin.read(["character"])["character"].tolist() == ["h", "\u00e9"]


@pytest.mark.parametrize(
    ("content", "arguments", "code"),
    [(b"", {}, "NN410"), (b" ", {"level": "words"}, "NN410"), (b"\xff", {}, "NN406"), (b"a\0b", {}, "NN404")],
)
def test_what_is_no_text_is_a_mistake(content, arguments, code, opened, said):
    assert said(lambda: opened("text", "t.txt", content, **arguments)).code == code


def test_a_text_has_the_column_of_its_level(opened, said):
    mistake = said(lambda: opened("text", "t.txt", TEXT).column("word"))
    assert (mistake.code, mistake.help) == ("NN411", "read by `level=words` it has word")


WRITER = """data speech from text("speech.txt") {
  character = category(column("character"))
  past = window(character, 4, stride=4)
  following = next(past)
  split train 50%, validation 50% in order
}
model Writer {
  input past
  Embedding(speech.past.classes, 3)
  GRU(5, return_sequences=true)
  Dense(speech.following.classes)
}
train Writer on speech {
  epochs = 2
  minimize cross_entropy(Writer(past), following) using Adam(0.01)
}
"""


def test_the_vocabulary_of_a_text_is_learnt_from_its_training_part(tmp_path):
    (tmp_path / "speech.txt").write_text("abcabcabcxxayabcabcabc", encoding="utf-8")
    columns = {"character": np.array(list("abcabcabcxxayabcabcabc"))}
    prepared, generated = loaded(WRITER, tmp_path, {"all": columns})
    assert prepared.fitted["character.category.names"].tolist() == ["a", "b", "c", "x"]
    assert prepared.parts["train"]["past"].tolist() == [[1, 2, 3, 1], [2, 3, 1, 2]]
    assert prepared.parts["train"]["following"].tolist() == [[2, 3, 1, 2], [3, 1, 2, 3]]
    assert generated.program.weights[0][1] == (6, 3)
    assert prepared.parts["validation"]["past"].tolist() == [[1, 0, 1, 2], [3, 1, 2, 3]]


def test_standalone_file_trains_on_windows_of_a_text(tmp_path):
    (tmp_path / "speech.txt").write_text(TEXT * 4, encoding="utf-8")
    file = SourceFile("writer.nn", WRITER, tmp_path / "writer.nn")
    (tmp_path / "writer.py").write_text(generate(check(file)), encoding="utf-8")
    np.savez(tmp_path / "columns.npz", character=np.array(list(TEXT * 4)))
    for command in ("train", "check-gradients"):
        done = subprocess.run(
            [sys.executable, "-I", "writer.py", command, "columns.npz"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
