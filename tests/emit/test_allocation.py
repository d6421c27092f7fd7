"""A planned step works in memory that was made before it, and its products take what BLAS takes."""

from __future__ import annotations

import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from nndsl.check import check
from nndsl.plan import PlanOptions
from nndsl.runtime.load import generate
from nndsl.source import SourceFile
from tests.emit.loading import load
from tests.emit.networks import NETWORKS, network

ROOT = Path(__file__).parents[2]
EXAMPLES = [path for path in sorted((ROOT / "examples").glob("*.nn")) if path.stem not in ("features", "transfer")]
"""Those that need no earlier run."""

N = 5000
"""Samples of a batch: what has as much as a truth value for each takes more than `ALLOWED`."""

ALLOWED = 4096
"""Bytes that a step may ask for at a time. No array takes them: they are Python's frames and numbers, and what NumPy
goes through arrays with, which is some 1100 bytes for an operand that is repeated and 3100 for rows at given numbers.
"""

WHOLE, TILED = PlanOptions(), PlanOptions(tile=N, threads=2)

DIVIDED = (
    *("Dense, relu", "Dropout(0.2) of rows", "Conv2D(4, 3, padding=same, activation=relu) of images", "Embedding"),
    *(
        "MaxPooling2D(2) of images",
        "LSTM(4) of series",
        "cross_entropy(y, label)",
        "Adam clip_norm=0.5",
        "accumulation",
    ),
)
"""Networks whose steps are looked at in tiles too: which lines they are made of is the same."""

FILES = {"mnist_cnn": ("images", "labels")}
"""Examples whose data files are named with `--set`, and by which names."""

EXCEPTIONS = {
    "random words": "NumPy gives raw random bits as new arrays alone; they are drawn in chunks that stay in the cache",
    "normal_quantile": "its formulas take some twenty arrays of a block of numbers; it is there for initial values",
    "erf in float64": "the same; networks are in float32 but where somebody looks for the last digit",
}
"""What makes arrays in a step, and why. The tests keep random words; the others are not among the networks."""


def module_of(text: str, plan: PlanOptions, path: Path | None = None, sets: Mapping[str, str] | None = None) -> Any:
    """The planned module of a program; its text is its `source`."""
    source = generate(check(SourceFile(path.name if path else "net.nn", text, path), sets=sets or {}), plan=plan)
    module = load(source)
    module.source = source
    if hasattr(module, "_Stream"):
        module._Stream.words = _kept_words()
    return module


def _kept_words() -> Callable[..., Any]:
    """In place of a generator's `words`: the same ones each time they are asked for, in arrays that are there."""
    kept: dict[int, Any] = {}

    def words(stream: object, samples: int, words: int) -> Any:
        count = samples * words
        if count not in kept:
            kept[count] = np.random.Philox(1).random_raw(count)
        return kept[count].reshape(samples, words)

    return words


def steps_of(module: Any, n: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """(its name, what runs it) of every kind of step of a module, over filled batches of n samples."""
    memory = module.PROGRAM.memory(0)
    memory.assumed = 1.0
    for name, train in module.PROGRAM.trains.items():
        memory.begin(train)
        for kind in ("training", "evaluation", "prediction"):
            if (make := getattr(train, kind)) is not None:
                yield f"{kind} of {name}", _filled(make(n, memory, 0), 1 if kind == "training" else 0)


def _filled(step: Any, number: int) -> Callable[[], None]:
    draws = np.random.default_rng(0)
    for buffer in step.inputs.values():
        buffer[...] = draws.uniform(0.1, 0.9, buffer.shape) if buffer.dtype.kind == "f" else 1
    return lambda: step.run(number, 1, 0)


@contextmanager
def small_buffers(module: Any) -> Iterator[None]:
    """NumPy's iterators buffer 8192 elements of each operand; here few enough to tell arrays from them."""
    before = np.setbufsize(16)
    workers = [module._worker(number) for number in range(TILED.threads - 1)] if hasattr(module, "_worker") else []
    for worker in workers:
        worker.begin(np.setbufsize, (16,)).finish()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        np.setbufsize(before)


def peak_of(work: Callable[[], object]) -> int:
    """The most memory that `work` held at once, in bytes: objects of Python and data of arrays."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def allocating_lines(work: Callable[[], object], text: str) -> str:
    """The lines of a generated module that ask for more than they may, with how much."""
    lines, found = text.splitlines(), dict[int, int]()
    place: list[int] = []
    held = [0]

    def note() -> None:
        now, peak = tracemalloc.get_traced_memory()
        if place and peak - held[0] > ALLOWED:
            found[place[0]] = max(peak - held[0], found.get(place[0], 0))
        tracemalloc.reset_peak()
        held[0] = now

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith("<generated"):
            return None
        note()
        place[:] = [frame.f_lineno]
        return trace

    tracemalloc.start()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
        note()
        tracemalloc.stop()
    return "\n".join(f"{size} bytes: {lines[number - 1].strip()}" for number, size in found.items())


def assert_steps_allocate_nothing(module: Any, n: int, *, threads: int = 1) -> None:
    for name, run in steps_of(module, n):
        with small_buffers(module):
            run()
            run()
            peak = peak_of(run)
            assert peak <= threads * ALLOWED, f"{name}: {peak} bytes\n{allocating_lines(run, module.source)}"


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_make_no_array(name: str) -> None:
    assert_steps_allocate_nothing(module_of(NETWORKS[name], WHOLE), N)


@pytest.mark.parametrize("name", DIVIDED)
def test_steps_in_tiles_on_threads_make_no_array(name: str) -> None:
    module = module_of(NETWORKS[name], TILED)
    assert "Tiles(" in module.source
    assert_steps_allocate_nothing(module, 2 * N, threads=2)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_steps_of_examples_make_no_array(path: Path, tmp_path: Path) -> None:
    sets = dict.fromkeys(FILES.get(path.stem, ()), "")
    for name in sets:
        sets[name] = str(_idx_file(tmp_path / name, 3 if name == "images" else 1))
    assert_steps_allocate_nothing(module_of(path.read_text(encoding="utf-8"), WHOLE, path, sets), 48)


def _idx_file(path: Path, axes: int) -> Path:
    """A file like MNIST's, of twenty samples."""
    values = (np.arange(20, dtype=np.uint8) % 10)[:, None, None] + np.zeros((28, 28), np.uint8)
    array = values if axes == 3 else values[:, 0, 0]
    path.write_bytes(
        bytes([0, 0, 8, axes]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()
    )
    return path


@pytest.mark.parametrize("settings", ["", "gradient_accumulation_steps = 2", "use_ema = true", "shuffle = false"])
def test_training_makes_no_array_between_its_steps(settings: str) -> None:
    text = network("Dense(400, activation=relu)", "Dense(3)", using="Adam clip_norm=1", settings=settings)
    module = module_of(text, WHOLE)
    (train,) = module.PROGRAM.trains.values()
    draws = np.random.default_rng(0)
    part = {
        "x": draws.normal(size=(8 * N, 5)).astype(np.float32),
        "target": draws.normal(size=(8 * N, 3)).astype(np.float32),
        "label": draws.integers(0, 3, 8 * N, np.int32),
    }
    fields = {name: part[name] for name in train.fields}
    fitting = module.Fitting(train, module.PROGRAM.memory(0), {"train": fields}, 0, epochs=1, batch_size=N)
    events = fitting.events()
    with small_buffers(module):
        next(events)
        next(events)
        for _ in range(2):
            assert peak_of(lambda: next(events)) <= ALLOWED


def test_a_step_that_makes_an_array_is_told_by_its_line() -> None:
    module = module_of(NETWORKS["Dense, tanh"], WHOLE)
    module.tanh = lambda x, out: np.copyto(out, np.tanh(x))
    with pytest.raises(AssertionError, match=r"training of Net: \d+ bytes\n *\d+ bytes: tanh\(dense_y, out=dense\)"):
        assert_steps_allocate_nothing(module, N)


def test_every_part_of_the_library_is_in_a_network() -> None:
    every = "\n".join(NETWORKS.values())
    for family in ("layers", "losses", "metrics", "optimizers", "schedules", "penalties"):
        for path in (ROOT / "nndsl" / "std" / family).glob("*.nn"):
            names = re.findall(r"^(?:layer|function|metric|optimizer) (\w+)", path.read_text("utf-8"), re.MULTILINE)
            for name in set(names) - {"least_squares"}:  # a solver's, which has no steps of its own
                assert re.search(rf"\b{name}\b", every), name


# ------------------------------------------------------------------------------------------------ products


def _goes_to_blas(matrix: Any) -> bool:
    """Whether NumPy can hand an operand of a product to BLAS as it lies: one axis without gaps, the other one over it.

    What it can't, `dot` copies, and `matmul` multiplies by loops of its own.
    """
    size = matrix.itemsize
    if matrix.ndim < 2:
        return all(stride > 0 and stride % size == 0 for stride in matrix.strides) or matrix.size <= 1
    (rows, columns), (down, along) = matrix.shape[-2:], matrix.strides[-2:]
    by_rows = (along == size or columns == 1) and (rows == 1 or (down % size == 0 and down >= columns * size))
    by_columns = (down == size or rows == 1) and (columns == 1 or (along % size == 0 and along >= rows * size))
    return by_rows or by_columns


def _watched(product: Callable[..., Any], refused: list[str]) -> Callable[..., Any]:
    def call(a: Any, b: Any, out: Any = None) -> Any:
        for which, array in (("left", a), ("right", b), ("out", out)):
            if array is not None and not _goes_to_blas(array):
                refused.append(f"{which} of {product.__name__}: shape {array.shape}, strides {array.strides}")
        return product(a, b) if out is None else product(a, b, out=out)

    return call


def refused_operands(module: Any, n: int) -> list[str]:
    """What the products of a module's steps have that BLAS does not take."""
    refused: list[str] = []
    for name in ("dot", "matmul"):
        if hasattr(module, name):
            setattr(module, name, _watched(getattr(np, name), refused))
    for name, run in steps_of(module, n):
        with np.errstate(all="ignore"):
            run()
        assert not refused, f"{name}: {refused}"
    return refused


@pytest.mark.parametrize("name", NETWORKS)
def test_operands_of_products_go_to_blas_as_they_lie(name: str) -> None:
    assert not refused_operands(module_of(NETWORKS[name], WHOLE), 10)


def test_a_product_whose_operand_numpy_would_copy_is_found() -> None:
    refused: list[str] = []
    x = np.ones((8, 8), np.float32)
    _watched(np.matmul, refused)(x[:, ::2], x[::2])
    assert refused == ["left of matmul: shape (8, 4), strides (32, 8)"]
