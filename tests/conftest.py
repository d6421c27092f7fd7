"""What all tests share: snapshots, texts kept beside the tests and compared as they are."""

from __future__ import annotations

import difflib
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from nndsl.runtime.devices import lacking, look
from tests.cupy_standin import standin

_MISSING = lacking(look())

Compare = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots",
        action="store_true",
        help="rewrite the expected texts beside the tests; look at the difference before committing it",
    )


@pytest.fixture(
    params=[
        "stand-in",
        pytest.param(
            "gpu",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(_MISSING is not None, reason="" if _MISSING is None else _MISSING.message),
            ],
        ),
    ]
)
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """What `import cupy` gives: the stand-in, and with `pytest -m gpu` CuPy itself. The test runs for each."""
    with standin() if request.param == "stand-in" else nullcontext():
        yield request.param


@pytest.fixture(scope="session")
def lenet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run of `examples/lenet.nn`, which other examples begin with."""
    from click.testing import CliRunner

    from nndsl.cli.application import application

    folder = tmp_path_factory.mktemp("lenet")
    example = Path(__file__).parents[1] / "examples" / "lenet.nn"
    done = CliRunner().invoke(application, ["run", str(example), "--out", str(folder / "runs" / "LeNet")])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(autouse=True)
def beside_lenet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of examples that begin with the run of `lenet.nn` run where it is found."""
    given = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    names = {Path(str(each)[:200]).stem for each in given if isinstance(each, str | Path)}
    if names & {"features", "transfer"}:
        monkeypatch.chdir(request.getfixturevalue("lenet_folder"))


@pytest.fixture
def compare_with_snapshot(request: pytest.FixtureRequest) -> Compare:
    """Compares a text with the one kept in a file, or rewrites the file under `--update-snapshots`."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-snapshots"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            return
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        if text != expected:
            difference = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), str(path), "what came out", lineterm=""
            )
            pytest.fail("\n".join([*difference, "", "if this is right: pytest --update-snapshots"]), pytrace=False)

    return compare


@pytest.fixture(scope="session")
def only_numpy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment that has the NumPy of these tests and no other package."""
    folder = tmp_path_factory.mktemp("only-numpy") / "environment"
    venv.create(folder, symlinks=True)
    (packages,) = (
        folder.glob("lib/python*/site-packages") if sys.platform != "win32" else folder.glob("Lib/site-packages")
    )
    ours = Path(np.__file__).parent.parent
    for path in (ours / "numpy", *ours.glob("numpy.libs"), *ours.glob("numpy-*.dist-info")):
        (packages / path.name).symlink_to(path)
    (python,) = folder.glob("bin/python") if sys.platform != "win32" else folder.glob("Scripts/python.exe")
    script = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    found = subprocess.run([python, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["numpy"]
    return python
