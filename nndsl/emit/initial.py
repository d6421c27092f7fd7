"""Initial weights and states, and what the data's fields are: functions that run once, in textbook form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.declaration import DataNames
from nndsl.emit.headings import Headings, heading_line
from nndsl.emit.host import HostLeaf, HostNumbers
from nndsl.emit.module import snake_case
from nndsl.emit.names import Names
from nndsl.emit.text import REAL, comment, plain, string
from nndsl.emit.textbook import TextbookCode
from nndsl.ir.graph import reachable
from nndsl.ops import column, fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.program import DataProgram, State, Weight

_SAMPLES = re.compile(r"\bn\b")


def _no_number_of_the_step(node: Node) -> HostLeaf:
    raise InternalError(f"emit: {node!r} outside of a step")


def _code(module: Module, names: Names, leaf: Callable[[Node], str | None], dtype: str) -> TextbookCode:
    host = HostNumbers(_no_number_of_the_step, names, module.node_names)
    return TextbookCode(leaf, names, module.node_names, host, module.spelling, dtype)


def initialize(module: Module) -> str:
    """Write the function that draws every initial weight and state; its name."""
    layout = module.layout
    names = Names(module.reserved | {"memory", "seed", REAL})
    code = _code(module, names, lambda _: None, REAL)
    kept = [(w, f"memory.weight({string(w.path)})") for w in layout.weights if w.source is None]
    kept += [(s, f"memory.state({string(s.path)})") for s in layout.states if s.source is None]
    nodes = reachable(each.initial for each, _ in kept)
    code.survey(nodes)
    headings = Headings()
    written: set[Node] = set()
    for each, target in kept:
        heading = headings.of(each.origin)
        if heading != headings.current:
            headings.current = heading
            code.lines += ["", heading_line(heading, "")]
        if each.initial not in written:
            new = [node for node in reachable([each.initial]) if node not in written]
            written.update(new)
            for node in new:
                code.write(node)
        code.lines.append(f"{target}[...] = {code.value(each.initial)}")
    code.lines += _from_runs([*layout.weights, *layout.states])
    body = [
        '"""Initial weights and states, all random ones drawn by `seed`, into the memory."""',
        *([f"{REAL} = memory.dtype.type"] if any(REAL in line for line in code.lines) else []),
        *(code.lines or ["del memory, seed  # there are none"]),
    ]
    return module.function("initialize", "(memory, seed)", body)


def _from_runs(kept: Iterable[Weight | State]) -> list[str]:
    """The lines that read what earlier runs trained."""
    runs: dict[str, list[str]] = {}
    for each in kept:
        if each.source is not None:
            pair = f"    {string(each.path)}: {string(each.source.path)},"
            runs.setdefault(each.source.run, []).append(pair)
    return [
        line
        for run, pairs in runs.items()
        for line in ("", comment(f"from {run}"), f"take_from_run(memory, {string(run)}, {{", *pairs, "})")
    ]


def data_functions(module: Module, data: DataProgram) -> DataNames:
    """Write what a data block learns from its training rows, and how it computes its fields; the functions' names."""
    name = snake_case(data.name)
    fits = _fits(module, data, name)
    series = None
    if data.series:
        what = "What the windows of the data {} are made of, for each row."
        series = _values(module, data, f"{name}_series", what, [(each.name, each.node) for each in data.series])
    what = "The fields of the data {}, for any number of rows."
    prepare = _values(module, data, f"{name}_prepare", what, [(each.name, each.node) for each in data.fields])
    return DataNames(fits, prepare, series)


def _fits(module: Module, data: DataProgram, name: str) -> tuple[str, ...]:
    """The functions that say of which values something is learnt, those first that need nothing learnt before."""
    rounds: dict[str, int] = {}
    for fit in data.fits:
        needed = [rounds[str(node["name"])] for node in reachable([fit.node]) if node.op is fitted]
        rounds[fit.name] = max(needed, default=0) + 1
    what = "Of what the data {} learns something, by name: the statistic, and the values of any training rows."
    written: list[str] = []
    for number in sorted(set(rounds.values())):
        fits = [fit for fit in data.fits if rounds[fit.name] == number]
        kinds = {fit.name: fit.statistic for fit in fits}
        function = f"{name}_fit" if number == 1 else f"{name}_fit_{number}"
        written.append(_values(module, data, function, what, [(fit.name, fit.node) for fit in fits], kinds))
    return tuple(written)


def _values(
    module: Module,
    data: DataProgram,
    name: str,
    what: str,
    values: list[tuple[str, Node]],
    statistics: Mapping[str, str] | None = None,
) -> str:
    """A function of columns and what was learnt, giving these values by name, each beside its statistic if it has."""
    names = Names(module.reserved | {"columns", "fitted", "n"})

    def leaf(node: Node) -> str | None:
        if node.op is column:
            return f"columns[{string(str(node['name']))}]"
        return f"fitted[{string(str(node['name']))}]" if node.op is fitted else None

    code = _code(module, names, leaf, "float64")
    nodes = reachable(node for _, node in values)
    code.survey(nodes, [node for _, node in values])
    for node in nodes:
        code.write(node)
    texts = {key: code.array(node) for key, node in values}
    if statistics is not None:
        texts = {key: f"({string(statistics[key])}, {text})" for key, text in texts.items()}
    pairs = [f"    {string(key)}: {text}," for key, text in texts.items()]
    body = [
        f'"""{what.format(plain(data.name))}"""',
        *_row_count(data, code.lines),
        *code.lines,
        *(["return {", *pairs, "}"] if pairs else ["return {}"]),
    ]
    return module.function(name, "(columns, fitted)", body)


def _row_count(data: DataProgram, lines: list[str]) -> list[str]:
    """The line that counts the rows, where any line needs their number."""
    if not data.columns or not any(_SAMPLES.search(line) for line in lines):
        return []
    return [f"n = len(columns[{string(data.columns[0].key)}])"]
