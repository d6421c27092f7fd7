"""`nndsl explain`: what is printed says everything, and is a program that means the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.check.explanation import explained
from nndsl.runtime.load import generate, read_program
from nndsl.source import SourceFile

EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDS_DOWNLOADS = ("mnist_cnn",)


def source(text: str, path: Path) -> SourceFile:
    return SourceFile(path.name, text, path)


def code(file: SourceFile, sets: dict[str, str] | None = None) -> list[str]:
    """The generated source without what tells where in the file a line came from."""
    text = generate(check(file, sets=sets))
    lines = [line.split("  # ")[0].rstrip() for line in text.splitlines() if not line.lstrip().startswith("#")]
    kept = [re.sub(r"\(\S+\.nn:\d+\)", "", line) for line in lines if "source_hash" not in line]
    return [line for line in kept if line]


def statements(text: str) -> list[str]:
    return [line.split("#")[0].strip() for line in text.splitlines() if line.split("#")[0].strip()]


def explain(text: str, folder: Path, sets: dict[str, str] | None = None) -> str:
    """The explanation of a text; it has to mean the same and to leave nothing to explain."""
    file = source(text, folder / "program.nn")
    _, found = explained(file, sets or {})
    again = source(found, folder / "program.nn")
    assert code(again) == code(file, sets)
    assert statements(explained(again, {})[1]) == statements(found)
    return found


@pytest.mark.parametrize(
    "path", [path for path in sorted(EXAMPLES.glob("*.nn")) if path.stem not in NEEDS_DOWNLOADS], ids=lambda p: p.stem
)
def test_the_explanation_of_every_example_is_a_program_that_means_the_same(path: Path):
    file = read_program(path)
    _, text = explained(file, {})
    again = SourceFile(file.name, text, path)
    assert code(again) == code(file)
    assert statements(explained(again, {})[1]) == statements(text)


HEAD = "data d {\n  x = [[0.5, 0], [0, 1], [1, 0], [1, 1]]\n  y = class([0, 1, 1, 0])\n}\n"


def program(model: str, train: str = "minimize cross_entropy(M(x), y) using SGD(0.1)") -> str:
    return f"{HEAD}model M {{\n  input x\n  {model}\n}}\ntrain M on d {{\n  {train}\n}}\n"


def test_arguments_that_are_left_out_are_there_with_the_library_s_line(tmp_path):
    text = explain(program("Dense(2)"), tmp_path)
    assert "Dense(units=2, activation=linear, use_bias=true, kernel_initializer=glorot_uniform, " in text
    line = next(line for line in text.splitlines() if "default activation" in line)
    place = re.search(r"std/layers/dense\.nn:(\d+)-", text)
    assert place is not None and line.lstrip().startswith("# Dense: ")
    library = (EXAMPLES.parent / "nndsl" / "std" / "layers" / "dense.nn").read_text().splitlines()
    assert "activation = linear" in library[int(place[1]) - 1]


def test_a_bare_optimizer_a_bare_function_and_a_bare_layer_get_their_arguments(tmp_path):
    text = explain(program("x -> GaussianNoise(0.1) -> leaky_relu -> Dense(2)", "minimize M(x) using Adam"), tmp_path)
    assert "leaky_relu(negative_slope=0.2) ->" in text
    assert "using Adam(learning_rate=0.001, " in text


def test_a_default_that_is_another_argument_is_what_that_one_is(tmp_path):
    text = explain(program("reshape(x, [2, 1]) -> MaxPooling1D(1 + 1) -> Flatten -> Dense(2)"), tmp_path)
    assert "MaxPooling1D(pool_size=1 + 1, strides=1 + 1, padding=valid)" in text
    assert "strides=2," in explain(program("reshape(x, [2, 1]) -> MaxPooling1D -> Flatten -> Dense(2)"), tmp_path)


def test_a_default_whose_name_is_another_thing_in_the_file_stays_the_library_s(tmp_path):
    text = explain(f"function linear(x) = x + 1\n{program('Dense(2)')}", tmp_path)
    assert "activation=" not in text
    assert "activation is linear (std/layers/dense.nn:" in " ".join(text.replace("#", "").split())


def test_values_say_which_line_or_option_or_data_they_are_from(tmp_path):
    named = f"let width = 3\nlet twice = 2 * width\n{program('Dense(width)')}".replace(
        "Dense(", "Dense(twice)\n  Dense("
    )
    named = named.replace("Dense(width)", "Dense(d.y.classes)")
    text = explain(named, tmp_path, {"width": "5"})
    assert "let width = 5  # --set width=5; the file says 3" in text
    assert "let twice = 2 * width  # = 10 (width, --set)" in text
    assert "units = 10 (twice, line 2)" in text
    assert "units = 2 (data d)" in text


def test_texts_lists_and_functions_given_by_set_are_written_in_the_file(tmp_path):
    text = 'let name = "a"\nlet sizes = [3]\nlet act = relu\n' + program(
        "for size in sizes { Dense(size, activation=act) }\n  Dense(2)"
    ).replace("{\n  minimize", '{\n  assert name != "a", "{name}"\n  minimize')
    found = explain(text, tmp_path, {"name": 'say "so"\\', "sizes": "[4, 5]", "act": "tanh"})
    assert 'let name = "say \\"so\\"\\\\"' in found
    assert "let sizes = [4, 5]" in found
    assert "let act = tanh" in found
    assert "units = 4, 5" in found


def test_settings_and_callbacks_are_filled_in(tmp_path):
    train = (
        "epochs = 3  # few\n  EarlyStopping(loss)\n  ModelCheckpoint\n  minimize cross_entropy(M(x), y) using SGD(0.1)"
    )
    text = explain(program("Dense(2)", train), tmp_path)
    assert "epochs = 3  # few\n  batch_size = 32  # default\n  shuffle = true  # default\n" in text
    assert "EarlyStopping(monitor=loss, min_delta=0.0, patience=0, mode=auto, " in text
    assert "ModelCheckpoint(monitor=loss, mode=auto, save_best_only=false, every=1)" in text


def test_a_solver_gets_its_arguments_and_no_settings_that_it_refuses(tmp_path):
    text = explain(program("Dense(1)", "minimize least_squares(M(x) - 1) using LevenbergMarquardt(0.1)"), tmp_path)
    assert "LevenbergMarquardt(damping=0.1, cg_iterations=100, trials=20, tolerance=1e-10)" in text
    assert "batch_size" not in text


def test_blocks_on_one_line_and_settings_in_conditions_stay_what_they_are(tmp_path):
    model = "model M {\n  input x\n  Dense(2)\n}\n"
    lines = f"{HEAD}{model}train A on d {{ minimize cross_entropy(M(x), y) using SGD(0.1) }}\n"
    lines += "train B on d {\n  if true { epochs = 2 }\n  minimize cross_entropy(M(x), y) using SGD(0.1)\n}\n"
    text = explain(lines, tmp_path)
    assert text.count("epochs = ") == 2
    assert "epochs = 1  # default" in text


def test_inputs_get_the_shape_of_what_they_were_applied_to(tmp_path):
    text = explain(program("x -> Two -> Dense(2)") + "layer Two {\n  input x\n  output x * 2\n}\n", tmp_path)
    assert text.count("input x: [2]  # the type of what it is applied to") == 2


def test_an_input_of_two_shapes_is_left_open(tmp_path):
    layer = "layer Twice {\n  input v\n  output v * 2\n}\n"
    text = explain(layer + program("x -> Twice -> Dense(2) -> reshape(shape=[2, 1]) -> Twice -> Flatten"), tmp_path)
    assert "input v  # is [2], [2, 1]" in text


def test_fields_say_their_types_their_classes_and_what_is_learnt(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b,kind\n1,2,dog\n3,4,cat\n5,7,dog\n")
    text = explain(
        'data d from csv("rows.csv") {\n  x = standardize(columns("a", "b"))\n  y = class(column("kind"))\n}\n'
        + program("Dense(2)").removeprefix(HEAD),
        tmp_path,
    )
    assert "# float [2]; learnt from the training rows: mean, standard_deviation\n" in text
    assert "# int [], one of 2 classes: cat, dog" in text
    assert 'csv("rows.csv", header=true' in text


def test_a_word_given_to_a_builtin_function_stays_a_word(tmp_path):
    (tmp_path / "rows.csv").write_text("a,kind\n1,dog\n,cat\n5,dog\n")
    text = explain(
        'data d from csv("rows.csv") {\n  x = fill(columns("a", "a"), mean)\n  y = class(column("kind"))\n}\n'
        + program("Dense(2)").removeprefix(HEAD),
        tmp_path,
    )
    assert 'fill(columns("a", "a"), mean)' in text


def test_every_can_be_an_argument(tmp_path):
    train = "ModelCheckpoint(every=5)\n  minimize M(x) using SGD(0.1) every 2"
    assert "every=5" in explain(program("Dense(1)", train), tmp_path)
