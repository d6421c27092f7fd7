"""Models on their own, after training: an encoder without its decoder, a generator from noise of one's own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nndsl.runtime.standalone.batches import len_of
from nndsl.runtime.standalone.data import prepare_new
from nndsl.runtime.standalone.files import FileError
from nndsl.runtime.standalone.loop import filled
from nndsl.runtime.standalone.program import Array, Memory, Network, NetworkInput, Program, Table
from nndsl.runtime.standalone.steps import Workspaces

NETWORK_BATCH = 256


def network_fields(program: Program, network: Network, memory: Memory, columns: Mapping[str, Array]) -> Table:
    """The network's inputs, by name, from what a file holds.

    An input that is a field of the data is prepared from raw columns as that field is; any other is there as it is,
    under its name, or is the one array that is there. Raises FileError or DataError.
    """
    prepared = {each.field: each.name for each in network.inputs if each.field is not None}
    fields: Table = {}
    if network.data is not None and prepared:
        learnt = memory.fitted.get(network.data, {})
        found = prepare_new(program.data[network.data], columns, learnt, tuple(prepared), program.dtype)
        fields = {each.name: found[each.field] for each in network.inputs if each.field is not None}
    for each in network.inputs:
        if each.name not in fields:
            fields[each.name] = _as_given(network, each, columns)
    lengths = {name: len(values) for name, values in fields.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise FileError(f"the inputs of {network.name} should have equally many rows, and {said}")
    return fields


def _as_given(network: Network, wanted: NetworkInput, columns: Mapping[str, Array]) -> Array:
    values = columns.get(wanted.name)
    if values is None and len(columns) == len(network.inputs) == 1:
        (values,) = columns.values()
    if values is None:
        there = ", ".join(columns) or "nothing"
        raise FileError(f"{network.name} needs an array {wanted.name!r} for its input; there is {there}")
    if values.shape[1:] != wanted.shape:
        raise FileError(
            f"the input {wanted.name!r} of {network.name} is {list(wanted.shape)} for each row, "
            f"and the array there is {list(values.shape[1:])}"
        )
    kinds = {"float": "fiub", "int": "iu", "bool": "b"}[wanted.dtype]
    if values.dtype.kind not in kinds:
        raise FileError(f"the input {wanted.name!r} of {network.name} is {wanted.dtype}, and the array {values.dtype}")
    return values


def apply_network(network: Network, memory: Memory, fields: Table, seed: int) -> dict[str, Array]:
    """The network's outputs for all rows, (rows, ...) each."""
    rows = len_of(fields)
    workspaces = Workspaces(network.workspace, memory, seed)
    found: dict[str, Array] = {}
    for first in range(0, rows, NETWORK_BATCH):
        step = filled(workspaces, fields, first, min(NETWORK_BATCH, rows - first))
        for name, values in step.outputs.items():
            if name not in found:
                found[name] = np.empty((rows, *values.shape[1:]), values.dtype)
            found[name][first : first + len(values)] = values
    return found
