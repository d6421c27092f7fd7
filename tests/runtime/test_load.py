"""From a `.nn` file on: `nndsl.load`, and that what it runs is what `nndsl build` writes."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import nndsl
from nndsl.data import open_tables, read_tables
from nndsl.diagnostics import UserError
from nndsl.plan import PlanOptions
from nndsl.runs.trainer import run
from nndsl.runtime.load import compiled, read_program

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
LONG = {"attention_sort", "exploding", "long_memory", "residual", "shakespeare_gpt", "shakespeare_lstm"}
ELSEWHERE = {*LONG, "mnist_cnn", "transfer"}
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.nn") if path.stem not in ELSEWHERE)
"""Every example whose data is at hand and whose steps are short; tests/examples runs and builds the others too."""

LINE = """\
let rate = 0.1

data points {
  x = [[0, 0], [0, 1], [1, 0], [1, 1]]
  y = [1, -2, 3, 0]
}

model Line {
  input x
  Dense(1)
}

train Line on points {
  epochs = 20
  batch_size = 3

  value = Line(x)
  minimize mse(value, y) using SGD(learning_rate=rate)
  metric mae(value, y)
  predict value = value
}
"""


@pytest.fixture
def line(tmp_path):
    """The path of a small program."""
    path = tmp_path / "line.nn"
    path.write_text(LINE)
    return path


def standalone(model):
    """The generated module's own command line, in this process."""
    return model.generated.names["run_command"]


def data_file(model, folder):
    """The arguments that name the data: an .npz file of the raw columns, nothing for data written in the program."""
    from nndsl.runtime.standalone.files import write_columns

    if model.checked.data[0].reader is None:
        return []
    data = model.checked.data[0]
    write_columns(folder / "data.npz", read_tables(data, open_tables(data)))
    return [str(folder / "data.npz")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0, 1])
def test_the_examples_standalone_curve_is_the_runs_bit_for_bit(name, level, tmp_path):
    model = nndsl.load(EXAMPLES / f"{name}.nn", seed=4, level=level)
    outcome, *others = run(model, out=tmp_path / "run", epochs=3)
    arguments = [
        "--epochs",
        "3",
        "--seed",
        "4",
        "--history",
        str(tmp_path / "h.csv"),
        "--weights",
        str(tmp_path / "w.npz"),
    ]
    standalone(model)(model.generated.program, ["train", *data_file(model, tmp_path), *arguments])
    # Standalone, the blocks of a file write one history, one after the other.
    curve, *later = [(each.folder / "history.csv").read_bytes() for each in (outcome, *others)]
    assert (tmp_path / "h.csv").read_bytes() == curve + b"".join(rows.partition(b"\n")[2] for rows in later)
    other = nndsl.load(EXAMPLES / f"{name}.nn", level=level)
    other.load_weights(tmp_path / "w.npz")
    part = next((part for part in ("test", "validation") if part in outcome.part_numbers), "train")
    assert other.evaluate(part=part) == model.evaluate(part=part)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0, 1])
def test_the_examples_gradients_agree_with_differences(name, level, tmp_path, capsys):
    model = nndsl.load(EXAMPLES / f"{name}.nn", level=level)
    code = standalone(model)(model.generated.program, ["check-gradients", *data_file(model, tmp_path)])
    said = capsys.readouterr().out
    assert "WRONG" not in said
    trained = [path for train in model.generated.program.trains.values() for path in train.trained or model.weights]
    assert said.count(" ok") == len(trained)
    assert code == 0


@pytest.mark.parametrize("name", NAMES)
def test_planned_and_textbook_code_train_alike_in_float64(name):
    planned, textbook = (
        nndsl.load(EXAMPLES / f"{name}.nn", level=level, precision="float64").fit(epochs=2) for level in (1, 0)
    )
    for ours, theirs in zip(planned, textbook, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-10)


def test_sets_are_python_values(line):
    slow, fast = nndsl.load(line, sets={"rate": 0.001}), nndsl.load(line, sets={"rate": "0.1"})
    assert slow.fit()[-1]["train.loss"] > fast.fit()[-1]["train.loss"]


def test_a_programs_own_rows_need_no_file(line):
    model = nndsl.load(str(line))
    assert len(model.fit()) == 20
    assert model.predict([[0, 1], [1, 1], [1, 0]])["value"].shape == (3, 1)
    assert model.evaluate(part="train")["loss"] < 5


def test_mistakes_in_the_file_are_diagnostics(line):
    line.write_text(LINE.replace("Dense(1)", "Dens(1)"))
    with pytest.raises(UserError) as raised:
        nndsl.load(line)
    assert raised.value.diagnostics[0].labels[0].span.text == "Dens"


@pytest.mark.parametrize(("content", "code"), [(None, "NN601"), (b"\xff\xfe\x00", "NN602")])
def test_a_file_that_is_no_program_is_said(tmp_path, content, code):
    path = tmp_path / "x.nn"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        nndsl.load(path)
    assert raised.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    "options",
    [{"level": 0}, {"plan": PlanOptions(tile=2)}, {"plan": PlanOptions(threads=2)}, {"plan": PlanOptions(memory=9**9)}],
)
def test_what_programs_for_a_gpu_have_not_is_said(line, options):
    with pytest.raises(UserError) as raised:
        compiled(read_program(line), sets={}, device="gpu", **options)
    assert raised.value.diagnostics[0].code == "NN653"


def test_warnings_of_the_check_are_pythons_warnings(line):
    line.write_text(LINE.replace("  value = Line(x)\n", "  value = Line(x)\n  unused = value + 1\n"))
    with pytest.warns(UserWarning, match="unused"):
        nndsl.load(line)


def test_a_program_without_warnings_gives_none(line):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nndsl.load(line)


def test_early_stopping_and_checkpoints_work_from_the_file(line, tmp_path):
    callbacks = "  EarlyStopping(monitor=mae, patience=2, min_delta=100)\n  ModelCheckpoint(every=2)\n"
    line.write_text(LINE.replace("  predict", f"{callbacks}  predict"))
    (outcome,) = run(nndsl.load(line), out=tmp_path / "run")
    assert outcome.epochs == 3
    assert outcome.stopped == "mae did not improve for 2 epochs"
    assert [path.name for path in (tmp_path / "run").glob("checkpoint*")] == ["checkpoint-0002.safetensors"]


def test_epochs_of_a_block_without_data_are_refused(tmp_path):
    path = tmp_path / "noise.nn"
    path.write_text(
        "model Line {\n  input x: [2]\n  Dense(1)\n}\n\ntrain Line {\n  steps = 7\n  batch_size = 4\n\n"
        "  x = normal([2])\n  minimize mse(Line(x), sum(x)) using SGD(0.1)\n}\n"
    )
    model = nndsl.load(path)
    with pytest.raises(UserError) as raised:
        run(model, out=tmp_path / "run", epochs=3)
    assert raised.value.diagnostics[0].code == "NN616"
    (outcome,) = run(model, out=tmp_path / "run")
    assert outcome.steps == 7
    assert outcome.summary()["test"] == {}
    assert outcome.rows[-1]["train.loss"] < outcome.rows[0]["train.loss"]


def test_imports_lie_beside_the_program_in_the_run_folder(line, tmp_path):
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "blocks.nn").write_text("function twice(x) = 2 * x\n")
    line.write_text('import twice from "parts/blocks.nn"\n' + LINE.replace("= Line(x)", "= twice(Line(x))"))
    run(nndsl.load(line), out=tmp_path / "run", epochs=1)
    assert (tmp_path / "run" / "parts" / "blocks.nn").read_text() == "function twice(x) = 2 * x\n"
    again = nndsl.load(tmp_path / "run" / "line.nn")
    again.load_weights(tmp_path / "run")
    assert np.isfinite(again.evaluate(part="train")["loss"])
