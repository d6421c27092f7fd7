"""`Digits from "runs/Digits" frozen`: a model out of a run folder, which holds its program and its weights.

Only the folder's texts and the head of its weights file are read here; the numbers come when the program runs.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nndsl.check.places import folder_of, read_text, refuse_foreign
from nndsl.check.values import FieldInfo, Model, Run, describe
from nndsl.diagnostics import UserError, did_you_mean
from nndsl.ir import DType, Kind, TensorType
from nndsl.source import SourceFile, Span
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context

START_FILE = "run.json"
WEIGHTS_FILE = "weights.safetensors"
_LONGEST_HEAD = 64 * 1024 * 1024


def trained_model(context: Context, expression: tree.Trained) -> Model:
    """The model that the run's program calls so, with the run's weights; it gets its path where it is named."""
    if not isinstance(expression.model, tree.Name):
        raise context.mistake(
            "NN316",
            "before `from` stands the name of a model",
            expression.model.span,
            help='`body = Digits from "runs/Digits"`, and then `body(image)`',
        )
    name = expression.model.name
    run = _opened(context, expression.run)
    found = run.scope.find(name)
    if not isinstance(found, Model):
        models = [known for known in run.scope.own_names() if isinstance(run.scope.find(known), Model)]
        close = did_you_mean(name, models)
        what = "does not define it" if found is None else f"calls so {describe(found)}"
        raise context.mistake(
            "NN318",
            f"{expression.run.value} has no model {name}: its program {what}",
            expression.model.span,
            help=f"did you mean `{close}`?" if close else f"its models are: {', '.join(models) or 'none'}",
        )
    return replace(found, path="", source=found.path, frozen=expression.frozen, span=expression.span)


def at_path(model: Model, path: str) -> Model:
    """A model out of a run under the name that it gets here; one that has its name keeps it."""
    return replace(model, path=path) if model.run is not None and not model.path else model


def inside_run(context: Context, model: Model) -> Model:
    """A model that another model of a run applies: it goes with that one, weights, frozen or not, and all."""
    if model.run is None or model.source:
        return model
    frozen = next(frame.model.frozen for frame in reversed(context.frames) if frame.model is not None)
    return replace(model, path=f"{root_in_run(context, model)}/{model.path}", source=model.path, frozen=frozen)


def root_in_run(context: Context, model: Model) -> str:
    """The path here of the model that was taken out of the run and applies this one, at any depth; "" for itself."""
    for frame in reversed(context.frames):
        if frame.model is not None:
            return (frame.root or frame.path) if model.run is not None and frame.model.run is model.run else ""
    return ""


def source_of(context: Context, path: str, type: TensorType, span: Span) -> tuple[Run, str, bool] | None:
    """The run that a weight or state takes its values from, its path there, whether it is frozen; None for none.

    A mistake where the run has none of that name or of another shape.
    """
    for frame in reversed(context.frames):
        if frame.kind != "model":
            continue
        model = frame.model
        if model is None or model.run is None:
            return None
        source = model.source + path[len(model.path) :]
        shape = model.run.shapes.get(source)
        if shape is None:
            close = did_you_mean(source, model.run.shapes)
            raise _misfit(context, model, f"it has no {source}" + (f" (it has {close})" if close else ""), span)
        if shape != type.shape:
            raise _misfit(context, model, f"{source} is {list(shape)} there and {list(type.shape)} here", span)
        return model.run, source, model.frozen
    return None


def _misfit(context: Context, model: Model, why: str, span: Span) -> UserError:
    assert model.run is not None
    return context.mistake(
        "NN319",
        f"the weights of {model.run.name} do not fit {model.source}: {why}",
        model.span,
        help="shapes follow from what the model is applied to: give it values like those that it was trained on",
    )


# ------------------------------------------------------------------------------------------------ run folders


def _opened(context: Context, where: tree.String) -> Run:
    """The run in a folder, read once. It is looked for beside the file that names it, then in the current folder."""
    folder = _folder(context, where)
    if folder is None:
        raise context.mistake(
            "NN316",
            f"there is no run folder {where.value}",
            where.span,
            help="`nndsl run` trains a network and fills one; the path starts from this file's folder, or from the "
            "current one",
        )
    key = folder.resolve()
    if key not in context.runs:
        start = _start(context, folder, where)
        shapes = _shapes(context, folder / WEIGHTS_FILE, where)
        run = Run(where.value, key, shapes)
        program = _program(context, folder, str(start["file"]), where)
        sets = {str(name): str(text) for name, text in start.get("sets", {}).items()}
        run.scope = context.open_program(program, sets, run, _fields(start.get("fields", {}), where.span))
        context.runs[key] = run
    return context.runs[key]


def _folder(context: Context, where: tree.String) -> Path | None:
    """The folder that is meant; None where there is none. A mistake where the file may not name it."""
    bases = [folder_of(where), Path()]
    if context.main is not None and context.main.path is not None:
        bases.insert(1, context.main.path.parent)
    for base in bases:
        if (base / where.value).is_dir():
            refuse_foreign(context, where, base / where.value, base)
            return base / where.value
    return None


def _start(context: Context, folder: Path, where: tree.String) -> dict[str, Any]:
    try:
        said: Any = json.loads(read_text(folder / START_FILE))
        if isinstance(said["file"], str) and isinstance(said.get("sets", {}), dict):
            return said
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    inside = sorted(str(found.parent.name) for found in folder.glob(f"*/{START_FILE}"))
    help = f"it holds the runs {', '.join(inside[:5])}" if inside else "`nndsl run` fills a run folder"
    raise context.mistake("NN316", f"{where.value} is not a run: it has no {START_FILE}", where.span, help=help)


def _program(context: Context, folder: Path, file: str, where: tree.String) -> SourceFile:
    """The program as it was when it ran; the folder has copies of what it imports, too."""
    name = PurePosixPath(file).name
    try:
        text = read_text(folder / name)
    except (OSError, ValueError):
        raise context.mistake("NN316", f"{where.value} is not a run: it has no {name}", where.span) from None
    return SourceFile(f"{where.value}/{name}", text, folder / name)


def _shapes(context: Context, path: Path, where: tree.String) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays in a safetensors file, by name: its head is their list."""
    try:
        if not path.is_file():
            raise FileNotFoundError
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _LONGEST_HEAD:
                raise ValueError
            head: Any = json.loads(file.read(length))
        return {name: tuple(entry["shape"]) for name, entry in head.items() if name != "__metadata__"}
    except OSError:
        why = f"it has no {WEIGHTS_FILE}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        why = f"its {WEIGHTS_FILE} is damaged"
    raise context.mistake("NN316", f"{where.value} is not a run: {why}", where.span)


def _fields(said: Any, span: Span) -> dict[str, dict[str, FieldInfo]]:
    """What the run's data were, by block and field, so that a model can be made without them."""
    found: dict[str, dict[str, FieldInfo]] = {}
    try:
        for block, fields in said.items():
            found[str(block)] = {
                str(name): FieldInfo(
                    str(name),
                    TensorType(DType(each["dtype"]), tuple(map(int, each["shape"])), Kind.SAMPLE),
                    None if each["classes"] is None else tuple(map(str, each["classes"])),
                    each["ids"],
                    span,
                )
                for name, each in fields.items()
            }
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    return found
