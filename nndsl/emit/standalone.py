"""The whole text of a generated module."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from nndsl.collector import without_collecting
from nndsl.emit.clocked import CLOCK_NAMES, Sites
from nndsl.emit.declaration import TrainNames, layout_lines, program_lines
from nndsl.emit.generation import generation
from nndsl.emit.initial import data_functions, initialize
from nndsl.emit.layout import layout
from nndsl.emit.module import Module, snake_case
from nndsl.emit.names import Names, NodeNames
from nndsl.emit.paste import Runtime, runtime
from nndsl.emit.rates import rates
from nndsl.emit.steps import Part, field_types, report
from nndsl.emit.text import WIDTH, Spelling, literal, plain, ruled, wrapped
from nndsl.emit.textbook_steps import textbook_step
from nndsl.emit.workspaces import planned_step
from nndsl.plan import bytes_of_row, sharing_of
from nndsl.precision import float_bytes, floats_of, products_of
from nndsl.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nndsl.ir.program import Network, Once, Program, Show, StepGraph, TrainProgram
    from nndsl.ir.types import TensorType
    from nndsl.plan import Sharing

_QUIET_START = (
    "import os",
    "import signal",
    "",
    'if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:',
    "    # Ctrl-C while all this is being imported and defined; main takes over then.",
    "    signal.signal(signal.SIGINT, lambda *_: os._exit(130))",
)
"""Before anything that takes time."""

_OWN_NAMES = frozenset({"PROGRAM", "STATES", "WEIGHTS", "declaration", "initialize"})


@without_collecting
def emit(
    program: Program,
    *,
    level: int = 1,
    precision: str = "float32",
    sharings: Mapping[str, Sharing] | None = None,
    sites: Sites | None = None,
) -> str:
    """The module that trains, evaluates and predicts `program` with nothing but NumPy, as Python source.

    level: 0 writes the textbook form (plain expressions), 1 the planned form (buffers made once). precision: the
    program's floats, "float32" or "float64". sharings: how the planned form uses the processor, by train block; those
    that are not named take whole batches. sites: lets training steps tell their time (see `clocked.py`), and learns
    where. `program` is differentiated, and optimised as far as the caller wants it to be. The same program gives the
    same text.
    """
    step = planned_step if level > 0 else textbook_step
    target = Target(_documentation(program, level), runtime(), step, bare=level > 0)
    shares = {train.name: (sharings or {}).get(train.name) or sharing_of(train) for train in program.trains}
    return written(program, target, precision, shares, sites)


@dataclass(frozen=True, slots=True)
class Target:
    """What modules are written for.

    documentation: their docstring. pasted: the runtime behind. step: writes a part of a train block as a function.
    bare: commonest names of NumPy are taken bare. memory: the class of memories, where it is not `Memory`.
    """

    documentation: str
    pasted: Runtime
    step: Callable[[Module, TrainProgram, Part], str]
    bare: bool = True
    memory: str | None = None


def written(
    program: Program,
    target: Target,
    precision: str,
    sharings: Mapping[str, Sharing],
    sites: Sites | None = None,
) -> str:
    """The module of a program, for a target. precision: one of PRECISIONS."""
    pasted = target.pasted
    reserved = pasted.names | _OWN_NAMES | (frozenset[str]() if sites is None else CLOCK_NAMES)
    module = Module(
        program=program,
        precision=floats_of(precision),
        products=products_of(precision),
        layout=layout(program),
        names=Names(reserved - _OWN_NAMES),
        node_names=NodeNames(program),
        spelling=Spelling(bare=target.bare, excluded=pasted.names),
        reserved=reserved,
        sharings=dict(sharings),
        sites=sites,
    )
    trains = {train.name: _train_functions(module, train, target.step) for train in program.trains}
    networks = {network.name: _network_function(module, network, target.step) for network in program.networks}
    step_blocks = module.take()
    initialize_name = initialize(module)
    weight_blocks = [*_weight_tables(module), *module.take()]
    data = {each.name: data_functions(module, each) for each in program.data}
    data_blocks = module.take()
    declared = program_lines(
        module, _source_hash(program), __version__, initialize_name, data, trains, networks, target.memory
    )
    sections = [
        ("the mathematics", step_blocks),
        ("the weights", weight_blocks),
        ("the data", data_blocks),
        ("the declaration", ["\n".join(declared)]),
    ]
    text = [target.documentation, "", "from __future__ import annotations", "", *_imports(module, pasted), ""]
    for title, blocks in sections:
        if blocks:
            text += ["", ruled(title), *(f"\n\n{block.rstrip()}" for block in blocks), ""]
    text += ["", *_runtime_heading(), "", "", pasted.text.rstrip(), "", "", ruled("the program"), ""]
    text += ["PROGRAM = declaration()", "", 'if __name__ == "__main__":', "    main(PROGRAM)", ""]
    return "\n".join(text)


# ------------------------------------------------------------------------------------------------ train blocks


def _train_functions(
    module: Module, train: TrainProgram, step: Callable[[Module, TrainProgram, Part], str]
) -> TrainNames:
    """Write the functions of a train block."""
    name = snake_case(train.name)
    training = replace(train.training, reported=train.training.reported)
    evaluation = replace(train.evaluation, predictions=())
    prediction = replace(train.evaluation, totals=(), reported=(), states=(), minimizes=())
    fields, inputs = _step_fields(module, train)
    what = f"The train block {train.name}"
    once = () if train.once is None else _once_lines(module, train, train.once, step)
    training_name = step(
        module,
        train,
        Part(
            f"{name}_training",
            f"{what}: one step of training on a batch of n samples.",
            training,
            inputs,
            trains=True,
        ),
    )
    evaluation_name = step(
        module,
        train,
        Part(f"{name}_evaluation", f"{what}: the loss and metrics of n samples.", evaluation, inputs),
    )
    needed = _read_fields(prediction)
    prediction_name = None
    if prediction.predictions:
        prediction_name = step(
            module,
            train,
            Part(
                f"{name}_prediction", f"{what}: predictions for n samples.", prediction, tuple(sorted(needed.items()))
            ),
        )
    reported = report(module, train)
    shows = tuple(_show_function(module, train, show, step) for show in train.shows)
    return TrainNames(
        training_name,
        evaluation_name,
        reported,
        prediction_name,
        fields,
        tuple(sorted(needed)),
        generation(module, train, step),
        shows,
        None if train.curvature is None else _curvature_function(module, train, train.curvature, step),
        rates(module, train),
        once,
    )


def _step_fields(module: Module, train: TrainProgram) -> tuple[tuple[str, ...], tuple[tuple[str, TensorType], ...]]:
    """The fields of the data that training and evaluation need, and what their steps read, by name."""
    read = _read_fields(train.training) | _read_fields(replace(train.evaluation, predictions=()))
    types = {
        field.name: field.node.type for data in module.program.data if data.name == train.data for field in data.fields
    }
    if train.once is None:
        types |= read
        fields = {each: types[each] for each in (*train.fields, *sorted(read)) if each in types}
        return tuple(fields), tuple(fields.items())
    needed = (read | _read_fields(train.once.graph)).keys() & types.keys()
    inputs = {each: read[each] for each in (*train.fields, *sorted(read)) if each in read}
    return tuple(dict.fromkeys([*train.fields, *sorted(needed)])), tuple(inputs.items())


def _once_lines(
    module: Module, train: TrainProgram, once: Once, step: Callable[[Module, TrainProgram, Part], str]
) -> tuple[str, ...]:
    """Write the function of what is kept for each row; the lines of its record."""
    title = f"The train block {train.name}: what is the same for a row in every epoch, of n rows."
    fields = tuple(sorted(_read_fields(once.graph).items()))
    function = step(module, train, Part(f"{snake_case(train.name)}_once", title, once.graph, fields))
    threads = sharing_of(replace(train, training=once.graph)).blas_threads
    width = bytes_of_row(once, float_bytes(module.precision))
    names = literal(tuple(name for name, _ in fields))
    held = [f"    blas_threads={threads},"] if threads else []
    return ("once=Once(", f"    workspace={function},", f"    fields={names},", f"    width={width},", *held, "),")


def _curvature_function(
    module: Module, train: TrainProgram, graph: StepGraph, step: Callable[[Module, TrainProgram, Part], str]
) -> str:
    """Write the function of a solver's curvature; its name."""
    title = f"The train block {train.name}: the curvature of the loss times a direction, for n samples."
    fields = tuple(sorted(_read_fields(graph).items()))
    return step(module, train, Part(f"{snake_case(train.name)}_curvature", title, graph, fields))


def _show_function(
    module: Module, train: TrainProgram, show: Show, step: Callable[[Module, TrainProgram, Part], str]
) -> tuple[str, tuple[str, ...]]:
    """Write the function of a `show`; its name, and the fields that it reads."""
    needed = _read_fields(show.graph)
    name = f"{snake_case(train.name)}_show_{snake_case(show.name)}"
    title = f"The train block {train.name}: {show.name} of n samples, to look at."
    return step(module, train, Part(name, title, show.graph, tuple(sorted(needed.items())))), tuple(sorted(needed))


def _network_function(module: Module, network: Network, step: Callable[[Module, TrainProgram, Part], str]) -> str:
    """Write the function of a model on its own; its name."""
    title = f"The model {network.name} on its own, for n samples."
    fields = tuple((each.name, each.type) for each in network.inputs)
    return step(
        module, module.program.trains[0], Part(f"{snake_case(network.name)}_network", title, network.graph, fields)
    )


def _read_fields(graph: StepGraph) -> dict[str, TensorType]:
    reads = replace(graph, reported=())
    return field_types(reads.roots())


# ------------------------------------------------------------------------------------------------ the frame


def _weight_tables(module: Module) -> list[str]:
    weights = layout_lines(
        "WEIGHTS",
        "Every trained array and its shape, as they lie one after another in flat vectors.",
        module.layout.weights,
    )
    states = layout_lines(
        "STATES", "What steps change without a gradient, such as moving averages.", module.layout.states
    )
    return ["\n".join([*weights, "", *states])]


def _source_hash(program: Program) -> str:
    """SHA-256 over every `.nn` text of the program that is not the library's."""
    digest = sha256()
    for source in program.sources or (program.file,):
        if not source.library:
            digest.update(source.text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _documentation(program: Program, level: int) -> str:
    name = plain(program.file.name.rpartition("/")[2])
    form = "its mathematics as in a textbook" if level == 0 else "every buffer made once, then straight lines of NumPy"
    lines = [f'"""{name} in NumPy: {form}.', ""]
    lines += wrapped(
        f"Written by nndsl {__version__}. It needs NumPy and nothing else, and may be imported or run:", width=WIDTH
    )
    file = f"{name.removesuffix('.nn').replace(' ', '_')}.py"
    lines += [
        "",
        f"    python {file} train DATA.npz --weights WEIGHTS.npz",
        f"    python {file} evaluate DATA.npz --weights WEIGHTS.npz",
        f"    python {file} predict DATA.npz --weights WEIGHTS.npz -o PREDICTIONS.csv",
        f"    python {file} check-gradients DATA.npz",
        '"""',
    ]
    return "\n".join(lines)


def _imports(module: Module, pasted: Runtime) -> list[str]:
    """Every import: the two that a quiet start needs, the standard library's, NumPy's, methods of its ufuncs."""
    taken = {name: set(names) for name, names in pasted.imports.items()}
    if module.spelling.imported:
        taken.setdefault("numpy", set()).update(module.spelling.imported)
    whole = (taken.pop("", set()) | {"numpy as np"}) - {"os", "signal"}
    lines = [_sorted_imports(whole, taken, numpy=numpy) for numpy in (False, True)]
    bound = [f"{method.replace('.', '_')} = {method}" for method in sorted(module.spelling.bound)]
    return [*_QUIET_START, "", *lines[0], "", *lines[1], *(["", *bound] if bound else [])]


def _sorted_imports(whole: Iterable[str], taken: dict[str, set[str]], *, numpy: bool) -> list[str]:
    lines = [f"import {name}" for name in sorted(whole) if name.startswith("numpy") is numpy]
    for module_name in sorted(name for name in taken if name.startswith("numpy") is numpy):
        names = sorted(taken[module_name])
        line = f"from {module_name} import {', '.join(names)}"
        lines.append(
            line if len(line) <= WIDTH else f"from {module_name} import (\n    " + ",\n    ".join(names) + ",\n)"
        )
    return lines


def _runtime_heading() -> list[str]:
    rule = "# " + "=" * (WIDTH - 2)
    return [
        rule,
        *wrapped(
            "The runtime. From here on the text is the same in every module that nndsl writes: random draws, data, the "
            "training loop, the command line.",
            "# ",
        ),
        rule,
    ]
