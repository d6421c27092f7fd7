"""A checked program: everything about a `.nn` file that running it needs, as graphs.

`check/` makes it, `autodiff` and `passes/` replace its nodes, `plan/` and `emit/` turn it into source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.graph import Builder, Node, Origin
    from nndsl.ir.op import Attribute
    from nndsl.ir.types import TensorType
    from nndsl.source import SourceFile, Span

# ------------------------------------------------------------------------------------------------ what is kept


@record
class FromRun:
    """Where a weight or state comes from that an earlier run trained.

    run: the run folder as the file says it. folder: where that is. path: the weight's there. frozen: it stays as it is.
    """

    run: str
    folder: Path
    path: str
    frozen: bool


@record
class Weight:
    """A trained array. `path` is its name everywhere ("Digits/features/kernel"); `--seed` draws `initial`, once.

    source: the earlier run that it begins with, in place of `initial`. layers: the library's layers that it stands in,
    the one that declares it last ("Bidirectional", "LSTM"); none where a user's own layer declares it.
    """

    path: str
    type: TensorType
    initial: Node
    origin: Origin
    source: FromRun | None = None
    layers: tuple[str, ...] = ()


@record
class State:
    """An array that steps change without a gradient (a moving average). `path`, `layers` as a weight's."""

    path: str
    type: TensorType
    initial: Node
    origin: Origin
    source: FromRun | None = None
    layers: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------------ data


@record
class Pictures:
    """`image(column("file"))`: a column of pictures, called `name`, that the column `column` of the table names.

    size: [height, width] that they are made into; None where all have one. color_mode, resize: as the reader `images`
    has them. folder: where they are; None: beside the table.
    """

    name: str
    column: str
    size: tuple[int, int] | None
    color_mode: str
    resize: str
    folder: str | None
    span: Span


@record
class KnownColumn:
    """A column of a file as a run knew it: what `nndsl.data.ColumnInfo` says, and what its values turned out to be.

    names: its different names, where the program makes ids of them. missing: whether any value is.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    names: tuple[str, ...] | None
    missing: bool


@record
class KnownTable:
    """What a run knew of a file that it read."""

    columns: tuple[KnownColumn, ...]
    rows: int


@record
class ReaderCall:
    """`csv("titanic.csv", delimiter=";")`: a reader of `nndsl.data`, its arguments, the folder that paths start at.

    pictures: columns of pictures that its table names. known: what stands for the file where it is not there.
    """

    reader: str
    arguments: tuple[tuple[str, Attribute], ...]
    folder: Path
    span: Span
    pictures: tuple[Pictures, ...] = ()
    known: KnownTable | None = None


@record
class Column:
    """A raw column that some field needs, as leaf `column(name=..., role=...)` of the fields' graphs.

    role: "number" (floats as they are), "class" (ids 0..k-1 of `names`, in that order; an unknown one is an error),
    "category" (ids 1..k of the names that the training split has, 0 for any other; `names` holds all of the file) or
    "text" (ids 2.. of the most frequent words or characters of the training split, as `level` says, 1 for any other,
    0 behind the end; fewer than `vocabulary`; `lowercase`: of the text in small letters).
    fill: the text that stands for a missing one, or None where a missing one is an error. For a number any text will
    do: a missing one is nan in the graph, which replaces it.
    """

    key: str
    name: str
    role: str
    type: TensorType
    names: tuple[str, ...] = ()
    fill: str | None = None
    span: Span | None = None
    level: str = ""
    vocabulary: int = 0
    lowercase: bool = False

    @property
    def learns_names(self) -> bool:
        """Whether the names behind its ids are learnt from the training split."""
        return self.role in ("category", "text")

    @property
    def ids(self) -> int | None:
        """How many different ids it may hold; None for numbers."""
        counts = {"class": len(self.names), "category": len(self.names) + 1, "text": self.vocabulary}
        return counts.get(self.role)


@record
class Fit:
    """A constant learnt from the training split, as leaf `fitted(name=...)`: `statistic` of `node` over its rows.

    statistic: "mean", "standard_deviation" (population; 1 where it is 0), "minimum", "maximum", "median", "quantiles k"
    ([k - 1, ...]: the borders of k ranges with equally many rows); each column its own, of what is not missing. Fits
    are in an order in which each needs only those before it.
    """

    name: str
    statistic: str
    node: Node


@record
class Series:
    """What windows are made of: a value for each row of the table, over `column` and `fitted` leaves."""

    name: str
    node: Node


@record
class Window:
    """Values of several rows as one of this row, as leaf `column(name=key)` of the fields' graphs.

    series: whose values. first, last: rows that it has, counted from this one (-21 and 0: this and the 21 before).
    stacked: whether it has an axis for them; else first is last.
    """

    key: str
    series: str
    first: int
    last: int
    stacked: bool

    @property
    def length(self) -> int:
        """How many rows it has."""
        return self.last - self.first + 1


@record
class Limits:
    """From what to what a field's numbers are (fractions dropped), because of what the program does at `span`."""

    low: float
    high: float
    span: Span


@record
class Field:
    """A field of the data: its value for each row (over `column` and `fitted` leaves), and its class names, if any.

    limits: what its values must be for the train blocks, where that is not known of them all.
    """

    name: str
    node: Node
    classes: tuple[str, ...] | None
    span: Span
    limits: Limits | None = None


@record
class Split:
    """Shares of the rows, in the order written: ("train", 0.8), ... Seeded and disjoint, or `in_order` of the file.

    stratify: the field whose classes every part has in equal shares. group: the column (key) whose equal values stay
    together.
    """

    parts: tuple[tuple[str, float], ...]
    stratify: str | None = None
    group: str | None = None
    in_order: bool = False


@record
class DataProgram:
    """A `data` block. Rows come from `reader`, or are written in the file (`inline`).

    inline: column name -> nested tuples, a row each.
    part_readers: parts with files of their own ("test from csv(...)"). Without `split` all rows are "train".
    series, windows: fields that look at several rows are of those rows of a part that have all of them in it, and of
    them each `stride`th.
    """

    name: str
    reader: ReaderCall | None
    inline: tuple[tuple[str, tuple[Attribute, ...]], ...]
    columns: tuple[Column, ...]
    fits: tuple[Fit, ...]
    fields: tuple[Field, ...]
    split: Split | None
    part_readers: tuple[tuple[str, ReaderCall], ...]
    span: Span
    series: tuple[Series, ...] = ()
    windows: tuple[Window, ...] = ()
    stride: int = 1


# ------------------------------------------------------------------------------------------------ training


@record
class Total:
    """A float64 sum over all samples of a split: leaf `total(index=...)` of the values computed from it.

    node: a per-sample scalar (float, int or bool).
    """

    node: Node


@record
class Reported:
    """A number reported for a split: `value` (kind STEP) is computed on the host from the step graph's totals."""

    name: str
    value: Node
    span: Span


@record
class Slot:
    """A state of an optimizer. scalar: one float64 number a group (kind STEP), else an array like the weights."""

    name: str
    initial: float
    scalar: bool = False


@record
class Update:
    """One `over ... using ...`: how the weights of a group change, written once over the group's flat vector.

    Graphs here have the leaves `flat_weight`, `flat_gradient` and `slot(name=...)` (float[size] shared, size = all
    weights of the group together), scalar slots (kind STEP), `step` and `epoch`. `weight` is the new flat weight,
    `slots` the new slots in their order. Clipping is part of the graph. learning_rate: the number of that name (kind
    STEP) where it may change while training goes on.
    """

    optimizer: str
    weights: tuple[str, ...]
    slots: tuple[Slot, ...]
    new_weight: Node
    new_slots: tuple[Node, ...]
    origin: Origin
    learning_rate: Node | None = None


@record
class Solver:
    """`using Newton(damping=0.1)`: stands in for an optimizer, works on all samples at once, and decides on its steps.

    name: as the runtime knows it. arguments: all of them, filled in. weights: paths of those that it changes.
    residual: the per-sample value whose squares are the loss, for a solver that works with it, until `autodiff`.
    """

    name: str
    arguments: tuple[tuple[str, Attribute], ...]
    weights: tuple[str, ...]
    residual: Node | None
    span: Span


@record
class Minimize:
    """One `minimize`, the `index`th of its block. It turns weights of version v into v + 1 (see leaf `weight`).

    loss: what is differentiated: a shared scalar, the mean over the batch (weights counted) plus shared terms.
    gradients: (path, gradient of the loss by that weight), filled by `autodiff`. every: acts on each `every`th step.
    solver: what changes the weights, between steps; then there are no updates. counted: the total of the samples'
    weights that the mean divides by; None where each sample counts as one.
    """

    index: int
    loss: Node
    updates: tuple[Update, ...]
    every: int
    span: Span
    gradients: tuple[tuple[str, Node], ...] = ()
    solver: Solver | None = None
    counted: int | None = None

    @property
    def weights(self) -> tuple[str, ...]:
        """Paths of the weights that change."""
        if self.solver is not None:
            return self.solver.weights
        return tuple(path for update in self.updates for path in update.weights)


@record
class StepGraph:
    """What is computed for one batch, in training or in evaluation. Statement order is in the weights' versions.

    totals: sums that reported numbers need. reported: loss first, then the metrics. predictions: per-sample values by
    name (evaluation only), with class names for ids. states: (path, new value), training only. minimizes: training
    only.
    """

    totals: tuple[Total, ...]
    reported: tuple[Reported, ...]
    predictions: tuple[tuple[str, Node, tuple[str, ...] | None], ...]
    states: tuple[tuple[str, Node], ...]
    minimizes: tuple[Minimize, ...]

    def roots(self) -> tuple[Node, ...]:
        """Every node that must be computed, in the order that `with_roots` takes them."""
        found: list[Node] = []
        self._rebuilt(lambda node: found.append(node) or node)
        return tuple(found)

    def with_roots(self, roots: tuple[Node, ...]) -> StepGraph:
        """This graph over other nodes, given in the order of `roots`."""
        following = iter(roots)
        return self._rebuilt(lambda _: next(following))

    def _rebuilt(self, new: Callable[[Node], Node]) -> StepGraph:
        return StepGraph(
            totals=tuple(Total(new(t.node)) for t in self.totals),
            reported=tuple(replace(r, value=new(r.value)) for r in self.reported),
            predictions=tuple((name, new(node), classes) for name, node, classes in self.predictions),
            states=tuple((path, new(node)) for path, node in self.states),
            minimizes=tuple(_minimize_over(m, new) for m in self.minimizes),
        )


def _minimize_over(minimize: Minimize, new: Callable[[Node], Node]) -> Minimize:
    return replace(
        minimize,
        loss=new(minimize.loss),
        gradients=tuple((path, new(node)) for path, node in minimize.gradients),
        updates=tuple(_update_over(update, new) for update in minimize.updates),
        solver=None if minimize.solver is None else _solver_over(minimize.solver, new),
    )


def _update_over(update: Update, new: Callable[[Node], Node]) -> Update:
    return replace(
        update,
        new_weight=new(update.new_weight),
        new_slots=tuple(map(new, update.new_slots)),
        learning_rate=None if update.learning_rate is None else new(update.learning_rate),
    )


def _solver_over(solver: Solver, new: Callable[[Node], Node]) -> Solver:
    return replace(solver, residual=None if solver.residual is None else new(solver.residual))


@record
class Show:
    """A value of a `show` statement, drawn while training goes on: in evaluation mode, the same draws every time.

    graph: has the value as its only prediction. every, unit: every so many "epochs" or "steps", and when training ends;
    0: only then. shared: the value is the same for all samples.
    """

    name: str
    graph: StepGraph
    every: int
    unit: str
    shared: bool
    span: Span


@record
class Crossing:
    """Why a prediction over a window can't be computed one time after another.

    step: the step of a model (or the line) that looks across time, as the user wrote it. why: what it does, for after
    its name.
    """

    step: str
    why: str
    span: Span | None


@record
class OneTime:
    """A prediction over a window for one time alone: what loops carry goes in and comes out.

    carries: names of what is carried. first: it, before the first time, as predictions. step: the prediction, and then
    what is carried on, as predictions over fields with one time each; the carries are fields too.
    """

    carries: tuple[str, ...]
    first: StepGraph
    step: StepGraph


@record
class Generation:
    """How a block writes on from a text.

    prediction: whose scores the next part is drawn by. column: key of the column whose ids they are for. level:
    "characters" or "words". window: how many of them the network reads. over_time: whether it answers at each of them,
    or after the last. times: the fields that have them all, and along which axis. one_time: the same for one of them
    after another; None where that can't be, and then `crossing` says why.
    """

    prediction: str
    column: str
    level: str
    window: int
    over_time: bool
    times: tuple[tuple[str, int], ...]
    one_time: OneTime | None
    crossing: Crossing | None = None

    def over_graphs(self, change: Callable[[StepGraph], StepGraph]) -> Generation:
        """This over other graphs."""
        if self.one_time is None:
            return self
        made = replace(self.one_time, first=change(self.one_time.first), step=change(self.one_time.step))
        return replace(self, one_time=made)


@record
class Callback:
    """`EarlyStopping(monitor=accuracy, patience=2)`: a callback of the runtime by name, every argument filled in."""

    name: str
    arguments: tuple[tuple[str, Attribute], ...]
    span: Span


@record
class Expectation:
    """`expect test accuracy >= 0.9`."""

    part: str
    metric: str
    operator: str
    bound: float
    span: Span


@record
class Recomputing:
    """How a training step was made to fit into a memory: by computing values again instead of keeping them.

    limit: the bytes that training may take, its data apart. before, bytes: what it takes if it keeps all, and now.
    more: floating-point operations of the step for each one that it had before, less 1. values: how many are computed
    again. saved: by the path of a step of a model the bytes of its values that are not kept.
    """

    limit: int
    before: int
    bytes: int
    more: float = 0.0
    values: int = 0
    saved: tuple[tuple[str, int], ...] = ()


@record
class Once:
    """What is the same for a row of the data in every epoch, so that it is computed once for the data set.

    graph: it, as predictions over fields of the data. In the graphs of training, evaluation (what is reported) and
    curvature, fields called like these predictions stand for it. places: whose output each is, as a user knows it.
    spared: of a training step's floating-point operations, the part that it has no more.
    """

    graph: StepGraph
    places: tuple[str, ...]
    spared: float

    @property
    def values(self) -> tuple[tuple[str, TensorType], ...]:
        """The fields that stand for it: name and type of each."""
        return tuple((name, node.type) for name, node, _ in self.graph.predictions)


@record
class TrainProgram:
    """A `train` block. `settings` holds every setting, defaults filled in: epochs, steps, batch_size, shuffle, ...

    data: name of the data block, or None for fresh draws (then `steps` counts). fields: names of the fields that
    training needs. curvature: what a solver that needs it asks for, a step whose gradients are the products of the
    loss's second derivatives with a direction (leaf `direction`), filled by `autodiff`. steps: what each step and label
    of the models first gives in evaluation, by path, as it was checked; `features` makes predictions of them.
    generation: how it writes on from a text, filled by `passes`; None where it can't. recomputing: where `training` was
    made to fit into a memory. once: what `plan` has taken out of the steps; None where there is nothing of the kind.
    """

    name: str
    data: str | None
    fields: tuple[str, ...]
    settings: tuple[tuple[str, Attribute], ...]
    training: StepGraph
    evaluation: StepGraph
    callbacks: tuple[Callback, ...]
    expectations: tuple[Expectation, ...]
    span: Span
    shows: tuple[Show, ...] = ()
    steps: tuple[tuple[str, Node], ...] = ()
    curvature: StepGraph | None = None
    generation: Generation | None = None
    recomputing: Recomputing | None = None
    once: Once | None = None


@record
class LayerInfo:
    """One row of `nndsl summary`: a step of a model as it was first applied."""

    path: str
    kind: str
    output: TensorType
    weights: tuple[str, ...]
    span: Span


@record
class ModelInfo:
    """A network: its inputs as first applied, its steps in order."""

    name: str
    inputs: tuple[tuple[str, TensorType], ...]
    layers: tuple[LayerInfo, ...]
    span: Span


@record
class NetworkInput:
    """An input of a model on its own. field: the data's field that training gives it, None where it is no field."""

    name: str
    type: TensorType
    field: str | None


@record
class Network:
    """A model on its own, in evaluation form: what it gives for inputs like those that it was first applied to.

    graph: its outputs as predictions, over fields that are called like its inputs. data: name of the data block that
    its inputs' fields are of.
    """

    name: str
    inputs: tuple[NetworkInput, ...]
    data: str | None
    graph: StepGraph
    span: Span


@record
class Program:
    """A whole checked file.

    networks: its models on their own, where there are several or where they were asked for.
    """

    file: SourceFile
    sources: tuple[SourceFile, ...]
    builder: Builder
    weights: tuple[Weight, ...]
    states: tuple[State, ...]
    data: tuple[DataProgram, ...]
    models: tuple[ModelInfo, ...]
    trains: tuple[TrainProgram, ...]
    warnings: tuple[Diagnostic, ...] = ()
    networks: tuple[Network, ...] = ()

    def data_named(self, name: str | None) -> DataProgram:
        """The data block of a name that the program has checked: that of a train block with data."""
        return next(data for data in self.data if data.name == name)
