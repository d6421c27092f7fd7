"""Values that are computed once for the data set: trained on them, networks become what they become without."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from nndsl.cli.application import application
from nndsl.diagnostics import UserError
from nndsl.plan import PlanOptions
from nndsl.runtime import readiness
from nndsl.runtime.footprint import block_of, planned_footprint
from nndsl.runtime.load import compiled, read_program
from nndsl.runtime.machine import FreeMemory
from nndsl.runtime.model import Model

BODY = """
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 20%, test 80%
}
model Digits {
  input image: [8, 8]
  Flatten
  Dense(64, activation=relu)
  BatchNormalization
  Dropout(0.5)
  features: Dense(16, activation=tanh)
  Dropout(0.5)
  Dense(digits.label.classes)
}
train Digits on digits {
  epochs = 1
  minimize cross_entropy(Digits(image), label) using Adam
}
"""

PROGRAM = """
data digits from npz("digits.npz") {
  image = column("image") / 16
  odd = column("label") % 2
  trust = 1.0 + odd
  split train 200 / 320, validation 60 / 320, test 60 / 320
}
model Parity {
  input image: [8, 8]
  body = Digits from "runs/Digits" frozen
  head: body(image).features -> Dropout(0.1) -> Dense(1)
}
train Parity on digits {
  epochs = 4
  batch_size = 16
  # settings
  score = Parity(image)
  minimize binary_cross_entropy(score, odd) weighted by trust using Adam(1e-2)
  metric accuracy = binary_accuracy(score, odd)
  predict score
}
"""

ONCE, AGAIN = PlanOptions(), PlanOptions(without=("once",))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run of a digit classifier, and digits for another task."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "body.nn").write_text(BODY)
    command = ["run", str(folder / "body.nn"), "--out", str(folder / "runs" / "Digits")]
    assert CliRunner().invoke(application, command, catch_exceptions=False).exit_code == 0
    from nndsl.data.builtin import BuiltinTable

    table = BuiltinTable("digits", None, None).read_columns(("image", "label"))
    np.savez(folder / "digits.npz", **{name: values[:320] for name, values in table.items()})
    return folder


@pytest.fixture(autouse=True)
def here(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ran)


def made(plan: PlanOptions = ONCE, text: str = PROGRAM, *, precision: str = "float64") -> Model:
    Path("parity.nn").write_text(text)
    return compiled(read_program(Path("parity.nn")), sets={}, precision=precision, plan=plan)


def with_setting(*lines: str) -> str:
    return PROGRAM.replace("# settings", "\n  ".join(lines))


def once_of(model: Model) -> Any:
    return model.generated.program.trains["Parity"].once


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(application, ["run", "parity.nn", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (PROGRAM, {}),
        (PROGRAM.replace(" weighted by trust", ""), {"tile": 4, "threads": 2}),
        (with_setting("gradient_accumulation_steps = 3"), {}),
        (with_setting("use_ema = true"), {}),
        (with_setting("EarlyStopping(patience=1)"), {}),
        (with_setting("batch_size = 200").replace("batch_size = 16\n", ""), {}),
        (PROGRAM.replace("Adam(1e-2)", "LBFGS").replace(" -> Dropout(0.1)", "").replace("batch_size = 16", ""), {}),
        (PROGRAM.replace("Adam(1e-2)", "Newton").replace(" -> Dropout(0.1)", "").replace("batch_size = 16", ""), {}),
    ],
    ids=["plain", "tiles on threads", "accumulated", "averaged", "stopped", "one batch", "LBFGS", "Newton"],
)
def test_training_gives_the_same_numbers(text: str, options: dict[str, int]) -> None:
    once, again = made(PlanOptions(**options), text), made(replace(AGAIN, **options), text)
    assert once_of(once) is not None
    assert once_of(again) is None
    start = {path: values.copy() for path, values in once.weights.items()}
    rows, others = once.fit(), again.fit()
    assert [list(row) for row in rows] == [list(row) for row in others]
    for row, other in zip(rows, others, strict=True):
        np.testing.assert_allclose(list(row.values()), list(other.values()), rtol=1e-9)
    for path, values in once.weights.items():
        assert ("/body/" in path) == bool((values == start[path]).all()), path
        np.testing.assert_allclose(values, again.weights[path], rtol=1e-9, atol=1e-12, err_msg=path)


def test_whole_batches_of_one_shape_give_the_same_bits() -> None:
    text = PROGRAM.replace("200 / 320, validation 60 / 320, test 60", "192 / 320, validation 64 / 320, test 64")
    assert made(ONCE, text).fit() == made(AGAIN, text).fit()


def test_a_frozen_network_gives_what_it_gives_in_evaluation() -> None:
    """Its batch normalization takes moving statistics, its dropout is off."""
    model = made()
    train = model.train_named(None)
    parts = model.parts(train, learning=True)
    fields = model.generated.names["with_kept"](model.generated.program.trains["Parity"], model.memory, parts, 0, 16)
    (name,) = [name for name in fields["train"] if name not in parts["train"]]
    for part in ("train", "validation"):
        features = model.features("Parity/body/features", part=part)["Parity/body/features"]
        np.testing.assert_allclose(fields[part][name], features, rtol=1e-12)
    assert "test" not in fields


def test_each_row_goes_through_the_frozen_network_once() -> None:
    model = made()
    block = model.generated.program.trains["Parity"]
    seen: list[int] = []

    def counted(n: int, memory: Any, seed: int) -> Any:
        step = block.once.workspace(n, memory, seed)

        def ran(*position: int) -> None:
            seen.append(n)
            step.run(*position)

        return replace(step, run=ran)

    counting = replace(block, once=replace(block.once, workspace=counted))
    parts = model.parts(model.train_named(None), learning=True)
    for _ in model.generated.fit(counting, model.memory, parts, 0):
        pass
    assert sum(seen) == 260


def test_a_run_that_goes_on_ends_like_one_that_never_stopped() -> None:
    made()
    run("--out", "whole")
    run("--out", "resumed", "--epochs", "2")
    run("--out", "resumed", "--epochs", "4", "--resume")
    for name in ("history.csv", "weights.safetensors"):
        whole, resumed = (Path(folder, name).read_bytes() for folder in ("whole", "resumed"))
        if name == "history.csv":
            assert whole == resumed
        else:
            assert whole[-64:] == resumed[-64:]


def test_the_plan_says_what_is_kept_and_leaves_it_out_on_demand() -> None:
    made()
    assert "Parity/body/features (16 values a row, 16.6 kB) is computed once" in run("--restart").output
    assert "computed once" not in run("--restart", "--plan", "no-once").output
    summary = CliRunner().invoke(application, ["summary", "parity.nn", "--json"])
    assert "of a step's arithmetic" in json.loads(summary.output)["trains"]["Parity"]["once"]


def test_textbook_code_computes_all_in_every_step() -> None:
    Path("parity.nn").write_text(PROGRAM)
    assert "Once(" not in compiled(read_program(Path("parity.nn")), sets={}, level=0).source.partition("The runtime")[0]


def test_new_rows_go_through_the_whole_network() -> None:
    once, again = made(), made(AGAIN)
    weights = {path: values.copy() for path, values in once.weights.items()}
    for model in (once, again):
        model.set_weights(weights)
    rows = {"image": np.random.default_rng(0).integers(0, 17, (37, 8, 8)), "label": np.arange(37) % 10}
    assert once.evaluate(rows) == pytest.approx(again.evaluate(rows), rel=1e-12)
    np.testing.assert_allclose(once.predict(rows)["score"], again.predict(rows)["score"], rtol=1e-12)


def test_streamed_data_keep_nothing_and_train_all_the_same() -> None:
    text = with_setting("stream = true")
    streamed, again = made(ONCE, text), made(AGAIN)
    assert [row["train.loss"] for row in streamed.fit()] == pytest.approx([row["train.loss"] for row in again.fit()])
    assert streamed.data_notes(streamed.train_named(None)) == again.data_notes(again.train_named(None))


def test_nothing_is_kept_where_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made()
    train = model.train_named(None)
    kept = 260 * 16 * 8
    for free, expected in ((2 * kept, True), (2 * kept - 2, False)):
        monkeypatch.setattr(readiness, "free_memory", lambda free=free: FreeMemory(free, "the test has"))
        assert readiness.keeps(model, train, model.parts(train)) is expected
    losses = [row["train.loss"] for row in model.fit()]
    assert losses == pytest.approx([row["train.loss"] for row in made(AGAIN).fit()])


def test_what_is_kept_counts_as_memory() -> None:
    model = made(precision="float32")
    assert model.planned is not None
    block = block_of(model.planned, model.train_named(None))
    without, with_rows = (planned_footprint(model.planned, block, 4, 16, rows=rows) for rows in (1, 261))
    assert with_rows.bytes - without.bytes == 260 * 16 * 4
    assert "values that are computed once for all rows" in with_rows.table()


def test_a_limit_of_memory_is_kept_by_computing_again() -> None:
    model = made(precision="float32")
    assert model.planned is not None
    needed = planned_footprint(model.planned, block_of(model.planned, model.train_named(None)), 4, 16, rows=260)
    assert once_of(made(PlanOptions(memory=needed.network), precision="float32")) is not None
    try:
        tight = made(PlanOptions(memory=needed.network - 1), precision="float32")
    except UserError as mistake:
        assert [each.code for each in mistake.diagnostics] == ["NN641"]  # what is computed again takes more
    else:
        assert once_of(tight) is None


def test_training_that_diverges_says_where_all_the_same() -> None:
    text = PROGRAM.replace("Adam(1e-2)", "SGD(1e308)").replace("weighted by trust", "weighted by trust * 1e300")
    said: list[str] = []
    for plan in (ONCE, AGAIN):
        with pytest.raises(UserError) as mistake:
            made(plan, text).fit()
        said.append(str(mistake.value))
    assert said[0] == said[1]


def test_a_file_of_its_own_keeps_them_too() -> None:
    made()
    build = CliRunner().invoke(application, ["build", "parity.nn", "-o", "parity.py"], catch_exceptions=False)
    assert build.exit_code == 0, build.output
    assert "once=Once(" in Path("parity.py").read_text()
    run("--out", "built", "--restart")
    for command in (["train", "--history", "parity.csv"], ["check-gradients"]):
        done = subprocess.run(
            [sys.executable, "parity.py", command[0], "digits.npz", *command[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert Path("parity.csv").read_text() == Path("built/history.csv").read_text()
