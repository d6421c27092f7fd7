"""From a path to a model: read, check, compile, execute."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.runtime.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nndsl.emit import Sites
    from nndsl.ir.program import KnownTable, Program
    from nndsl.plan import PlanOptions
    from nndsl.runtime.planning import Planned
    from nndsl.source import SourceFile


def load(
    path: str | Path,
    *,
    sets: Mapping[str, Any] | None = None,
    train: str | None = None,
    seed: int = 0,
    precision: str = "float32",
    level: int = 1,
    allow_paths: Iterable[str | Path] = (),
) -> Model:
    """The `.nn` file at `path`, checked and compiled.

    sets: other values for its `let`s. train: only this train block. seed: what everything random follows from.
    precision: "float32" or "float64". level: 0 for textbook code, 1 for planned. allow_paths: folders of which files
    may be named by what the file imports, besides their own. Raises UserError with everything that is wrong with it.
    """
    file = read_program(Path(path), tuple(map(Path, allow_paths)))
    given = {name: _as_written(value) for name, value in (sets or {}).items()}
    model = compiled(file, sets=given, train=train, seed=seed, precision=precision, level=level)
    for warning in model.checked.warnings:
        place = f"{warning.labels[0].span}: " if warning.labels else ""
        warnings.warn(f"{place}{warning.code}: {warning.message}", stacklevel=2)
    return model


def compiled(
    file: SourceFile,
    *,
    sets: Mapping[str, str],
    train: str | None = None,
    seed: int = 0,
    precision: str = "float32",
    level: int = 1,
    verify: bool = False,
    plan: PlanOptions | None = None,
    device: str = "cpu",
    known_tables: Mapping[str, KnownTable] | None = None,
) -> Model:
    """As `load`, for a file that is open; `sets` hold the text of each value. known_tables: as `check` has them.

    Raises UserError.
    """
    from nndsl.check import check

    checked = check(file, sets=sets, only=train, known_tables=known_tables)
    return model_of(
        checked, sets=sets, seed=seed, precision=precision, level=level, verify=verify, plan=plan, device=device
    )


def model_of(
    checked: Program,
    *,
    sets: Mapping[str, str] | None = None,
    seed: int = 0,
    precision: str = "float32",
    level: int = 1,
    verify: bool = False,
    plan: PlanOptions | None = None,
    device: str = "cpu",
) -> Model:
    """The model of a checked program; device: where it computes, "cpu" or "gpu"."""
    from nndsl.precision import float_bytes
    from nndsl.runtime.footprint import refuse_weights
    from nndsl.runtime.modules import Generated, run_folders
    from nndsl.runtime.planning import planned_of

    refuse_weights(checked, float_bytes(precision))
    planned = planned_of(checked, precision=precision, level=level, verify=verify, plan=plan, device=device)
    source = _source(planned, precision, level, device)
    generated = Generated(source, f"<compiled {checked.file.name}>", run_folders(checked))
    return Model(
        checked,
        generated,
        sets or {},
        seed,
        sharings=planned.sharings,
        planned=planned.program,
        device=device,
    )


def generate(
    checked: Program,
    *,
    precision: str = "float32",
    level: int = 1,
    verify: bool = False,
    plan: PlanOptions | None = None,
    sites: Sites | None = None,
    device: str = "cpu",
) -> str:
    """The Python source of a checked program, compiled as `planned_of` says.

    sites: lets training steps on the CPU tell their time, and learns where. device: "cpu" or "gpu".
    """
    from nndsl.runtime.planning import planned_of

    planned = planned_of(checked, precision=precision, level=level, verify=verify, plan=plan, device=device)
    return _source(planned, precision, level, device, sites)


def _source(planned: Planned, precision: str, level: int, device: str, sites: Sites | None = None) -> str:
    """The Python source of a planned program."""
    if device == "gpu":
        from nndsl.emit.cupy import emit_cupy

        return emit_cupy(planned.program, precision=precision)
    from nndsl.emit import emit

    return emit(planned.program, level=level, precision=precision, sharings=planned.sharings, sites=sites)


def read_program(path: Path, allowed: tuple[Path, ...] = ()) -> SourceFile:
    """The text of a `.nn` file; what it imports may name files in `allowed` folders.

    Raises UserError NN601 where there is none, NN602 where it is not text.
    """
    from nndsl.source import SourceFile

    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise UserError(error("NN602", f"{path} is not UTF-8 text (at byte {failure.start})")) from None
    except OSError as failure:
        raise UserError(error("NN601", f"can't read {path}: {(failure.strerror or str(failure)).lower()}")) from None
    return SourceFile(str(path), text.replace("\r\n", "\n").replace("\r", "\n"), path, allowed=allowed)


def _as_written(value: Any) -> str:
    """A Python value as a `.nn` file would say it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType] - of whatever the caller gave
        return f"[{', '.join(map(_as_written, items))}]"
    return str(value)
