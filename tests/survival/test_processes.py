"""`nndsl run` as a process: signals, full disks, damaged checkpoints, folders that can't be written to, and locks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nndsl.runs.locks import LOCK_FILE
from nndsl.runtime.checkpoints import FINISHED, PREVIOUS, UNFINISHED, read_checkpoint
from tests.survival.kill import LONGEST, differences, process
from tests.survival.programs import POINTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX"),
]

LONG = (
    POINTS.replace("epochs = 6", "epochs = 1000000")
    .replace("  ModelCheckpoint(every=2)\n", "")
    .replace("patience=50", "patience=1000000")
)
RUN = Path("runs") / "Net"


def ended(folder: Path, *arguments: str, before: str = "") -> tuple[int, str]:
    """`nndsl run net.nn ARGUMENTS`: its exit code, and what it said."""
    with process(folder, "net.nn", *arguments, before=before) as running:
        said, _ = running.communicate(timeout=LONGEST)
    return running.returncode, said


def wait_for(path: Path, running: subprocess.Popen[str]) -> None:
    """Waits until a file is there, written by a process that lives."""
    last = time.monotonic() + LONGEST
    while not path.exists():
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < last
        time.sleep(0.005)


def left(folder: Path, how: signal.Signals, *arguments: str, text: str = LONG) -> tuple[int, str]:
    """A run that gets a signal once it has written two checkpoints; its exit code, and what it said."""
    (folder / "net.nn").write_text(text)
    with process(folder, "net.nn", "--checkpoint-every", "0.05", *arguments) as running:
        wait_for(folder / RUN / PREVIOUS, running)
        running.send_signal(how)
        said, _ = running.communicate(timeout=LONGEST)
    return running.returncode, said


def steps(folder: Path) -> int:
    """How far the last checkpoint of a run has come."""
    return read_checkpoint(folder / RUN / UNFINISHED)[1]["state"]["step"]


def end_of_a_whole_run(folder: Path, epochs: int) -> Path:
    folder.mkdir()
    (folder / "net.nn").write_text(LONG)
    code, said = ended(folder, "--epochs", str(epochs))
    assert code == 0, said
    return folder / RUN


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_step_end_saves_and_says_how_to_go_on(how: signal.Signals, tmp_path: Path) -> None:
    code, said = left(tmp_path, how)
    assert code == 130
    assert f"interrupted after step {steps(tmp_path)}; all of that moment is saved" in said
    assert "go on with it by `nndsl run net.nn --resume`" in said
    assert {path.name for path in (tmp_path / RUN).iterdir()} >= {UNFINISHED, "weights.safetensors", "history.csv"}
    assert not (tmp_path / RUN / LOCK_FILE).exists()
    epochs = steps(tmp_path) // 2 + 3
    code, said = ended(tmp_path, "--resume", "--epochs", str(epochs))
    assert code == 0, said
    whole = end_of_a_whole_run(tmp_path / "whole", epochs)
    assert differences(whole, tmp_path / RUN) == []


def test_what_the_run_was_started_with_is_known_when_it_goes_on(tmp_path: Path) -> None:
    code, said = left(tmp_path, signal.SIGINT, "--seed", "5", "--set", "hidden=3", "--precision", "float64")
    assert code == 130, said
    epochs = str(steps(tmp_path) // 2 + 3)
    code, said = ended(tmp_path, "--resume", "--seed", "6")
    assert code == 1
    assert "NN633" in said
    assert "started with --seed 5" in said
    code, said = ended(tmp_path, "--resume", "--epochs", epochs)
    assert code == 0, said
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "net.nn").write_text(LONG)
    options = ("--seed", "5", "--set", "hidden=3", "--precision", "float64", "--epochs", epochs)
    assert ended(tmp_path / "whole", *options)[0] == 0
    assert differences(tmp_path / "whole" / RUN, tmp_path / RUN) == []


def test_what_a_run_was_started_with_is_known_even_before_its_first_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "net.nn").write_text(LONG)
    with process(tmp_path, "net.nn", "--seed", "5", "--checkpoint-every", "1000") as running:
        wait_for(tmp_path / RUN / "history.csv", running)
        running.kill()
    assert not (tmp_path / RUN / UNFINISHED).exists()
    code, said = ended(tmp_path, "--resume", "--epochs", "3")
    assert code == 0, said
    assert "training begins" in said
    assert json.loads((tmp_path / RUN / "run.json").read_text())["train"] == "Net"
    assert read_checkpoint(tmp_path / RUN / FINISHED)[1]["started"]["seed"] == 5


# ------------------------------------------------------------------------------------------------ damage


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 4
    path.write_bytes(content[: len(content) // 3] if how == "torn" else content)


@pytest.mark.parametrize("how", ["torn", "flipped"])
def test_of_a_damaged_checkpoint_the_one_before_is_used_and_named(how: str, tmp_path: Path) -> None:
    assert left(tmp_path, signal.SIGKILL)[0] == -signal.SIGKILL
    damage(tmp_path / RUN / UNFINISHED, how)
    epochs = read_checkpoint(tmp_path / RUN / PREVIOUS)[1]["state"]["step"] // 2 + 3
    code, said = ended(tmp_path, "--resume", "--epochs", str(epochs))
    assert code == 0, said
    assert f"{RUN / UNFINISHED} is damaged" in said
    assert f"going on from {RUN / PREVIOUS}" in said
    assert differences(end_of_a_whole_run(tmp_path / "whole", epochs), tmp_path / RUN) == []


def test_where_every_checkpoint_is_damaged_that_is_said_and_nothing_is_removed(tmp_path: Path) -> None:
    assert left(tmp_path, signal.SIGKILL)[0] == -signal.SIGKILL
    for name in (UNFINISHED, PREVIOUS):
        damage(tmp_path / RUN / name, "flipped")
    before = {path.name: path.read_bytes() for path in (tmp_path / RUN).glob("*.safetensors")}
    code, said = ended(tmp_path, "--resume")
    assert code == 1
    assert "NN632" in said
    assert UNFINISHED in said
    assert PREVIOUS in said
    assert "--restart" in said
    assert {path.name: path.read_bytes() for path in (tmp_path / RUN).glob("*.safetensors")} == before


# ------------------------------------------------------------------------------------------------ no room


def no_file_above(size: int) -> str:
    return f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


WIDE = LONG.replace("hidden = 8", "hidden = 3000")


def test_where_there_is_no_room_training_goes_on_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    assert left(tmp_path, signal.SIGKILL, text=WIDE)[0] == -signal.SIGKILL
    checkpoint = (tmp_path / RUN / UNFINISHED).read_bytes()
    epochs = str(steps(tmp_path) // 2 + 3)
    arguments = ("--resume", "--epochs", epochs, "--checkpoint-every", "0")
    code, said = ended(tmp_path, *arguments, before=no_file_above(len(checkpoint) // 2))
    assert code == 1
    assert f"can't write {RUN / UNFINISHED}: file too large; training goes on, and tries again later" in said
    assert "NN608" in said
    assert f"the last checkpoint is {RUN / UNFINISHED}: " in said
    assert "`nndsl run net.nn --resume` goes on" in said
    assert "Traceback" not in said
    assert (tmp_path / RUN / UNFINISHED).read_bytes() == checkpoint
    assert not list((tmp_path / RUN).glob(".*.part"))
    code, said = ended(tmp_path, "--resume", "--epochs", epochs)
    assert code == 0, said
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "net.nn").write_text(WIDE)
    assert ended(tmp_path / "whole", "--epochs", epochs)[0] == 0
    assert differences(tmp_path / "whole" / RUN, tmp_path / RUN) == []


def test_where_a_signal_comes_and_there_is_no_room_the_last_checkpoint_is_named(tmp_path: Path) -> None:
    assert left(tmp_path, signal.SIGKILL, text=WIDE)[0] == -signal.SIGKILL
    checkpoint = (tmp_path / RUN / UNFINISHED).read_bytes()
    limit = no_file_above(len(checkpoint) // 2)
    rows = len((tmp_path / RUN / "history.csv").read_text().splitlines())
    with process(tmp_path, "net.nn", "--resume", before=limit) as running:
        last = time.monotonic() + LONGEST
        while len((tmp_path / RUN / "history.csv").read_text().splitlines()) <= rows + 2:
            assert time.monotonic() < last
            assert running.poll() is None, running.communicate()[0]
            time.sleep(0.005)
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=LONGEST)
    assert running.returncode == 1, said
    assert f"the last checkpoint is {RUN / UNFINISHED}: " in said
    assert (tmp_path / RUN / UNFINISHED).read_bytes() == checkpoint


WITHOUT_PRIVILEGES = """
import ctypes, os, sys
if os.geteuid() == 0 and sys.platform == "linux":
    ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
"""
"""Before these lines nothing is forbidden to root."""


def test_a_folder_that_may_not_be_written_to_is_said_before_training(tmp_path: Path) -> None:
    (tmp_path / "net.nn").write_text(LONG)
    (tmp_path / RUN).mkdir(parents=True)
    (tmp_path / RUN).chmod(0o555)
    try:
        code, said = ended(tmp_path, before=WITHOUT_PRIVILEGES)
    finally:
        (tmp_path / RUN).chmod(0o755)
    assert code == 1, said
    assert "NN608" in said
    assert f"can't write into {RUN}: permission denied" in said
    assert "training" not in said
    assert list((tmp_path / RUN).iterdir()) == []


def test_a_folder_that_may_be_written_to_no_more_loses_nothing(tmp_path: Path) -> None:
    assert left(tmp_path, signal.SIGKILL)[0] == -signal.SIGKILL
    checkpoint = (tmp_path / RUN / UNFINISHED).read_bytes()
    epochs = str(steps(tmp_path) // 2 + 3)
    (tmp_path / RUN).chmod(0o555)
    try:
        code, said = ended(tmp_path, "--resume", "--epochs", epochs, before=WITHOUT_PRIVILEGES)
    finally:
        (tmp_path / RUN).chmod(0o755)
    assert code == 1
    assert "permission denied" in said
    assert (tmp_path / RUN / UNFINISHED).read_bytes() == checkpoint
    assert ended(tmp_path, "--resume", "--epochs", epochs)[0] == 0


# ------------------------------------------------------------------------------------------------ locks


def test_two_runs_do_not_share_a_folder_and_a_killed_ones_lock_is_known_for_stale(tmp_path: Path) -> None:
    (tmp_path / "net.nn").write_text(LONG)
    with process(tmp_path, "net.nn", "--checkpoint-every", "0.05") as running:
        wait_for(tmp_path / RUN / UNFINISHED, running)
        holder: dict[str, Any] = json.loads((tmp_path / RUN / LOCK_FILE).read_text())
        assert holder["process"] == running.pid
        for arguments in ((), ("--resume",), ("--restart",)):
            code, said = ended(tmp_path, *arguments)
            assert code == 1
            assert "NN631" in said
            assert f"process {running.pid}, since {holder['began']}" in said
            assert "--out" in said
        assert running.poll() is None
        running.kill()
        running.communicate(timeout=LONGEST)
    assert (tmp_path / RUN / LOCK_FILE).exists()
    code, said = ended(tmp_path, "--resume", "--epochs", "1")
    assert code == 0, said
    assert f"a lock was left in {RUN} by process {running.pid}, since {holder['began']}, which runs no more" in said
    assert not (tmp_path / RUN / LOCK_FILE).exists()
