"""Applies a change of nodes to every graph of a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from nndsl import ops
from nndsl.ir.program import State, StepGraph, Total, Weight
from nndsl.ir.types import DType

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import DataProgram, Program, TrainProgram

Kept = TypeVar("Kept", Weight, State)
Change = Callable[[tuple["Node", ...]], tuple["Node", ...]]
"""New roots for old ones, of the same types and in the same order."""


def over_graphs(program: Program, change: Change) -> Program:
    """`program` with each of its graphs changed: initial values together, each data block, each step."""
    initial = change(tuple([kept.initial for kept in (*program.weights, *program.states)]))
    weights, states = initial[: len(program.weights)], initial[len(program.weights) :]
    return replace(
        program,
        weights=tuple([_from(w, node) for w, node in zip(program.weights, weights, strict=True)]),
        states=tuple([_from(s, node) for s, node in zip(program.states, states, strict=True)]),
        data=tuple(_over_data(data, change) for data in program.data),
        trains=tuple(_over_train(train, change) for train in program.trains),
        networks=tuple(replace(network, graph=_over_graph(network.graph, change)) for network in program.networks),
    )


def _from(kept: Kept, initial: Node) -> Kept:
    """A weight or state that starts from `initial`."""
    return kept if kept.initial is initial else replace(kept, initial=initial)


def over_training(program: Program, change: Change) -> Program:
    """`program` with the graphs changed that its train blocks train by."""
    trains = (replace(train, training=_over_graph(train.training, change)) for train in program.trains)
    return replace(program, trains=tuple(trains))


def over_answering(program: Program, change: Change) -> Program:
    """`program` with the graphs changed that train blocks evaluate and predict by, and models on their own."""
    trains = (replace(train, evaluation=_over_graph(train.evaluation, change)) for train in program.trains)
    networks = (replace(network, graph=_over_graph(network.graph, change)) for network in program.networks)
    return replace(program, trains=tuple(trains), networks=tuple(networks))


def graphs(program: Program) -> list[tuple[str, tuple[Node, ...]]]:
    """Every graph of a program by a name for messages: its roots, grouped as `over_graphs` groups them."""
    found = [("initial values", tuple(kept.initial for kept in (*program.weights, *program.states)))]
    found += [(f"data {data.name}", _data_roots(data)) for data in program.data]
    for train in program.trains:
        found.append((f"training of {train.name}", train.training.roots()))
        found.append((f"evaluation of {train.name}", train.evaluation.roots()))
        found += [(f"`show {show.name}` of {train.name}", show.graph.roots()) for show in train.shows]
        if train.generation is not None and train.generation.one_time is not None:
            one_time = train.generation.one_time
            found.append((f"one time of {train.name}", (*one_time.first.roots(), *one_time.step.roots())))
        if train.curvature is not None:
            found.append((f"curvature of {train.name}", train.curvature.roots()))
    found += [(f"model {network.name} on its own", network.graph.roots()) for network in program.networks]
    return found


def _data_roots(data: DataProgram) -> tuple[Node, ...]:
    return tuple(each.node for each in (*data.fits, *data.series, *data.fields))


def _over_data(data: DataProgram, change: Change) -> DataProgram:
    nodes = change(_data_roots(data))
    fits, others = nodes[: len(data.fits)], nodes[len(data.fits) :]
    series, fields = others[: len(data.series)], others[len(data.series) :]
    return replace(
        data,
        fits=tuple(replace(fit, node=node) for fit, node in zip(data.fits, fits, strict=True)),
        series=tuple(replace(each, node=node) for each, node in zip(data.series, series, strict=True)),
        fields=tuple(replace(field, node=node) for field, node in zip(data.fields, fields, strict=True)),
    )


def _over_train(train: TrainProgram, change: Change) -> TrainProgram:
    return replace(
        train,
        training=_over_graph(train.training, change),
        evaluation=_over_graph(train.evaluation, change),
        shows=tuple(replace(show, graph=_over_graph(show.graph, change)) for show in train.shows),
        curvature=None if train.curvature is None else _over_graph(train.curvature, change),
        generation=train.generation and train.generation.over_graphs(lambda graph: _over_graph(graph, change)),
    )


def _over_graph(graph: StepGraph, change: Change) -> StepGraph:
    roots = graph.roots()
    changed = change(roots)
    return graph if changed == roots else graph.with_roots(changed)


def uncast_totals(program: Program) -> Program:
    """total(cast(x)) -> total(x), for x true or false or a whole number: totals are sums in float64 anyway."""
    trains = (
        replace(train, training=_uncast(train.training), evaluation=_uncast(train.evaluation))
        for train in program.trains
    )
    return replace(program, trains=tuple(trains))


def _uncast(graph: StepGraph) -> StepGraph:
    return replace(graph, totals=tuple(Total(_without_cast(total.node)) for total in graph.totals))


def _without_cast(node: Node) -> Node:
    whole = node.op is ops.cast and node.inputs[0].type.dtype is not DType.FLOAT
    return node.inputs[0] if whole and node.type.dtype is not DType.BOOL else node
