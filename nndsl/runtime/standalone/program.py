"""What a generated module declares about itself: its weights, its data, its train blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nndsl.runtime.standalone.alignment import aligned_zeros
from nndsl.runtime.standalone.shared import can_share, shared_zeros

Array = NDArray[Any]
"""An array of numbers, truth values or text."""

Table = dict[str, Array]
"""Columns or fields by name, one row each along the first axis."""

State = dict[str, Any]
"""What something goes on from: plain numbers, texts, truth values, None, and arrays of numbers, by name."""

Layout = tuple[tuple[str, tuple[int, ...]], ...]
"""Paths and shapes of the parts of a flat vector, in their order, without gaps."""


class Memory:
    """Everything that training changes: flat vectors of weights, gradients and states, and what optimizers remember.

    weights, gradients, states: 1-D, of type `dtype`; `weight(path)`, `gradient(path)`, `state(path)` are its parts.
    slots: an optimizer's arrays, shaped like the flat weights of their group, by "<train>/<minimize>.<update>/<name>".
    scalars: an optimizer's numbers, by the same kind of name; they are replaced, not changed in place.
    directions: 1-D, what a solver asks the curvature along; empty where there is none. `direction(path)` is its part.
    updating: whether the optimizers of a block with several minimizes act; a check of its gradients asks them not to.
    After a training step `gradients` still holds the gradients as differentiation gave them, before any clipping.
    fitted: for each data block what was learnt from its training rows, by name. assumed: what stands for it where
    gradients are checked on drawn inputs, without any data.
    notes: what users should be told of how the steps run.
    last_of_step: whether the next batch is the last one of its step; where gradients are accumulated, the others only
    add theirs up, and it makes the update with their mean.

    shared: whether copies of this process that work beside it see the vectors and slots, and it what they write there.

    The vectors are made once and never replaced, so workspaces may keep views of them.
    """

    def __init__(self, program: Program, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self._weight_places = _places(program.weights)
        self._state_places = _places(program.states)
        self.shared = any(train.processes for train in program.trains.values()) and can_share()
        self.weights: Array = self.zeros(_size(program.weights))
        self.gradients: Array = self.zeros(_size(program.weights))
        self.states: Array = self.zeros(_size(program.states))
        self.directions: Array = np.zeros(0, self.dtype)
        self.slots: dict[str, Array] = {}
        self.scalars: dict[str, float] = {}
        self.fitted: dict[str, Table] = {}
        self.assumed: float | None = None
        self.notes: list[str] = []
        self.updating = True
        self.last_of_step = True
        self._sums: Array = np.zeros(0, self.dtype)
        self._summed = 0.0
        self._batches = 0
        self._scratch: Array = np.zeros(0, self.dtype)

    def zeros(self, *shape: int, dtype: DTypeLike | None = None) -> Array:
        """Zeros of the memory's floats, or of another type, for all processes that work on the step to see."""
        kind = self.dtype if dtype is None else dtype
        return shared_zeros(shape, kind) if self.shared else aligned_zeros(shape, kind)

    def weight(self, path: str) -> Array:
        """The weight at `path`, a view in its own shape."""
        start, stop, shape = self._weight_places[path]
        return self.weights[start:stop].reshape(shape)

    def has_weight(self, path: str) -> bool:
        """Whether a weight is called so."""
        return path in self._weight_places

    def gradient(self, path: str) -> Array:
        """The gradient of the weight at `path`, a view in the weight's shape."""
        start, stop, shape = self._weight_places[path]
        return self.gradients[start:stop].reshape(shape)

    def direction(self, path: str) -> Array:
        """A solver's direction for the weight at `path`, a view in the weight's shape."""
        start, stop, shape = self._weight_places[path]
        return self.directions[start:stop].reshape(shape)

    def positions(self, paths: Sequence[str]) -> NDArray[np.intp]:
        """Where the weights at `paths` lie in the flat vectors, one after another."""
        return np.concatenate([np.arange(*self._weight_places[path][:2]) for path in paths])

    def state(self, path: str) -> Array:
        """The state at `path`, a view in its own shape."""
        start, stop, shape = self._state_places[path]
        return self.states[start:stop].reshape(shape)

    def accumulated(self, weight: float) -> bool:
        """Takes in the gradients of a batch; says whether the step is complete: `gradients` then hold the mean of all.

        weight: of this batch in that mean, the number of its samples or the sum of their weights.
        """
        if self.last_of_step and not self._batches:
            return True
        if not self._batches:
            self._sums = np.zeros_like(self.gradients) if not self._sums.size else self._sums
            self._sums.fill(0.0)
            self._summed = 0.0
        self.gradients *= float(weight)
        self._sums += self.gradients
        self._summed += float(weight)
        self._batches += 1
        if not self.last_of_step:
            return False
        np.divide(self._sums, self._summed or 1.0, out=self.gradients)
        self._batches = 0
        return True

    def learnt(self, data: str, name: str, shape: tuple[int, ...]) -> Array:
        """A constant [shape] that a data block learnt from its training rows, in the memory's floats."""
        if self.assumed is not None and data not in self.fitted:
            return np.full(shape, self.assumed, self.dtype)
        return np.asarray(self.fitted[data][name], self.dtype)

    def twin(self, *, with_states: bool = False) -> Memory:
        """This memory with gradients of its own, and where that is wanted states; all else is shared."""
        twin = copy(self)
        twin.gradients = self.zeros(self.gradients.size)
        if with_states:
            twin.states = self.zeros(self.states.size)
        return twin

    def note(self, text: str) -> None:
        """Something to tell, once."""
        if text not in self.notes:
            self.notes.append(text)

    def hold(self, parts: Sequence[Table], room: int) -> None:
        """Says that steps will go through these parts again and again, and that they need `room` bytes themselves.

        Where steps run on a device, it may keep the parts there.
        """

    def weight_range(self) -> tuple[float, float]:
        """The least and the largest weight; nan where one is."""
        weights = self.weights
        return (float(weights.min()), float(weights.max())) if weights.size else (0.0, 0.0)

    def average_in(self, slot: str, momentum: float) -> None:
        """Moves a slot towards the weights: momentum * slot + (1 - momentum) * weights."""
        average = self.slots[slot]
        average *= momentum
        average += np.multiply(self.weights, 1.0 - momentum, out=self._averaged())

    def _averaged(self) -> Array:
        """A vector as long as the weights, for what is computed on the way."""
        if self._scratch.size != self.weights.size:
            self._scratch = np.empty_like(self.weights)
        return self._scratch

    def begin(self, train: Train) -> None:
        """Gives the optimizers of `train` their initial slots and numbers. Comes before its workspaces are made."""
        self.last_of_step = True
        self._batches = 0
        if train.solver is not None and not self.directions.size:
            self.directions = np.zeros_like(self.weights)
        for name, size, initial in train.slots:
            if name not in self.slots:
                self.slots[name] = self.zeros(size)
            self.slots[name].fill(initial)
        for name, initial in train.scalars:
            self.scalars[name] = initial
        if train.settings.get("use_ema"):
            self.slots[average_slot(train)] = np.zeros_like(self.weights)


def average_slot(train: Train) -> str:
    """What the memory calls the moving average of a block's weights."""
    return f"{train.name}/average"


def _places(layout: Layout) -> dict[str, tuple[int, int, tuple[int, ...]]]:
    """For each path: where it starts and stops in the flat vector, and its shape."""
    places: dict[str, tuple[int, int, tuple[int, ...]]] = {}
    start = 0
    for path, shape in layout:
        size = int(np.prod(shape, dtype=np.int64))
        places[path] = (start, start + size, shape)
        start += size
    return places


def _size(layout: Layout) -> int:
    return sum(int(np.prod(shape, dtype=np.int64)) for _, shape in layout)


@dataclass(frozen=True, slots=True)
class Step:
    """A workspace for batches of one size: every buffer, made once, and the function that computes one step in them.

    run: `run(step, epoch, first)` computes one step over what the caller put into `inputs`. `step` and `epoch` count
        from 1 (`step` is 0 outside of training); `first` is the position of the batch's first sample in its epoch or
        part, for random draws. That of a share of a batch is a generator, see `Shares`.
    inputs: for each field a buffer (n, ...) that the caller fills before `run`.
    outputs: what was predicted, (n, ...) each, valid until the next `run`.
    totals: float64 sums over samples; `run` adds to them, the caller zeroes them.
    """

    run: Callable[[int, int, int], Any]
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    totals: NDArray[np.float64]

    def taking(self, part: Table, order: NDArray[np.int64] | None) -> Callable[[int], None]:
        """What gives the step the samples from a position on, before its `run` with that position as `first`.

        part: fields by name. order: in which their rows are gone through; None as they lie.
        """
        take = np.take
        inputs = [(part[name], target) for name, target in self.inputs.items()]

        def lying(first: int) -> None:
            for source, target in inputs:
                target[...] = source[first : first + len(target)]

        def ordered(first: int) -> None:
            assert order is not None
            for source, target in inputs:
                # Indices are in range; "clip" spares the copy that NumPy makes of `target` to be safe against others.
                take(source, order[first : first + len(target)], 0, target, "clip")

        return lying if order is None else ordered


Workspace = Callable[[int, Memory, int], Step]
"""`workspace(n, memory, seed)`: makes the step for batches of n samples. Floats are of `memory.dtype`, which may differ
from the program's own: gradients are checked in float64."""


@dataclass(frozen=True, slots=True)
class Show:
    """A value that is shown while a block is trained, in evaluation form: the workspace's output of the same name.

    fields: what it reads. every, unit: after every so many "epochs" or "steps", and when training ends; 0: only then.
    samples: of how many samples.
    """

    name: str
    workspace: Workspace
    fields: tuple[str, ...]
    every: int
    unit: str
    samples: int


@dataclass(frozen=True, slots=True)
class Solver:
    """What changes the weights of a block instead of optimizers, all samples at once.

    name: "Newton", "LBFGS" or "LevenbergMarquardt". arguments: all of them. weights: paths of those that it changes.
    curvature: the workspace that leaves the curvature of the loss along `Memory.directions` in the memory's gradients;
    None for LBFGS.
    """

    name: str
    arguments: Mapping[str, bool | int | float | str | None]
    weights: tuple[str, ...]
    curvature: Workspace | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """What is the same for a row of the data in every epoch, so that it can be kept beside the data's fields.

    workspace: its outputs are these values, called like the fields that a block's steps read them as; it changes
    nothing else. fields: those that it reads. width: the bytes of a row's values. blas_threads: as a block's.
    """

    workspace: Workspace
    fields: tuple[str, ...]
    width: int
    blas_threads: int = 0
    processes: bool = False


@dataclass(frozen=True, slots=True)
class OneTime:
    """A prediction over a window, for one time after another.

    carries: what goes in and comes out. first: the workspace whose outputs are the carries before the first time; None
    where there are none.
    step: the workspace of one time: its inputs are `fields` and the carries, its outputs the prediction and the carries
    for the next time.
    """

    carries: tuple[str, ...]
    fields: tuple[str, ...]
    first: Workspace | None
    step: Workspace


@dataclass(frozen=True, slots=True)
class Generation:
    """How a block writes on from a text.

    prediction: whose scores the next part is drawn by. column: key of the column whose ids they are for. level:
    "characters" or "words". window: how many of them the network reads. over_time: whether it answers at each of them,
    or after the last. times: the fields that have them all, and along which axis. one_time: the same for one of them
    after another, where that is possible.
    """

    prediction: str
    column: str
    level: str
    window: int
    over_time: bool
    times: Mapping[str, int]
    one_time: OneTime | None = None


@dataclass(frozen=True, slots=True)
class Train:
    """A train block.

    name: as the run folder is called. data: name of its data block, None for fresh draws in every step.
    fields: fields of the data that `training` and `evaluation` need. prediction_fields: those of `prediction`.
    training, evaluation: workspaces; both have the same totals. prediction: None where the block has no `predict`.
    reported: names of what `report` gives, "loss" first.
    report: `report(totals, samples, step, epoch)`: the reported numbers by name, from the sums over `samples` samples.
        What is not defined (0 / 0) is nan, never an exception.
    rates: `rates(memory, step, epoch)`: the learning rates that change, by name; None where none does.
    prediction_classes: for each predicted value, in order, the class names of its ids, or None.
    settings: every setting of the block, defaults included: "epochs" or "steps", "batch_size", "shuffle", ...
    trained: paths of the weights that some `minimize` of the block updates.
    losses: for each weight whose gradient is of a later minimize's loss that loss's name; of the others it is "loss".
    slots: (name, size, initial value) of each array of its optimizers. scalars: (name, initial value) of each number.
    blas_threads: how many threads its matrix products are held to; 0 leaves that to the BLAS library.
    processes: whether shares of a batch are worked on by processes of their own, not by threads.
    room: bytes that its steps take on a device: those that they always do, and those for each sample of a batch.
    one_workspace: memory is short, so that only the workspace in use is kept, not one for each batch size and one for
        validation.
    callbacks: (name, arguments). expectations: (part, metric, operator, bound), as ("test", "accuracy", ">=", 0.9).
    shows: what is drawn while it is trained. solver: what changes the weights in place of optimizers, or None.
    generation: how it writes on from a text; None where it can't. once: what `training`, `evaluation` and the solver's
        curvature read besides fields of the data; `of_rows` makes a block of it that needs the data alone.
    """

    name: str
    data: str | None
    fields: tuple[str, ...]
    settings: Mapping[str, bool | int | float | str | None]
    training: Workspace
    evaluation: Workspace
    reported: tuple[str, ...]
    report: Callable[[NDArray[np.float64], int, int, int], dict[str, float]]
    rates: Callable[[Memory, int, int], dict[str, float]] | None = None
    prediction: Workspace | None = None
    prediction_fields: tuple[str, ...] = ()
    prediction_classes: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict[str, tuple[str, ...] | None])
    trained: tuple[str, ...] = ()
    losses: Mapping[str, str] = field(default_factory=dict[str, str])
    slots: tuple[tuple[str, int, float], ...] = ()
    scalars: tuple[tuple[str, float], ...] = ()
    blas_threads: int = 0
    processes: bool = False
    room: tuple[int, int] = (0, 0)
    one_workspace: bool = False
    callbacks: tuple[tuple[str, Mapping[str, bool | int | float | str | None]], ...] = ()
    expectations: tuple[tuple[str, str, str, float], ...] = ()
    shows: tuple[Show, ...] = ()
    solver: Solver | None = None
    generation: Generation | None = None
    once: Once | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A raw column that the data's fields are computed from.

    key: its name in `Data.fit` and `Data.prepare`. name: its name in the file; several keys may read one column.
    role: "number" (as it is), "class" (ids 0..k-1 of `names`; any other is an error), "category" (ids 1..k of those
        of `names` that the training rows have, 0 for any other) or "text" (ids 2.. of the words or characters, as
        `level` says, that the training rows have most often, 1 for any other, 0 behind the end; ids are below
        `vocabulary`; `lowercase`: of the text in small letters).
    shape: of one row, of a text the number of its ids. fill: what stands for a missing text; None where a missing
    value is an error. A number's is only that it is not None: a missing one stays nan, and the fields' computation
    replaces it. dtype: of a number, "float", "int" or "bool".
    """

    key: str
    name: str
    role: str
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    fill: str | None = None
    dtype: str = "float"
    level: str = ""
    vocabulary: int = 0
    lowercase: bool = False

    @property
    def learns_names(self) -> bool:
        """Whether the names behind its ids are learnt from the training rows."""
        return self.role in ("category", "text")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the data: name, kind of number ("float", "int" or "bool"), one sample's shape, and its class names.

    classes: None where it has none. columns: keys of the columns that it is computed from (empty: not known, it may be
    any); new rows may lack the columns that no wanted field needs, a label's for instance. limits: the least and the
    largest number that the program can use (of numbers with their fractions dropped); None for any.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    classes: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Values of several rows as a column `key`: those of `series` in the rows `first` to `last`, counted from its row.

    stacked: whether they stand along an axis of their own, [last - first + 1, ...]; else first is last.
    """

    key: str
    series: str
    first: int
    last: int
    stacked: bool = True


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of the rows by part, in the order written: (("train", 0.8), ("test", 0.2)).

    stratify: the field whose classes every part gets in equal shares. group: key of the column whose equal values
    stay together. in_order: parts follow one another in the rows' order; otherwise the rows are shuffled first.
    """

    parts: tuple[tuple[str, float], ...]
    stratify: str | None = None
    group: str | None = None
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """A data block: which columns it needs, how its fields are computed, how its rows are split.

    columns, fields, split: as above; without a split all rows are "train".
    fit: functions `fit(columns, fitted)`: of which values of any rows something is learnt, by name, as (statistic,
    values [n, ...]); columns by key, encoded (ids for texts). Each finds in `fitted` what those before it have learnt.
    prepare: `prepare(columns, fitted)`: every field for each row, by name, in the program's types.
    inline: rows written in the file itself, by column name; None where rows come from a file.
    windows: columns that look at several rows. Rows of a part that lack some of theirs in that part are left out, and
    of the others all but each `stride`th. series: `series(columns, fitted)`: what they look at, for each row, by name.
    """

    name: str
    columns: tuple[Column, ...]
    fields: tuple[Field, ...]
    fit: tuple[Callable[[Table, Table], dict[str, tuple[str, Array]]], ...]
    prepare: Callable[[Table, Table], Table]
    split: Split | None = None
    inline: Mapping[str, Array] | None = None
    windows: tuple[Window, ...] = ()
    series: Callable[[Table, Table], Table] | None = None
    stride: int = 1


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """An input of a model on its own: name, kind of number, one row's shape.

    field: the data's field that it was trained on, None where it was no field.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A model on its own, in evaluation form: the workspace's inputs are called like the model's.

    data: name of the data block that the inputs' fields are of.
    """

    name: str
    data: str | None
    inputs: tuple[NetworkInput, ...]
    workspace: Workspace


@dataclass(frozen=True, slots=True)
class Program:
    """All of a generated module.

    name: the `.nn` file's name without its ending. source: that file's name. source_hash: of all the texts it was made
    from. version: of the nndsl that wrote it. dtype: "float32" or "float64". products: what these are narrowed to in
    products of matrices, "tf32" or "bfloat16"; None: they are not.
    weights, states: layouts of the flat vectors. initialize: `initialize(memory, seed)` writes every initial weight and
    state in place.
    data, trains: the blocks by name, in the file's order. networks: the models on their own, by name. memory_class:
    the class of its memories.
    """

    name: str
    source: str
    source_hash: str
    version: str
    dtype: str
    weights: Layout
    states: Layout
    initialize: Callable[[Memory, int], None]
    data: Mapping[str, Data]
    trains: Mapping[str, Train]
    networks: Mapping[str, Network] = field(default_factory=dict[str, Network])
    products: str | None = None
    memory_class: Callable[[Program, str], Memory] = Memory

    def memory(self, seed: int, dtype: str | None = None) -> Memory:
        """Fresh weights and states, drawn by `seed`; floats are `dtype`, by default the program's."""
        memory = self.memory_class(self, dtype or self.dtype)
        self.initialize(memory, seed)
        return memory
