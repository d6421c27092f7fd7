"""Runs side by side: how they were set, how they went and what came out, read from their folders."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nndsl.check.blocks.settings import CALLBACKS, FALLING, RISING, SETTINGS
from nndsl.diagnostics import UserError, error
from nndsl.runs.history import Curves, read_history
from nndsl.runs.run_folder import HISTORY_FILE, SUMMARY_FILE
from nndsl.runtime.weights import WEIGHTS_FILE
from nndsl.source import SourceFile
from nndsl.syntax import parse, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nndsl.source import Span

START_FILE = "run.json"
_LONGEST_HEAD = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Best:
    """The best value of a reported number over the epochs, and the epoch that it is of."""

    value: float
    epoch: int


@dataclass(slots=True)
class RunFacts:
    """What a run folder says.

    settings: texts by name, in the order of the program: values of `let`, settings and callbacks of the train block,
    its optimizers, seed and precision. blocks: the program's other parts, as texts to compare. parameters: numbers
    that it trained and states. results: what was evaluated at the end, by part and name. curves: over `epochs`.
    """

    folder: Path
    name: str
    train: str = ""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    blocks: dict[str, str] = field(default_factory=dict[str, str])
    parameters: int | None = None
    steps: int | None = None
    seconds: float | None = None
    results: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    epochs: list[int] = field(default_factory=list[int])
    curves: Curves = field(default_factory=dict[str, dict[str, list[float]]])

    @property
    def watched(self) -> str:
        """The part of the data whose curves tell how good the run is."""
        return (
            "validation" if any(any(map(isfinite, p.get("validation", ()))) for p in self.curves.values()) else "train"
        )

    def last(self, reported: str) -> float:
        """The last value of a reported number on the watched part; nan where there is none."""
        values = self.curves.get(reported, {}).get(self.watched, [])
        return values[-1] if values else nan

    def best(self, reported: str) -> Best | None:
        """The best value of a reported number on the watched part."""
        more = more_is_better(reported)
        pairs = zip(self.curves.get(reported, {}).get(self.watched, ()), self.epochs, strict=False)
        known = [(value, epoch) for value, epoch in pairs if isfinite(value)]
        if more is None or not known:
            return None
        value, epoch = max(known, key=lambda pair: (pair[0] if more else -pair[0], -pair[1]))
        return Best(value, epoch)


def more_is_better(reported: str) -> bool | None:
    """Whether more of a reported number is better, or less; None where its name does not say."""
    if reported.endswith(RISING):
        return True
    return False if reported.endswith(FALLING) or reported.rpartition("_")[0] == "loss" else None


# ------------------------------------------------------------------------------------------------ reading


def read_runs(folders: Sequence[Path]) -> list[RunFacts]:
    """The runs in these folders; a folder that is no run stands for the runs right inside of it.

    Raises UserError NN603 where there is none, NN613 for a damaged history.
    """
    found: list[Path] = []
    for folder in folders:
        inside = sorted(each for each in folder.glob("*") if _is_run(each)) if folder.is_dir() else []
        if not _is_run(folder) and not inside:
            what = "there is no folder" if not folder.is_dir() else "not a run, and there is none in it:"
            raise UserError(error("NN603", f"{what} {folder}", help="`nndsl run` trains a network and fills one"))
        found += [folder] if _is_run(folder) else inside
    distinct = list({folder.resolve(): folder for folder in found}.values())
    return [read_run(folder, name) for folder, name in zip(distinct, _names(distinct), strict=True)]


def _is_run(folder: Path) -> bool:
    return (folder / HISTORY_FILE).is_file() or (folder / SUMMARY_FILE).is_file()


def _names(folders: Sequence[Path]) -> list[str]:
    """What to call runs: as little of their paths as tells them apart."""
    for length in range(1, 20):
        names = ["/".join(folder.resolve().parts[-length:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def read_run(folder: Path, name: str) -> RunFacts:
    """What the folder of a run says; what it does not say is left out."""
    start, summary = _json(folder / START_FILE), _json(folder / SUMMARY_FILE)
    parameters, about = _weights(folder / WEIGHTS_FILE)
    facts = RunFacts(folder, name, str(start.get("train", "")), parameters=parameters)
    _read_program(folder, start, facts)
    for setting, value in (("seed", about.get("seed")), ("precision", start.get("precision"))):
        if value is not None:
            facts.settings[setting] = str(value)
    facts.steps, facts.seconds = _number(summary.get("steps")), _number(summary.get("seconds"))
    for part in ("train", "validation", "test"):
        numbers = _numbers(summary.get(part))
        if numbers:
            facts.results[part] = numbers
    if (folder / HISTORY_FILE).is_file():
        facts.epochs, facts.curves = read_history(folder / HISTORY_FILE)
    return facts


def _json(path: Path) -> dict[str, Any]:
    try:
        said: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _numbers(said: Any) -> dict[str, float]:
    items = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    return {name: value if isinstance(value, int | float) else nan for name, value in items.items()}


def _weights(path: Path) -> tuple[int | None, dict[str, Any]]:
    """How many numbers a weights file holds, and what it says about itself; its head only is read."""
    from math import prod

    from nndsl.runtime.standalone.array_files import SAFETENSORS_METADATA

    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            head: Any = json.loads(file.read(length)) if length <= _LONGEST_HEAD else {}
        metadata = head.pop("__metadata__", {})
        about: Any = json.loads(metadata.get(SAFETENSORS_METADATA, "{}"))
        shapes = [entry["shape"] for name, entry in head.items() if ":" not in name]
        return sum(prod(shape) for shape in shapes), dict(about)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, {}


# ------------------------------------------------------------------------------------------------ the program


def _read_program(folder: Path, start: Mapping[str, Any], facts: RunFacts) -> None:
    """The settings and the blocks of the program as it ran; its `let`s are what `--set` made of them."""
    said: Any = start.get("sets")
    sets = {name: str(text) for name, text in cast("dict[str, Any]", said).items()} if isinstance(said, dict) else {}
    facts.settings.update(sets)
    path = folder / Path(str(start.get("file", ""))).name
    try:
        program = parse(SourceFile(path.name, path.read_text(encoding="utf-8")))
    except (OSError, ValueError, UserError):
        return
    for item in program.items:
        match item:
            case tree.Let(name=name, value=value):
                facts.settings[name.name] = sets.get(name.name, words_of(value.span))
            case tree.Train(name=name) if name.name == facts.train:
                _read_train(item, facts)
            case tree.Train() | tree.Import():
                pass
            case tree.Definition(kind=kind, name=name):
                facts.blocks[f"{kind} {name.name}"] = words_of(item.span)
            case tree.Alias(name=name):
                facts.blocks[f"model {name.name}"] = words_of(item.span)
            case tree.Data(name=name):
                facts.blocks[f"data {name.name}"] = words_of(item.span)


def _read_train(block: tree.Train, facts: RunFacts) -> None:
    """The settings of a train block with their defaults, its callbacks, its losses and optimizers."""
    known = {setting.name: setting.default for setting in SETTINGS}
    facts.settings.update({name: str(value).lower() for name, value in known.items() if value is not None})
    facts.settings.pop("steps" if block.data is not None else "epochs", None)
    rest: list[str] = []
    counts: dict[str, int] = {}

    def keep(name: str, text: str) -> None:
        counts[name] = counts.get(name, 0) + 1
        facts.settings[name if counts[name] == 1 else f"{name} {counts[name]}"] = text

    for statement in _all(block.body):
        match statement:
            case tree.Binding(names=(tree.Name(name=name),)) if name in known:
                facts.settings[name] = words_of(statement.value.span)
            case (
                tree.Apply(value=tree.Name(name=name)) | tree.Apply(value=tree.Call(function=tree.Name(name=name)))
            ) if name in CALLBACKS:
                keep(name, words_of(statement.value.span))
            case tree.MinimizeStatement():
                keep("minimize", words_of(statement.loss.span))
                for group in statement.groups:
                    for name, text in _optimizer(group):
                        keep(name, text)
            case _:
                rest.append(words_of(statement.span))
    facts.blocks[f"train {block.name.name}"] = "\n".join(rest)


def _optimizer(group: tree.OverUsing) -> Iterator[tuple[str, str]]:
    """An optimizer and each of its arguments: so that one can be seen to differ."""
    from nndsl.check.library import definition

    expression = group.optimizer
    if not isinstance(expression, tree.Call):
        yield "optimizer", words_of(expression.span)
    else:
        name = words_of(expression.function.span)
        yield "optimizer", name
        known = definition(name)
        order = [parameter.name.name for parameter in known.parameters] if known is not None else []
        for position, item in enumerate(expression.arguments):
            place = order[position] if position < len(order) else f"argument {position + 1}"
            yield f"optimizer {item.name or place}", words_of(item.value.span)
    for clip in group.clips:
        yield str(clip.name), words_of(clip.value.span)


def _all(statements: Iterable[tree.Statement]) -> Iterator[tree.Statement]:
    for statement in statements:
        match statement:
            case tree.If():
                yield from _all((*statement.body, *statement.otherwise))
            case tree.For() | tree.Repeat():
                yield from _all(statement.body)
            case _:
                yield statement


def words_of(span: Span) -> str:
    """A part of a program on one line, without its comments."""
    from nndsl.syntax.lexer import tokens_of

    text, end, pieces = span.file.text, span.start, list[str]()
    for token in tokens_of(span.file, span.start, span.end, lambda _: None):
        word = text[token.start : token.end].strip()
        if word:
            pieces += [" " if token.start > end else "", word]
            end = token.end
    return "".join(pieces)


# ------------------------------------------------------------------------------------------------ side by side


def differing(runs: Sequence[RunFacts]) -> dict[str, list[str]]:
    """What is not the same for all runs: settings by their values ("" where a run has none), blocks by their forms."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        values = [run.settings.get(name, "") for run in runs]
        if len(set(values)) > 1:
            found[name] = values
    for name in dict.fromkeys(name for run in runs for name in run.blocks):
        texts = [run.blocks.get(name) for run in runs]
        kinds = list(dict.fromkeys(text for text in texts if text is not None))
        if len(set(texts)) > 1:
            found[name] = ["none" if text is None else f"form {kinds.index(text) + 1}" for text in texts]
    return found
