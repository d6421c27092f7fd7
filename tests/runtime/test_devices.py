"""Where to compute: what is missing for a GPU is said with the line that gets it, and before data is read.

`pytest tests/runtime/test_devices.py --update-snapshots` rewrites the texts in devices/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from nndsl.cli.application import application
from nndsl.diagnostics import UserError
from nndsl.diagnostics.render import render
from nndsl.runtime import devices
from nndsl.runtime.devices import Found, choose, lacking, look, refuse_on_device
from nndsl.runtime.footprint import Footprint
from tests.cupy_standin import standin

H200 = ("NVIDIA H200",)
WHOLE = Found(("cupy-cuda13x",), True, 13020, H200, None, 13, True, 150_000_000_000)

FOUND = {
    "no_driver": Found(),
    "no_driver_but_cupy": Found(("cupy-cuda13x",), True, None, (), "cudaErrorInsufficientDriver", 13),
    "no_device": Found(driver=13000),
    "no_device_but_cupy": Found(("cupy-cuda13x",), True, 13000, (), "cudaErrorNoDevice: no device is detected", 13),
    "no_cupy_with_a_driver_of_cuda_12": Found(driver=12040, devices=H200),
    "no_cupy_with_a_driver_of_cuda_13": Found(driver=13020, devices=H200),
    "cupy_does_not_load": Found(("cupy-cuda12x",), "libcublas.so.12: cannot open shared object file", 12080, H200),
    "both_cupys_with_a_driver_of_cuda_12": Found(("cupy-cuda12x", "cupy-cuda13x"), driver=12040, devices=H200),
    "driver_older_than_cupy": Found(("cupy-cuda13x",), True, 12040, (), "cudaErrorInsufficientDriver", 13),
    "driver_older_than_any_cupy": Found(driver=11080, devices=H200),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_is_missing_is_said_with_what_to_do(name: str, compare_with_snapshot: Callable[[Path, str], None]):
    mistake = lacking(FOUND[name])
    assert mistake is not None
    compare_with_snapshot(Path(__file__).parent / "devices" / f"{name}.txt", render(mistake) + "\n")


def test_precisions_that_can_not_be_had_are_said(
    monkeypatch: pytest.MonkeyPatch, compare_with_snapshot: Callable[[Path, str], None]
):
    from nndsl.runtime.load import compiled
    from nndsl.source import SourceFile

    monkeypatch.setattr(devices, "look", lambda: replace(WHOLE, nvmath=False))
    text = "model M {\n  input x: []\n  output x\n}\n"
    asked = {
        "precision_without_nvmath": lambda: choose("gpu", "bfloat16"),
        "precision_on_a_cpu": lambda: compiled(SourceFile("m.nn", text), sets={}, precision="tf32"),
    }
    for name, ask in asked.items():
        with pytest.raises(UserError) as raised:
            ask()
        (mistake,) = raised.value.diagnostics
        compare_with_snapshot(Path(__file__).parent / "devices" / f"{name}.txt", render(mistake) + "\n")


def test_nothing_is_missing_where_all_is_there():
    assert lacking(WHOLE) is None
    assert lacking(Found(("cupy-cuda12x",), True, 13020, H200, None, 12, True)) is None


def test_auto_takes_a_gpu_where_it_can_be_used_and_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "look", lambda: WHOLE)
    assert choose("auto") == choose("gpu")
    assert choose("auto").told == "computes on the GPU (NVIDIA H200, 150 GB free)"
    monkeypatch.setattr(devices, "look", lambda: FOUND["no_cupy_with_a_driver_of_cuda_12"])
    choice = choose("auto")
    assert choice.device == "cpu"
    assert choice.told is not None
    assert choice.told.startswith("computes on the CPU: CuPy, which computes on the GPU, is not installed")


def test_the_cpu_needs_no_look(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "look", lambda: pytest.fail("looked"))
    assert choose("cpu").told is None


def test_cupy_is_asked_where_it_is_there():
    with standin(memory=1_000_000, driver=13000):
        found = look()
    assert (found.devices, found.free, found.needs, found.nvmath) == (("Stand-in",), 1_000_000, 13, True)
    assert lacking(found) is None


@pytest.mark.parametrize(
    ("settings", "code"), [({"driver": None}, "NN607"), ({"devices": 0}, "NN607"), ({"driver": 12080}, "NN652")]
)
def test_a_device_that_cupy_can_not_use_is_missing(settings: dict[str, int | None], code: str):
    with standin(**settings):
        mistake = lacking(look())
    assert mistake is not None
    assert mistake.code == code


def test_without_nvmath_a_gpu_is_used_and_what_would_be_faster_is_said():
    with standin(nvmath=False):
        choice = choose("gpu")
    assert choice.device == "gpu"
    assert 'pip install "nndsl[cuda13]"' in (choice.told or "")


def test_asking_for_a_gpu_that_is_not_there_ends_before_data_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "look", lambda: FOUND["no_driver"])
    monkeypatch.chdir(tmp_path)
    text = 'data d from csv("nowhere.csv") {\n  x = column("x")\n}\nmodel M {\n  input x: []\n  output x\n}\n'
    Path("m.nn").write_text(text)
    for command in ("run", "summary"):
        result = CliRunner().invoke(application, [command, "m.nn", "--device", "gpu"])
        assert result.exit_code == 1, result.output


def test_training_that_does_not_fit_on_the_device_is_refused_with_what_takes_it(tmp_path: Path):
    needed = Footprint(
        weights=400,
        gradients=400,
        slots=800,
        states=0,
        updating=0,
        activations=4_000_000,
        batch=1000,
        kept=0,
        batch_size=64,
        largest=(("M/wide", 3_000_000),),
    )
    train = SimpleNamespace(name="T", span=None)
    with standin(memory=1_000_000), pytest.raises(UserError) as raised:
        refuse_on_device(needed, train)  # pyright: ignore[reportArgumentType]
    (mistake,) = raised.value.diagnostics
    assert mistake.code == "NN640"
    assert mistake.message == "training T takes 4 MB, and the GPU (Stand-in) has left 1 MB"
    assert mistake.help == "`batch_size = 8` would fit"
    with standin(memory=10_000_000):
        refuse_on_device(needed, train)  # pyright: ignore[reportArgumentType]
