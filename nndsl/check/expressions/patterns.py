"""Type patterns: `[..., d]`, `int[time]`, `bool[...]`, `int`, `valid | same`. Equal names are equal sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.check.values import Option, Value, describe, is_number
from nndsl.diagnostics import did_you_mean
from nndsl.ir import DType, TensorType
from nndsl.records import record
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.source import Span

_DTYPES = {"float": DType.FLOAT, "int": DType.INT, "bool": DType.BOOL}
WORDS = ("int", "float", "bool", "string", "list", "shape", "function", "step", "layer", "model")


@record
class TensorPattern:
    """`dtype` (None: float, or whatever is given) and dimensions, as they are written."""

    dtype: DType | None
    dimensions: tuple[tree.Expression | tree.Slice, ...]
    span: Span


@record
class WordPattern:
    """A compile-time kind: `int`, `float`, `bool`, `string`, ..."""

    word: str


@record
class OptionPattern:
    """`valid | same`: one of these words."""

    words: tuple[str, ...]


Pattern = TensorPattern | WordPattern | OptionPattern


def read_pattern(context: Context, type: tree.Expression) -> Pattern:
    """What a type expression says."""
    match type:
        case tree.ListOf(items=items):
            return TensorPattern(None, items, type.span)
        case tree.Index(value=tree.Name(name=name), items=items) if name in _DTYPES:
            return TensorPattern(_DTYPES[name], items, type.span)
        case tree.Binary(operator="|"):
            return OptionPattern(tuple(_option_words(context, type)))
        case tree.Name(name=name) if name in WORDS:
            return WordPattern(name)
        case tree.Index(value=tree.Name(name=name)) if (close := did_you_mean(name, _DTYPES)) is not None:
            raise context.mistake("NN205", f"`{name}` is not a type", type.span, help=f"did you mean `{close}`?")
        case _:
            raise context.mistake(
                "NN205",
                "this is not a type",
                type.span,
                help="types are `[8, 8]`, `[..., d]`, `int[time]`, `int`, `float`, `bool`, `string`, or words: "
                "`valid | same`",
            )


def _option_words(context: Context, type: tree.Expression) -> list[str]:
    match type:
        case tree.Binary(operator="|", left=left, right=right):
            return [*_option_words(context, left), *_option_words(context, right)]
        case tree.Name(name=name):
            return [name]
        case _:
            raise context.mistake("NN205", "words to choose from are bare: `valid | same`", type.span)


# ------------------------------------------------------------------------------------------------ shapes


def match_shape(
    context: Context, pattern: TensorPattern, shape: tuple[int, ...], scope: Scope, place: Span, what: str
) -> None:
    """Bind the pattern's names to the sizes of `shape`, or say why not. `place`: where the value is written."""
    before, dots, after = _around_dots(pattern)
    least = len(before) + len(after)
    if len(shape) < least or (not dots and len(shape) != least):
        wanted = f"{'at least' if dots else 'exactly'} {least} {'axis' if least == 1 else 'axes'}"
        raise context.mistake(
            "NN203",
            f"{what} is {_shape_text(shape)}, and {pattern.span.text} wants {wanted}",
            place,
            _shape_text(shape),
            help=_rank_help(shape, (*before, *after)),
        )
    if dots:
        middle = shape[len(before) : len(shape) - len(after)]
        if scope.dots is not None and scope.dots != middle:
            raise context.mistake(
                "NN204",
                f"{what} is {_shape_text(shape)}, which does not fit {scope.dots_from}",
                place,
                _shape_text(shape),
                help=_dots_help(middle, scope.dots),
            )
        if scope.dots is None:
            scope.dots, scope.dots_from = middle, f"{what}, {_shape_text(shape)}"
    sizes = (*shape[: len(before)], *shape[len(shape) - len(after) :]) if after else shape[: len(before)]
    for dimension, size in zip((*before, *after), sizes, strict=True):
        _match_dimension(context, dimension, size, shape, scope, place, what)


def _dots_help(have: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Two values whose leading axes should be equal."""
    if not have or not wanted:
        return (
            f"one is a single value a sample, the other has {_shape_text(have or wanted)}: `Flatten` joins axes, "
            "`Dense(1)` ends in one number, and `cross_entropy` takes class ids"
        )
    return "nothing is repeated in silence here: both must have the same shape, but for axes that their patterns name"


def _around_dots(
    pattern: TensorPattern,
) -> tuple[tuple[tree.Expression, ...], bool, tuple[tree.Expression, ...]]:
    items = [item for item in pattern.dimensions if not isinstance(item, tree.Slice)]
    for position, item in enumerate(items):
        if isinstance(item, tree.Dots):
            return tuple(items[:position]), True, tuple(items[position + 1 :])
    return tuple(items), False, ()


def _match_dimension(
    context: Context,
    dimension: tree.Expression,
    size: int,
    shape: tuple[int, ...],
    scope: Scope,
    place: Span,
    what: str,
) -> None:
    if isinstance(dimension, tree.Name):
        known = scope.lookup(dimension.name)
        if not is_number(known) if known is not None else True:
            scope.bind(dimension.name, size)
            return
    from nndsl.check.expressions.evaluate import whole_number

    wanted = whole_number(context, scope, dimension, "a size")
    if wanted != size:
        named = f"`{dimension.span.text}` is {wanted}" if isinstance(dimension, tree.Name) else f"{wanted} is wanted"
        raise context.mistake(
            "NN204",
            f"{what} is {_shape_text(shape)}, and {named} here, not {size}",
            place,
            _shape_text(shape),
        )


def resolve_shape(context: Context, pattern: TensorPattern, scope: Scope) -> tuple[int, ...]:
    """The shape that a type says, where every name in it is known (`weight kernel: [d, units]`)."""
    from nndsl.check.expressions.evaluate import whole_number

    sizes: list[int] = []
    for item in pattern.dimensions:
        if isinstance(item, tree.Slice):
            raise context.mistake("NN205", "a shape has no slices", item.span)
        if isinstance(item, tree.Dots):
            if scope.dots is None:
                raise context.mistake("NN205", "nothing says what `...` stands for here", item.span)
            sizes.extend(scope.dots)
            continue
        size = whole_number(context, scope, item, "a size")
        if size < 1:
            raise context.mistake("NN209", f"a size must be at least 1, and this is {size}", item.span)
        sizes.append(size)
    return tuple(sizes)


def declared_type(context: Context, type: tree.Expression, scope: Scope, kind_text: str = "") -> TensorPattern:
    """The tensor pattern that `type` says; a mistake for words and options, which are for parameters."""
    pattern = read_pattern(context, type)
    if not isinstance(pattern, TensorPattern):
        raise context.mistake(
            "NN205", "a shape is wanted here", type.span, help="for example `[8, 8]`, `[..., d]` or `int[time]`"
        )
    return pattern


def matches_word(word: str, value: Value) -> bool:
    """Whether a value is of a compile-time kind. A float parameter takes whole numbers too."""
    match word:
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return is_number(value)
        case "bool":
            return isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "list" | "shape":
            return isinstance(value, tuple)
        case _:
            return not isinstance(value, bool | int | float | str | tuple)


def wanted_text(pattern: Pattern) -> str:
    """What a pattern asks for, in words."""
    match pattern:
        case WordPattern(word="int"):
            return "a whole number"
        case WordPattern(word="float"):
            return "a number"
        case WordPattern(word="bool"):
            return "true or false"
        case WordPattern(word="string"):
            return "a text in double quotes"
        case WordPattern(word="list"):
            return "a list"
        case WordPattern(word="shape"):
            return "a shape such as [8, 8]"
        case WordPattern(word=word):
            return f"a {word}"
        case OptionPattern(words=words):
            return "one of " + ", ".join(words)
        case TensorPattern(span=span):
            return f"a value of shape {span.text}"


def as_option(value: Value, words: tuple[str, ...]) -> Option | None:
    """The option that a value names, or None."""
    if isinstance(value, Option) and value.name in words:
        return value
    name = getattr(value, "name", None)
    return Option(name) if isinstance(name, str) and name in words else None


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _rank_help(shape: tuple[int, ...], wanted: tuple[tree.Expression, ...]) -> str | None:
    if len(shape) > len(wanted) == 1:
        return "`Flatten` before it makes one axis of them"
    if not shape:
        return "it is a single number a sample: `reshape(x, [1])` gives it an axis"
    if len(shape) == len(wanted) - 1 and isinstance(wanted[-1], tree.Name):
        more = f"`Reshape({_shape_text((*shape, 1))})` before it adds an axis of one for {wanted[-1].name}"
        if isinstance(wanted[0], tree.Name) and wanted[0].name == "time":
            return f"a recurrent layer before it gives all times with `return_sequences=true`; {more}"
        return more
    if len(shape) == len(wanted) + 1 and shape[-1] == 1:
        return f"`Reshape({_shape_text(shape[:-1])})` before it drops the axis of one"
    return None


def describe_shape(value: Value) -> str:
    """A value's shape, or what it is where it has none."""
    type = getattr(value, "type", None)
    return type.shape_text if isinstance(type, TensorType) else describe(value)
