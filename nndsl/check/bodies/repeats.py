"""Library layers applied again as before: what a walk made is made once more under the new path, without walking.

A thousand layers of one kind would else be a thousand walks through one body, and again for training. Of the first walk
of a kind the builder's journal is kept; the later ones go by it. Nodes, names and origins are the same as by walking,
in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence, Sized
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.evaluate import weight_node
from nndsl.check.values import Builtin, Function, Option, Step
from nndsl.ir import DType, Node, Origin
from nndsl.ir.graph import Made
from nndsl.ir.program import Weight
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.check.values import Argument, Value
    from nndsl.ir import TensorType
    from nndsl.ir.graph import Named
    from nndsl.source import Span

_DRAWS = (ops.random_uniform, ops.random_normal, ops.random_bernoulli)
_FOLLOWED = ("weights", "walks", "frames", "_reported")
"""What a context holds that a walk may change and still be repeated."""


@record
class Application:
    """A library layer about to be applied. Those of one `kind` differ only in the rest.

    path: of the step. places: where the user wrote the call and its values. step: kept, as `kind` knows what it was
    given by identity.
    """

    kind: Hashable
    path: str
    inputs: tuple[Node, ...]
    places: tuple[Span, ...]
    step: Step


def repeatable(
    context: Context, step: Step, path: str, values: Sequence[Argument], span: Span, title: str
) -> Application | None:
    """The application of `step` to `values`, if its walk depends on nothing but what its kind says; else None.

    So it is for library layers in a body of the user's, given numbers, words and functions of the library. title: what
    the nodes' origins will say.
    """
    inputs = tuple([item.value for item in values if isinstance(item.value, Node)])
    if not step.layer.definition.span.file.library or span.file.library or len(inputs) != len(values):
        return None
    if context.runs or context.data is not None or context.initializing is not None:
        return None
    if any(frame.library for frame in context.frames):
        return None
    if any(node.op.leaf or node.type.dtype is not DType.FLOAT for node in inputs):
        return None
    places = [span, step.span, *[item.span for item in values]]
    kinds: list[Hashable] = []
    for name, given in step.arguments:
        kind = _kind_of(given, places)
        if kind is None:
            return None
        kinds.append((name, kind))
    whole = (
        id(step.layer.definition),
        context.mode.training,
        title,
        tuple(kinds),
        tuple([node.type for node in inputs]),
        tuple([inputs.index(node) for node in inputs]),
        tuple([places.index(place) for place in places]),
    )
    return Application(whole, path, inputs, tuple(places), step)


def _kind_of(given: Argument, places: list[Span]) -> Hashable | None:
    """What an argument is worth, to compare it by; None where that can't be said. Adds where it stands to `places`."""
    places.append(given.span)
    return _worth(given.value, places)


def _worth(value: Value, places: list[Span]) -> Hashable | None:
    match value:
        case bool() | int() | float() | str():
            return type(value), value
        case Option(name=name):
            return Option, name
        case tuple():
            worths = [_worth(item, places) for item in value]
            return None if None in worths else (tuple, *worths)
        case Function(definition=definition, scope=scope, bound=bound):
            if not isinstance(definition, Builtin) and not definition.span.file.library:
                return None
            kinds = [(name, _kind_of(given, places)) for name, given in bound]
            return None if any(kind is None for _, kind in kinds) else (id(definition), id(scope), *kinds)
        case Step(layer=layer, arguments=arguments, path=None) if layer.definition.span.file.library:
            places.append(value.span)
            kinds = [(name, _kind_of(given, places)) for name, given in arguments]
            return None if any(kind is None for _, kind in kinds) else (id(layer.definition), *kinds)
        case _:
            return None


# ------------------------------------------------------------------------------------------------ a walk, kept


@record
class _Place:
    """An origin: which of the application's places, the path below the step's, and the line of the library."""

    place: int
    below: str
    title: str
    library: Span | None


@record
class _Copy:
    """A node like `node`, over what stands at `operands` among the values so far."""

    node: Node
    operands: tuple[int, ...]
    origins: tuple[int, ...]


@record
class _Draw:
    """A random draw like `node`, at a site of the path `before` + the step's + `below`."""

    node: Node
    before: str
    below: str
    origins: tuple[int, ...]


@record
class _Read:
    """The weight of the path `below` the step's."""

    below: str


@record
class _Declare:
    """A new weight like `weight`, which starts from the value at `initial`."""

    below: str
    weight: Weight
    initial: int
    origin: int


@record
class _Name:
    """A name of the value at `value`."""

    value: int
    below: str
    only_nameless: bool


@record
class Walk:
    """What a walk did, in its order, and which of its values is the result.

    weights: of those that were there before, by path below the step's. step: that of the application.
    """

    steps: tuple[_Copy | _Draw | _Read | _Declare | _Name, ...]
    origins: tuple[_Place, ...]
    weights: tuple[tuple[str, TensorType], ...]
    result: int
    step: Step

    def fits(self, context: Context, path: str) -> bool:
        """Whether the same weights are there, and the same are not, below another path."""
        for step in self.steps:
            if isinstance(step, _Declare) and path + step.below in context.weights:
                return False
        return all(
            path + below in context.weights and context.weights[path + below].type == type
            for below, type in self.weights
        )

    def repeated(self, context: Context, application: Application) -> Node:
        """The result of the same walk over other inputs, below another path."""
        path, builder = application.path, context.builder
        origins = [
            Origin(application.places[each.place], path + each.below, each.title, each.library) for each in self.origins
        ]
        values = list(application.inputs)
        before = builder.exchange_origins(())
        for step in self.steps:
            match step:
                case _Copy(node=node, operands=operands):
                    builder.exchange_origins(tuple([origins[i] for i in step.origins]))
                    values.append(builder.like(node, tuple([values[i] for i in operands]), node.attributes))
                case _Name():
                    value = values[step.value]
                    name = path + step.below
                    value.named_if_nameless(name) if step.only_nameless else value.named(name)
                case _Read(below=below):
                    values.append(weight_node(context, path + below))
                case _Draw(node=node):
                    builder.exchange_origins(tuple([origins[i] for i in step.origins]))
                    site = context.next_site(step.before + path + step.below)
                    attributes = tuple([(k, site if k == "site" else v) for k, v in node.attributes])
                    values.append(builder.like(node, (), attributes))
                case _Declare(below=below, weight=like):
                    kept = Weight(
                        path + below, like.type, values[step.initial], origins[step.origin], None, like.layers
                    )
                    context.weights[path + below] = kept
        builder.exchange_origins(before)
        return values[self.result]


def walked_or_repeated(context: Context, application: Application | None, walk: Callable[[], Value]) -> Value:
    """What `walk` gives; made without it where an application of this kind was walked before."""
    if application is None:
        return walk()
    known = context.walks.setdefault(application.kind, [])
    if known is None:
        return walk()
    for each in known:
        if each.fits(context, application.path):
            return each.repeated(context, application)
    before, weights = _sizes(context), len(context.weights)
    journal = context.builder.journal = []
    try:
        result = walk()
    finally:
        context.builder.journal = None
    kept = None
    if isinstance(result, Node) and _sizes(context) == before:
        new = list(context.weights)[weights:]
        kept = _Keeping(context, application, new).kept(journal, result)
    if kept is None:
        context.walks[application.kind] = None
    else:
        known.append(kept)
    return result


def _sizes(context: Context) -> list[int]:
    """How much there is of everything that a walk may leave behind, besides nodes and weights."""
    kept = [value for name, value in vars(context).items() if name not in _FOLLOWED and isinstance(value, Sized)]
    mode = context.mode
    return [len(each) for each in (*kept, mode.state_values, mode.totals, mode.steps)]


class _Keeping:
    """A journal on its way to a `Walk`; a _NotRepeatableError where something in it is no part of one."""

    def __init__(self, context: Context, application: Application, new: list[str]) -> None:
        self._context = context
        self._application = application
        self._undeclared = set(new)
        self._positions: dict[Node, int] = {node: i for i, node in enumerate(application.inputs)}
        self._count = len(application.inputs)
        self._origins: dict[Origin, int] = {}
        self._steps: list[_Copy | _Draw | _Read | _Declare | _Name] = []
        self._weights: dict[str, TensorType] = {}

    def kept(self, journal: list[Made | Named], result: Node) -> Walk | None:
        """The walk; None where it can't be repeated."""
        try:
            for entry in journal:
                if isinstance(entry, Made):
                    self._made(entry)
                elif entry.node.op is not ops.weight:
                    step = _Name(self._position(entry.node), self._below(entry.name), entry.only_nameless)
                    self._steps.append(step)
            if self._undeclared:
                return None
            origins = tuple([self._place(origin) for origin in self._origins])
            weights, step = tuple(self._weights.items()), self._application.step
            return Walk(tuple(self._steps), origins, weights, self._position(result), step)
        except _NotRepeatableError:
            return None

    def _made(self, entry: Made) -> None:
        node = entry.node
        if node in self._application.inputs or node.subgraphs:
            raise _NotRepeatableError
        if node.op is ops.weight:
            self._read(str(node["path"]))
        else:
            origins = tuple([self._origins.setdefault(origin, len(self._origins)) for origin in entry.origins])
            if node.op in _DRAWS:
                base = str(node["site"]).rpartition("#")[0]
                before = "initial " if base.startswith("initial ") else ""
                self._steps.append(_Draw(node, before, self._below(base.removeprefix(before)), origins))
            elif node.op.leaf and node.op is not ops.constant:
                raise _NotRepeatableError
            else:
                operands = tuple([self._position(operand) for operand in node.inputs])
                self._steps.append(_Copy(node, operands, origins))
        self._positions[node] = self._count
        self._count += 1

    def _read(self, path: str) -> None:
        weight = self._context.weights[path]
        if path in self._undeclared:
            self._undeclared.remove(path)
            origin = self._origins.setdefault(weight.origin, len(self._origins))
            self._steps.append(_Declare(self._below(path), weight, self._position(weight.initial), origin))
        elif not any(isinstance(step, _Declare) and step.weight is weight for step in self._steps):
            self._weights[self._below(path)] = weight.type
        self._steps.append(_Read(self._below(path)))

    def _position(self, node: Node) -> int:
        if node not in self._positions:
            raise _NotRepeatableError
        return self._positions[node]

    def _below(self, path: str) -> str:
        """What follows on the step's own path."""
        own = self._application.path
        if path != own and not path.startswith(f"{own}/"):
            raise _NotRepeatableError
        return path[len(own) :]

    def _place(self, origin: Origin) -> _Place:
        if origin.span not in self._application.places:
            raise _NotRepeatableError
        place = self._application.places.index(origin.span)
        return _Place(place, self._below(origin.scope), origin.title, origin.library)


class _NotRepeatableError(Exception):
    """Something that depends on more than the kind of an application."""
