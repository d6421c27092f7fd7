"""Kills a run again and again, lets it go on each time, and compares its end with that of a run that was never killed.

    python -m tests.survival.kill --moments 50

kills runs of some 20 seconds at 50 random moments, ten a run. Every other time it waits for a checkpoint that is being
written: the process has then been killed in the middle of it, of which the half-written file is the proof.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from nndsl.runs.locks import LOCK_FILE

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """\
data digits from builtin("digits") {
  image = standardize(column("image"))
  label = class(column("label"))
  split train 80%, validation 10%, test 10%, stratify=label
}

model Digits {
  input image
  Flatten
  Dense(384, activation=relu)
  BatchNormalization
  Dropout(0.3)
  Dense(384, activation=relu)
  Dropout(0.3)
  Dense(digits.label.classes)
}

train Digits on digits {
  epochs = EPOCHS
  batch_size = 34                                     # the last batch is smaller
  scores = Digits(image)
  minimize cross_entropy(scores, label) using Adam(learning_rate=cosine_decay(step, 1e-3, 4000)) clip_norm=1.0
  metric accuracy(scores, label)
  predict digit = argmax(scores)
  EarlyStopping(monitor=accuracy, patience=1000)
  ModelCheckpoint(every=7)
  ReduceLROnPlateau(factor=0.5, patience=3)
}
"""

SECONDS = 22.0
"""So long a run takes if nobody kills it."""

LONGEST = 600.0
"""Seconds that any one process may take."""


@dataclass
class Killed:
    """What was done to a run. moments: seconds after its start that each process was killed; writing: how many of them
    while they wrote a checkpoint."""

    moments: list[float] = field(default_factory=list[float])
    writing: int = 0


@dataclass(frozen=True)
class Pace:
    """How fast this machine is now. start: seconds before training begins; epochs: how many take `SECONDS`."""

    start: float
    epochs: int


def pace(folder: Path) -> Pace:
    """Measured on a short run."""
    prepare(folder, 4)
    began = time.monotonic()
    finish(folder)
    training = json.loads((folder / "runs" / "Digits" / "summary.json").read_text())["seconds"]
    return Pace(time.monotonic() - began - training, max(8, round(SECONDS / (training / 4))))


def prepare(folder: Path, epochs: int) -> None:
    """Writes the program into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digits.nn").write_text(PROGRAM.replace("EPOCHS", str(epochs)))


@contextmanager
def process(folder: Path, *arguments: str, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """`nndsl run ARGUMENTS` in a folder, as a process; it is dead when the block is left.

    before: Python lines that the process begins with.
    """
    script = f"{before}\nimport sys\nfrom nndsl.cli import main\nsys.argv[0] = 'nndsl'\nmain()"
    command = [sys.executable, "-c", script, "run", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def finish(folder: Path, *arguments: str) -> str:
    """Runs to the end; what the process said."""
    with process(folder, "digits.nn", *arguments) as running:
        said, _ = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, said
    return said


def half_written(run: Path, process: int) -> bool:
    """Whether a process is writing a checkpoint into a run folder, or was when it died."""
    return (run / f".resume.safetensors.{process}.part").exists()


def killed_once(
    folder: Path, wanted: float, *, from_start: bool = False, in_writing: bool = False
) -> tuple[float, bool] | None:
    """Starts or goes on with the run and kills it; when, and whether in writing. None where it ended before.

    wanted: seconds after it has locked its folder, or after its start; in_writing: then, when a checkpoint is being
    written next. Raises AssertionError where the process died of something else.
    """
    run = folder / "runs" / "Digits"
    (run / LOCK_FILE).unlink(missing_ok=True)
    began = moment = time.monotonic()
    with process(folder, "digits.nn", "--resume", "--checkpoint-every", "0.25") as running:
        while running.poll() is None and time.monotonic() < moment + wanted:
            if not from_start and not (run / LOCK_FILE).exists():
                moment = time.monotonic()
            time.sleep(0.001)
        while in_writing and running.poll() is None and not half_written(run, running.pid):
            assert time.monotonic() < began + LONGEST
        if running.poll() is not None:
            said, _ = running.communicate()
            assert running.returncode == 0, said
            return None
        running.send_signal(signal.SIGKILL)
        moment = time.monotonic() - began
        said, _ = running.communicate(timeout=LONGEST)
    if running.returncode == 0:
        return None  # it came to its end between the question and the signal
    assert running.returncode == -signal.SIGKILL, said  # it was alive until then
    return moment, half_written(run, running.pid)


def killed_run(folder: Path, speed: Pace, seed: int, moments: int) -> Killed:
    """A run in a folder that is killed up to so many times and goes on each time, to its end.

    It may end before, where the machine has become faster.
    """
    draws = random.Random(seed)
    done = Killed()
    while len(done.moments) < moments:
        number = len(done.moments) % 5
        wanted = draws.uniform(0.0, speed.start if number == 2 else 1.5 * SECONDS / 10)
        found = killed_once(folder, wanted, from_start=number == 2, in_writing=number % 2 == 1)
        if found is None:
            return done
        done.moments.append(found[0])
        done.writing += found[1]
    finish(folder, "--resume")
    return done


def killed_runs(folder: Path, speed: Pace, seed: int, moments: int) -> Iterator[tuple[Killed, Path]]:
    """Runs that are killed so many times in all, up to ten times each, and their run folders."""
    left = moments
    while left > 0:
        own = folder / str(left)
        prepare(own, speed.epochs)
        done = killed_run(own, speed, seed + left, min(left, 10))
        assert done.moments, "the run was over before it could be killed"
        left -= len(done.moments)
        yield done, own / "runs" / "Digits"


def differences(one: Path, other: Path) -> list[str]:
    """In what two run folders differ, times aside."""
    found = []
    names = {str(path.relative_to(run)) for run in (one, other) for path in run.rglob("*") if path.is_file()}
    for name in sorted(names):
        first, second = one / name, other / name
        if not first.exists() or not second.exists():
            found.append(f"{name} is in one of them only")
        elif name == "summary.json":
            said = [json.loads(path.read_text()) for path in (first, second)]
            if {**said[0], "seconds": 0} != {**said[1], "seconds": 0}:
                found.append(name)
        elif name == "finished.safetensors":
            if _state(first) != _state(second):
                found.append(name)
        elif first.read_bytes() != second.read_bytes():
            found.append(name)
    return found


def _state(path: Path) -> object:
    """All that a checkpoint holds, without its run's name and times."""
    from nndsl.runtime.checkpoints import read_checkpoint

    arrays, about = read_checkpoint(path)
    kept = {name: value for name, value in about.items() if name not in ("session", "seconds")}
    return {name: (values.dtype.str, values.shape, values.tobytes()) for name, values in arrays.items()}, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=50, help="how many kills in all, ten a run")
    parser.add_argument("--seed", type=int, default=0, help="what the moments are drawn by")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        speed = pace(Path(name, "pace"))
        whole = Path(name, "whole")
        prepare(whole, speed.epochs)
        began = time.monotonic()
        finish(whole)
        print(f"a run that is not killed takes {time.monotonic() - began:.1f} s")
        bad = 0
        for done, run in killed_runs(Path(name), speed, options.seed, options.moments):
            found = differences(whole / "runs" / "Digits", run)
            bad += bool(found)
            moments = ", ".join(f"{moment:.2f}" for moment in done.moments)
            print(f"killed {len(done.moments)} times, {done.writing} while a checkpoint was written; after {moments} s")
            print(f"  it ended {'with other ' + ', '.join(found) if found else 'bit for bit like the whole one'}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
