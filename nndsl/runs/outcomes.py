"""How the run of a train block ended: its numbers, what is said of it, whether it is as expected."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nndsl.diagnostics import error
from nndsl.runs.run_folder import SUMMARY_FILE

if TYPE_CHECKING:
    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.model import Model


@dataclass(slots=True)
class Outcome:
    """How the run of one train block ended.

    rows: the history. stopped: why it ended early (a callback), or None. restored: the epoch whose weights are kept, or
    None for the last. interrupted: by Ctrl-C or SIGTERM. shown: files that `show` lines filled. failed: expectations
    that do not hold. part_numbers: what was evaluated, by part. before: the summary of an earlier process that had
    finished it already, so that nothing was done; else None.
    """

    train: str
    folder: Path
    rows: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    restored: int | None = None
    interrupted: bool = False
    shown: list[Path] = field(default_factory=list[Path])
    part_numbers: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    failed: list[Diagnostic] = field(default_factory=list["Diagnostic"])
    cautions: list[Diagnostic] = field(default_factory=list["Diagnostic"])
    before: dict[str, Any] | None = None

    def summary(self) -> dict[str, Any]:
        """What `summary.json` holds: the numbers of the epoch whose weights are kept, and those of the test part."""
        if self.before is not None:
            return self.before
        row = self.rows[(self.restored or len(self.rows)) - 1] if self.rows else {}
        return {
            "epochs": self.epochs,
            "seconds": round(self.seconds, 3),
            "steps": self.steps,
            "train": _part(row, "train"),
            "validation": _part(row, "validation"),
            "test": self.part_numbers.get("test", {}),
        }


def finished_before(train: str, folder: Path) -> Outcome:
    """The outcome of a train block that an earlier process has finished."""
    try:
        summary: Any = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = None
    return Outcome(train, folder, before=cast("dict[str, Any]", summary) if isinstance(summary, dict) else {})


def notes_of(outcome: Outcome) -> list[str]:
    """What is said of a training that has ended."""
    notes: list[str] = []
    if outcome.interrupted:
        notes.append(f"interrupted after step {outcome.steps}; all of that moment is saved")
    if outcome.stopped is not None:
        notes.append(f"stopped after epoch {outcome.epochs}: {outcome.stopped}")
    if outcome.restored is not None and outcome.restored != outcome.epochs:
        notes.append(f"the weights are those of epoch {outcome.restored}")
    if outcome.shown:
        kinds = {path.suffix for path in outcome.shown}
        what = "picture" if kinds == {".png"} else "file of values"
        count = len(outcome.shown)
        plural = what.replace("picture", "pictures").replace("file", "files") if count > 1 else what
        notes.append(f"{count} {plural} in {outcome.shown[-1].parent}")
        if what != "picture":
            notes.append("`nndsl run` draws pictures of them where matplotlib is: pip install 'nndsl[plot]'")
    return notes


def evaluate_parts(model: Model, train: TrainProgram, outcome: Outcome) -> None:
    """Evaluates the test part, and every other that something is expected of; compares."""
    expectation_holds: Any = model.generated.names["expectation_holds"]
    asked = {"test", *(expectation.part for expectation in train.expectations)}
    for part in model.parts(train):
        if part in asked:
            outcome.part_numbers[part] = model.evaluate(part=part, train=train.name)
    if train.data is None:  # no part to evaluate: what the last steps reported
        outcome.part_numbers["train"] = _part(outcome.rows[-1], "train")
    for expected in train.expectations:
        value = outcome.part_numbers[expected.part][expected.metric]
        if not expectation_holds(value, expected.operator, expected.bound):
            label = f"{expected.metric} is {value:.6g}"
            message = f"{expected.part} {expected.metric} {expected.operator} {expected.bound:.6g} does not hold"
            outcome.failed.append(error("NN615", message, expected.span, label))


def _part(row: dict[str, float], part: str) -> dict[str, float]:
    prefix = f"{part}."
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
