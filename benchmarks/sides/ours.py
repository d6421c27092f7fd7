"""nndsl's side: the generated module's own step function, as `nndsl run` calls it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.networks.network import Columns, Network, Weights
from benchmarks.sides.side import Side

if TYPE_CHECKING:
    from nndsl.runtime.model import Model

NAME = "nndsl"


def model_of(network: Network, folder: Path, options: str = "") -> tuple[Model, Columns]:
    """A network compiled as `nndsl run` does with these options ("--threads 2 --tile 16"), and a batch.

    Its program and its data are put into `folder`.
    """
    from nndsl.cli.compiling import modelled
    from nndsl.cli.files import open_program
    from nndsl.cli.options import plan_of
    from nndsl.cli.run import command
    from nndsl.runtime.devices import choose

    columns = network.columns(network.batch)
    np.savez(folder / "batch.npz", **columns)  # pyright: ignore[reportArgumentType]
    path = folder / "net.nn"
    path.write_text(network.program, encoding="utf-8")
    given: dict[str, Any] = command.make_context("run", [str(path), *options.split()]).params
    model = modelled(
        open_program(path),
        given["sets"],
        precision=given["precision"],
        level=given["level"],
        plan=plan_of(**{name: given[name] for name in ("tile", "threads", "memory", "without")}),
        device=choose(given["device"]).device,
    )
    return model, columns


def ours(network: Network, folder: Path, options: str = "") -> tuple[Side, Weights, Columns]:
    """Nndsl on a network; also the initial weights and the batch, for the others to start from."""
    model, columns = model_of(network, folder, options)
    side, weights = side_of(model, network, columns, f"{NAME} {options}".rstrip())
    return side, weights, columns


def side_of(model: Model, network: Network, columns: Columns, name: str) -> tuple[Side, Weights]:
    """A compiled network ready to be timed, and the weights that it begins with."""
    generated = model.generated
    train = generated.program.trains["Net"]
    memory = generated.memory(seed=0)
    memory.begin(train)
    weights = {path: memory.weight(path).copy() for path, _ in generated.program.weights}
    step = train.training(network.batch, memory, 0)
    _take(step, memory, columns, network.batch)
    run = step.run
    count = 0

    def one_step() -> None:
        nonlocal count
        count += 1
        run(count, 1, 0)

    def losses() -> tuple[float, ...]:
        step.totals[:] = 0
        one_step()
        while memory.notes:
            print(f"{network.name}: {memory.notes.pop()}", file=sys.stderr)
        return tuple(map(float, train.report(step.totals, network.batch, count, 1).values()))

    assert train.prediction is not None
    whole, single = (train.prediction(rows, memory, 0) for rows in (network.batch, 1))
    _take(whole, memory, columns, network.batch)
    _take(single, memory, columns, 1)

    @contextmanager
    def held() -> Generator[None]:
        with np.errstate(all="ignore"), generated.names["blas_threads"](train.blas_threads):
            yield

    return Side(name, one_step, losses, lambda: whole.run(0, 0, 0), lambda: single.run(0, 0, 0), held=held), weights


def _take(step: Any, memory: Any, columns: Columns, rows: int) -> None:
    """Gives a step the first rows; on a device it has them there, and takes them anew at every run, as in training."""
    part = {name: columns[name][:rows].astype(buffer.dtype) for name, buffer in step.inputs.items()}
    memory.hold([part], 0)
    step.taking(part, None)(0)
