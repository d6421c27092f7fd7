"""What is the same for a row in every epoch: computed once, before the first step, and kept as further fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nndsl.runtime.standalone.batches import DataPart, filled_batches, len_of
from nndsl.runtime.standalone.program import Memory, Once, Step, Train, Workspace
from nndsl.runtime.standalone.steps import Workspaces
from nndsl.runtime.standalone.threads import blas_threads

KEPT_PARTS = ("train", "validation")
"""What training goes through again and again."""


def kept_bytes(train: Train, parts: Mapping[str, DataPart]) -> int:
    """The memory of what is kept of a block's data while it is trained; 0 where its data is streamed."""
    if train.once is None or not are_held(parts):
        return 0
    return train.once.width * sum(len_of(parts.get(name)) for name in KEPT_PARTS)


def are_held(parts: Mapping[str, DataPart]) -> bool:
    """Whether the data is in memory, not streamed: then more can be kept beside it."""
    return all(isinstance(parts.get(name, {}), dict) for name in KEPT_PARTS)


def with_kept(
    train: Train, memory: Memory, parts: Mapping[str, DataPart], seed: int, batch_size: int
) -> dict[str, DataPart]:
    """The parts that training goes through, with what is kept for each row as further fields, computed now.

    The batches are as large as those of training, so that BLAS takes the same way through the products.
    """
    once = train.once
    found = {name: parts[name] for name in KEPT_PARTS if name in parts}
    if once is None:
        return found
    workspaces = Workspaces(once.workspace, memory, seed, train.one_workspace)
    with blas_threads(once.blas_threads):
        for name, part in found.items():
            samples = len_of(part)
            if not isinstance(part, dict) or not samples:
                continue
            fields = dict(part)
            for first, n, step in filled_batches(part, None, batch_size, workspaces.of):
                step.run(0, 0, first)
                for output, values in step.outputs.items():
                    if output not in fields:
                        fields[output] = np.empty((samples, *values.shape[1:]), values.dtype)
                    fields[output][first : first + n] = values
            found[name] = fields
    return found


def of_rows(train: Train) -> Train:
    """The block with steps that take rows of the data alone: what could be kept for them is computed in each step."""
    once, solver = train.once, train.solver
    if once is None:
        return train
    if solver is not None and solver.curvature is not None:
        solver = replace(solver, curvature=_behind(once, solver.curvature))
    return replace(
        train,
        training=_behind(once, train.training),
        evaluation=_behind(once, train.evaluation),
        solver=solver,
        blas_threads=once.blas_threads,
        once=None,
    )


def _behind(once: Once, workspace: Workspace) -> Workspace:
    """A step that computes what could be kept for its rows, and then goes on as `workspace` does."""

    def make(n: int, memory: Memory, seed: int) -> Step:
        before, step = once.workspace(n, memory, seed), workspace(n, memory, seed)
        inputs = {**step.inputs, **before.inputs}
        for name in before.outputs:
            inputs.pop(name, None)
        same = [(target, before.inputs[name]) for name, target in step.inputs.items() if name in before.inputs]
        made = [(step.inputs[name], name) for name in before.outputs if name in step.inputs]

        def run(number: int, epoch: int, first: int) -> None:
            before.run(number, epoch, first)
            for target, source in same:
                np.copyto(target, source)
            for target, name in made:
                np.copyto(target, before.outputs[name])
            step.run(number, epoch, first)

        return Step(run, inputs, step.outputs, step.totals)

    return make
