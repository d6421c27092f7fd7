"""The command line of a standalone file: train, evaluate, predict, check-gradients."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from nndsl.runtime.standalone.batches import DataPart
from nndsl.runtime.standalone.callbacks import TrainingError
from nndsl.runtime.standalone.columns import DataError
from nndsl.runtime.standalone.data import load_data, new_part
from nndsl.runtime.standalone.files import (
    FileError,
    read_columns,
    read_weights,
    write_history,
    write_predictions,
    write_weights,
)
from nndsl.runtime.standalone.gradient_check import check_gradients, gradient_table, trained_weights
from nndsl.runtime.standalone.lines import epoch_line, is_told, numbers_line
from nndsl.runtime.standalone.loop import (
    EpochDone,
    FitDone,
    class_names,
    epoch_count,
    evaluate,
    expectation_holds,
    fit,
    predict,
)
from nndsl.runtime.standalone.networks import apply_network, network_fields
from nndsl.runtime.standalone.once import kept_bytes, of_rows
from nndsl.runtime.standalone.program import Array, Memory, Program, Train
from nndsl.runtime.standalone.shows import shows_of, write_shown
from nndsl.runtime.standalone.steps import StepDone
from nndsl.runtime.standalone.stored import StoredColumn
from nndsl.runtime.standalone.texts import space_before, text_parts
from nndsl.runtime.standalone.writing import TextWriter, WritingError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MISTAKE = 1
INTERRUPTED = 130
BROKEN_PIPE = 141

LARGEST_DATA = 0.5
"""Of the machine's memory: what a file of data may take without being streamed."""

LARGEST_KEPT = 0.25
"""Of the machine's memory: what is the same for a row in every epoch is kept up to this, and else computed again."""


class Interruption:
    """While it is entered, Ctrl-C and SIGTERM set `asked` and let the step end; a second one interrupts at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._ask)
            except ValueError:
                break  # Not the main thread: it gets no signals, whoever runs it stops it in another way.
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def main(program: Program) -> NoReturn:
    """Runs the command line of this process and ends it."""
    if callable(signal.getsignal(signal.SIGINT)):
        # The file's own beginning had it end the process at once.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = run_command(program, sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone. Python flushes stdout when it ends: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    sys.exit(code)


def harmless(text: str) -> str:
    """A text that may be anybody's, with the characters that a terminal would obey written out as Python would."""
    letters = (each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)
    return "".join(letters)


def run_command(program: Program, arguments: Sequence[str]) -> int:
    """Runs one command. Exit code: 0 done, 1 a mistake in files or values, 130 interrupted.

    Raises SystemExit: 2 for a command line that makes no sense, 0 for `--help`.
    """
    try:
        options = _parser(program).parse_args(arguments)
        with np.errstate(all="ignore"):
            return options.command(program, options)
    except (DataError, FileError, TrainingError, WritingError) as error:
        sys.stderr.write(f"error: {harmless(str(error))}\n")
        return MISTAKE
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


def _parser(program: Program) -> ArgumentParser:
    from argparse import ArgumentParser

    needs = "only NumPy" if program.memory_class is Memory else "CuPy, nvmath-python and a GPU"
    parser = ArgumentParser(description=f"A network and its training, made from {program.source}; needs {needs}.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    columns = "an .npz file of the raw columns, a row for each sample"

    def command(name: str, function: Any, summary: str, data: str | None) -> ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(command=function)
        added.add_argument("data", metavar="DATA.npz", nargs=data, type=Path, help=columns)
        added.add_argument("--train", metavar="NAME", choices=list(program.trains), help="which train block")
        added.add_argument("--seed", type=_seed, help="what everything random follows from; 0 if not given")
        return added

    training = command("train", _train, "train the network", "?")
    training.add_argument("--epochs", type=_count, metavar="N", help="instead of the program's")
    training.add_argument("--batch-size", type=_count, metavar="N", help="instead of the program's")
    training.add_argument("--start", type=Path, metavar="W.npz", help="weights to begin with")
    training.add_argument("--weights", type=Path, metavar="W.npz", help="where to write the weights")
    training.add_argument("--history", type=Path, metavar="H.csv", help="where to write a row for each epoch")
    if any(train.shows for train in program.trains.values()):
        training.add_argument("--show", type=Path, metavar="FOLDER", help="where to write what is shown, as .npz files")
    evaluating = command("evaluate", _evaluate, "evaluate the network on one part of the data", "?")
    evaluating.add_argument("--weights", type=Path, metavar="W.npz", required=True, help="what train wrote")
    evaluating.add_argument("--part", help="train, validation or test; the last there is if not given")
    predicting = command("predict", _predict, "predict for new rows", None)
    predicting.add_argument("--weights", type=Path, metavar="W.npz", required=True, help="what train wrote")
    if program.networks:
        predicting.add_argument("--model", choices=list(program.networks), help="this model on its own")
    predicting.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="an .npz or .csv file")
    if any(train.generation is not None for train in program.trains.values()):
        _add_generating(commands.add_parser("generate", help="write on from a prompt"), program)
    command("check-gradients", _check, "compare the gradients with finite differences, in float64", "?")
    return parser


def _add_generating(parser: ArgumentParser, program: Program) -> None:
    parser.description = "Let the network write on from a prompt."
    parser.set_defaults(command=_generate)
    parser.add_argument("--weights", type=Path, metavar="W.npz", required=True, help="what train wrote")
    parser.add_argument("--prompt", metavar="TEXT", default="\n", help="what it goes on from; a new line if not given")
    parser.add_argument("--length", type=_count, metavar="N", default=400, help="how many characters or words; 400")
    parser.add_argument("--temperature", type=_temperature, metavar="T", default=1.0, help="less is surer; 1")
    parser.add_argument("--top-k", type=_count, metavar="K", help="only the K likeliest are drawn from")
    parser.add_argument("--by-window", action="store_true", help="carry nothing on: read the last window each time")
    parser.add_argument("--train", metavar="NAME", choices=list(program.trains), help="which train block")
    parser.add_argument("--seed", type=_seed, help="what the draws follow from; 0 if not given")


def _count(text: str) -> int:
    """A whole number of at least 1; argparse says it where it is not."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _temperature(text: str) -> float:
    """A number of at least 0."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def _seed(text: str) -> int:
    """A whole number from 0 to 2^63 - 1."""
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError
    return number


_count.__name__ = "positive whole number"
_temperature.__name__ = "temperature (a number from 0 on)"
_seed.__name__ = "seed (a whole number from 0 on)"


# ------------------------------------------------------------------------------------------------ commands


def _train(program: Program, options: Namespace) -> int:
    seed = options.seed or 0
    memory = program.memory(seed)
    if options.start is not None:
        read_weights(options.start, program, memory)
    rows: list[dict[str, float]] = []
    code = 0
    for train in _chosen(program, options):
        parts = _parts(program, train, memory, options.data, seed)
        done = _fitted(train, memory, parts, seed, options, rows)
        if isinstance(done, FitDone):
            code = max(code, _finished(train, memory, parts, seed, done))
        if options.history is not None:
            write_history(options.history, rows)
        if options.weights is not None:
            about = {"train": train.name, "seed": seed, "epochs": len(rows), "version": program.version}
            write_weights(options.weights, program, memory, about)
            sys.stdout.write(f"weights written to {options.weights}\n")
        if done is None:
            sys.stderr.write("interrupted\n")
            return INTERRUPTED
    return code


def _fitted(
    train: Train,
    memory: Memory,
    parts: Mapping[str, DataPart],
    seed: int,
    options: Namespace,
    rows: list[dict[str, float]],
) -> FitDone | None:
    """Trains, tells of each epoch and adds its row. None where Ctrl-C ended it."""
    epochs = epoch_count(train, options.epochs)
    if kept_bytes(train, parts) > LARGEST_KEPT * _machine_memory():
        train = of_rows(train)
    folder: Path | None = getattr(options, "show", None)
    shows = shows_of(train, memory, parts, seed, options.epochs)
    with Interruption() as interruption:
        for event in fit(train, memory, parts, seed, options.epochs, options.batch_size):
            if folder is not None:
                for shown in shows.after(event):
                    write_shown(folder, shown)
            match event:
                case StepDone():
                    if interruption.asked:
                        return None
                case EpochDone():
                    rows.append(event.row())
                    if is_told(event.epoch, epochs):
                        sys.stdout.write(f"{epoch_line(event, epochs)}\n")
                        sys.stdout.flush()
                case FitDone():
                    sys.stdout.writelines(f"{note}\n" for note in memory.notes)
                    return event
    return None


def _finished(train: Train, memory: Memory, parts: Mapping[str, DataPart], seed: int, done: FitDone) -> int:
    """Says how training ended, evaluates the test part and looks at what was expected. The exit code."""
    if done.stopped is not None:
        sys.stdout.write(f"stopped after epoch {done.epochs}: {done.stopped}\n")
    if done.restored is not None:
        sys.stdout.write(f"the weights are those of epoch {done.restored}\n")
    found = {part: evaluate(train, memory, fields, seed) for part, fields in parts.items() if _is_asked(train, part)}
    if "test" in found:
        sys.stdout.write(f"test  {numbers_line(found['test'])}\n")
    code = 0
    for part, metric, operator, bound in train.expectations:
        if part in found and not expectation_holds(found[part][metric], operator, bound):
            sys.stderr.write(f"error: {part} {metric} is {found[part][metric]:.6g}, expected {operator} {bound:.6g}\n")
            code = MISTAKE
    return code


def _is_asked(train: Train, part: str) -> bool:
    return part == "test" or any(part == expected for expected, _, _, _ in train.expectations)


def _evaluate(program: Program, options: Namespace) -> int:
    memory, about = _trained(program, options)
    seed = int(about.get("seed", 0)) if options.seed is None else options.seed
    for train in _chosen(program, options):
        parts = _parts(program, train, memory, options.data, seed, fitted=True)
        part = options.part or next(name for name in ("test", "validation", "train") if name in parts)
        if part not in parts:
            raise TrainingError(f"the data has no part {part}: it has {', '.join(parts)}")
        sys.stdout.write(f"{part}  {numbers_line(evaluate(train, memory, parts[part], seed))}\n")
    return 0


def _predict(program: Program, options: Namespace) -> int:
    memory, about = _trained(program, options)
    seed = int(about.get("seed", 0)) if options.seed is None else options.seed
    if getattr(options, "model", None) is not None:
        network = program.networks[options.model]
        columns = {name: values[slice(None)] for name, values in _one_table(options.data).items()}
        inputs = network_fields(program, network, memory, columns)
        return _written(options.output, apply_network(network, memory, inputs, seed))
    train = next((train for train in _chosen(program, options) if train.prediction is not None), None)
    if train is None or train.data is None:
        raise TrainingError(f"{program.source} has no train block with data and a `predict` line")
    data = program.data[train.data]
    stream = _is_streamed(train, options.data)
    columns = _one_table(options.data, stream)
    learnt = memory.fitted.get(train.data, {})
    part = new_part(data, columns, learnt, train.prediction_fields, program.dtype, stream)
    return _written(options.output, class_names(train, predict(train, memory, part, seed)))


def _written(path: Path, found: Mapping[str, Array]) -> int:
    write_predictions(path, found)
    sys.stdout.write(f"predictions for {len(next(iter(found.values())))} rows written to {path}\n")
    return 0


def _generate(program: Program, options: Namespace) -> int:
    memory, about = _trained(program, options)
    trains = [program.trains[options.train]] if options.train else list(program.trains.values())
    train = next((train for train in trains if train.generation is not None), trains[0])
    writer = TextWriter(program, train, memory, int(about.get("seed", 0)), by_window=options.by_window)
    level = writer.generation.level
    prompt = text_parts(options.prompt, level)
    written = writer.write(prompt, options.length, options.temperature, options.top_k, options.seed or 0)
    sys.stdout.write(options.prompt.removeprefix("\n"))
    for part in written:
        written = space_before(part, level) + part
        sys.stdout.write(harmless(written) if sys.stdout.isatty() else written)
        sys.stdout.flush()
    sys.stdout.write("\n")
    return 0


def _check(program: Program, options: Namespace) -> int:
    seed = options.seed or 0
    code = 0
    for train in _chosen(program, options):
        has_rows = train.data is not None and (options.data is not None or program.data[train.data].inline is not None)
        memory = Memory(program, program.dtype)
        fields = _parts(program, train, memory, options.data, seed)["train"] if has_rows else None
        errors = check_gradients(program, train, fields, seed, memory.fitted)
        checked = trained_weights(program, train)
        others = [path for path, _ in program.weights if path not in checked]
        sys.stdout.write(f"{train.name}: gradients of the loss against central differences in float64\n")
        sys.stdout.write(f"{gradient_table(errors, others)}\n")
        if not all(error.agrees for error in errors):
            code = MISTAKE
    return code


# ------------------------------------------------------------------------------------------------ what commands share


def _chosen(program: Program, options: Namespace) -> list[Train]:
    """The train blocks meant. Raises TrainingError where their data differ and one must be picked."""
    if options.train is not None:
        return [program.trains[options.train]]
    trains = list(program.trains.values())
    if not trains:
        raise TrainingError(f"{program.source} has no train block")
    if len({train.data for train in trains if train.data is not None}) > 1:
        raise TrainingError(f"train blocks with different data: pick one of {', '.join(program.trains)} by --train")
    return trains


def _trained(program: Program, options: Namespace) -> tuple[Memory, dict[str, Any]]:
    """A memory with the weights of the file that the user names, and what that file says about itself."""
    memory = program.memory_class(program, program.dtype)
    return memory, read_weights(options.weights, program, memory)


def _parts(
    program: Program, train: Train, memory: Memory, path: Path | None, seed: int, fitted: bool = False
) -> dict[str, DataPart]:
    """Every part of the data. What is learnt from training rows goes to `memory`, or comes from it if `fitted`."""
    if train.data is None:
        return {}
    data = program.data[train.data]
    if path is None and data.inline is None:
        raise TrainingError(f"{train.name} is trained on {data.name}: say which .npz file has its columns")
    stream = path is not None and _is_streamed(train, path)
    tables = {} if path is None else read_columns(path, stream)
    learnt = memory.fitted.get(data.name, {}) if fitted else None
    prepared = load_data(data, tables, seed, dtype=program.dtype, fitted=learnt, fields=train.fields, stream=stream)
    memory.fitted[data.name] = prepared.fitted
    return prepared.parts


def _is_streamed(train: Train, path: Path) -> bool:
    """Whether data is read batch by batch: as the program says, else if the file is larger than half the memory."""
    if train.settings.get("stream") is not None:
        return bool(train.settings["stream"])
    return path.is_file() and path.stat().st_size > LARGEST_DATA * _machine_memory()


def _machine_memory() -> float:
    """Bytes; infinitely many where the system does not tell."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return inf
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _one_table(path: Path, stream: bool = False) -> dict[str, Array | StoredColumn]:
    tables = read_columns(path, stream)
    if list(tables) != ["all"]:
        raise FileError(f"{path} should hold the columns of the rows to predict, and no parts")
    return tables["all"]
