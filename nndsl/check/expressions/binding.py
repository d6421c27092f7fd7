"""Arguments bound to parameters: by position or by name, matched with the types that the parameters say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check import hints
from nndsl.check.expressions.arithmetic import as_node, cast
from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.expressions.patterns import (
    OptionPattern,
    Pattern,
    TensorPattern,
    WordPattern,
    as_option,
    match_shape,
    matches_word,
    read_pattern,
    wanted_text,
)
from nndsl.check.scope import Scope
from nndsl.check.values import Argument, Layer, Option, Parts, Value, describe, is_number
from nndsl.diagnostics import did_you_mean
from nndsl.ir import DType, Kind, Node
from nndsl.records import record
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span


@record
class Signature:
    """What a call is bound against. inputs: names of `input` statements that it may give, too."""

    what: str
    parameters: tuple[tree.Parameter, ...]
    inputs: tuple[str, ...] = ()
    layer: bool = False

    def names(self) -> list[str]:
        """Every name that an argument may have."""
        return [*(parameter.name.name for parameter in self.parameters), *self.inputs]


def input_names(definition: tree.Definition) -> tuple[str, ...]:
    """Names of a definition's `input` statements."""
    return tuple(item.name.name for item in definition.body if isinstance(item, tree.Input))


def layer_signature(layer: Layer) -> Signature:
    """A layer's parameters, and its inputs beyond the first, which a call may name."""
    return Signature(layer.name, layer.definition.parameters, input_names(layer.definition)[1:], layer=True)


# ------------------------------------------------------------------------------------------------ a call


def bind(
    context: Context, scope: Scope, signature: Signature, arguments: Sequence[tree.Argument], span: Span
) -> dict[str, Argument]:
    """Arguments by parameter name, evaluated in the caller's scope. Mistakes: unknown, twice, too many."""
    parameters = {parameter.name.name: parameter for parameter in signature.parameters}
    bound: dict[str, Argument] = {}
    order = list(parameters)
    for position, item in enumerate(arguments):
        name = item.name
        if name is None:
            if position >= len(order):
                raise _too_many(context, signature, item, arguments)
            name = order[position]
        elif name not in parameters and name not in signature.inputs:
            raise _unknown_argument(context, signature, name, item)
        if name in bound:
            raise context.mistake("NN303", f"`{name}` is given twice", item.span)
        pattern = _pattern(context, parameters.get(name))
        bound[name] = Argument(_argument_value(context, scope, item.value, pattern, name), item.value.span)
    return bound


def _pattern(context: Context, parameter: tree.Parameter | None) -> Pattern | None:
    return None if parameter is None or parameter.type is None else read_pattern(context, parameter.type)


def _argument_value(
    context: Context, scope: Scope, expression: tree.Expression, pattern: Pattern | None, name: str
) -> Value:
    """An argument; a bare word is an option where the parameter offers it."""
    if not isinstance(pattern, OptionPattern):
        _refuse_quotes(context, scope, expression, pattern, name)
        value = evaluate(context, scope, expression)
        if pattern is not None:
            _check_word(context, pattern, value, expression.span, name)
        return value
    listed = ", ".join(pattern.words)
    match expression:
        case tree.Name(name=word) if word in pattern.words:
            return Option(word)
        case tree.Name(name=word) if scope.lookup(word) is None:
            close = did_you_mean(word, pattern.words)
            raise context.mistake(
                "NN310",
                f"`{name}` can't be {word}",
                expression.span,
                help=f"did you mean `{close}`? It is one of {listed}" if close else f"it is one of {listed}",
            )
        case tree.String(value=text) if text in pattern.words:
            raise context.mistake(
                "NN310", "options are bare words, without quotes", expression.span, help=f"write `{name}={text}`"
            )
        case _:
            option = as_option(evaluate(context, scope, expression), pattern.words)
            if option is None:
                raise context.mistake("NN310", f"`{name}` is one of {listed}", expression.span)
            return option


def _refuse_quotes(
    context: Context, scope: Scope, expression: tree.Expression, pattern: Pattern | None, name: str
) -> None:
    """`activation="relu"`: what has a name is called by it, without quotes."""
    if not isinstance(expression, tree.String) or (isinstance(pattern, WordPattern) and pattern.word == "string"):
        return
    if scope.lookup(expression.value) is not None:
        help = f"write `{name}={expression.value}`"
        raise context.mistake("NN310", "names are bare words, without quotes", expression.span, help=help)


def _check_word(context: Context, pattern: Pattern, value: Value, span: Span, name: str) -> None:
    if isinstance(pattern, WordPattern) and not matches_word(pattern.word, value):
        raise context.mistake(
            "NN302",
            f"`{name}` must be {wanted_text(pattern)}, not {describe(value)}",
            span,
            help=_word_help(pattern.word, value, span),
        )


def _word_help(word: str, value: Value, span: Span) -> str | None:
    if word == "int" and isinstance(value, float):
        return "`//` divides whole numbers and drops the rest"
    if isinstance(value, Node | Parts):
        return f"parentheses hold a layer's parameters; a value flows in with an arrow: `{span.text} -> ...`"
    return None


def _too_many(
    context: Context, signature: Signature, item: tree.Argument, arguments: Sequence[tree.Argument]
) -> Exception:
    names = signature.names()
    count = len(signature.parameters)
    takes = f"takes {count} {'argument' if count == 1 else 'arguments'}" if count else "takes no arguments"
    message = f"{signature.what} {takes} and is given {len(arguments)}"
    if count == 0 and signature.layer:
        help = f"a value flows into a step with an arrow: `{item.span.text} -> {signature.what}`"
    else:
        help = f"it has: {', '.join(names)}" if names else None
    return context.mistake("NN303", message, item.span, help=help)


def _unknown_argument(context: Context, signature: Signature, name: str, item: tree.Argument) -> Exception:
    close = did_you_mean(name, signature.names())
    reflex = hints.for_argument(name)
    listed = ", ".join(signature.names())
    help = f"did you mean `{close}`?" if close else reflex or (f"it has: {listed}" if listed else "it has none")
    return context.mistake("NN301", f"{signature.what} has no argument `{name}`", item.span, help=help)


# ------------------------------------------------------------------------------------------------ a body


def bind_parameters(
    context: Context, scope: Scope, definition: tree.Definition, given: dict[str, Argument], span: Span
) -> None:
    """Bind a body's parameters in order: what is given (matched with its type), else the default, else a mistake."""
    words: set[str] = set()
    for parameter in definition.parameters:
        pattern = _pattern(context, parameter)
        if isinstance(pattern, OptionPattern):
            words.update(pattern.words)
    scope.options = frozenset(words)
    _refuse_given_step(context, definition, given)
    for parameter in definition.parameters:
        name = parameter.name.name
        if name in given:
            scope.bind(name, _matched(context, scope, parameter, given[name]))
        elif parameter.default is not None:
            scope.bind(name, evaluate(context, scope, parameter.default))
        else:
            raise context.mistake(
                "NN307", f"{definition.name.name} needs `{name}`", span, help=_signature_help(definition)
            )


def _refuse_given_step(context: Context, definition: tree.Definition, given: dict[str, Argument]) -> None:
    """`exponential_decay(0.1, 20, 0.5)`, as Keras has it: the first number would be the step, and all others wrong."""
    if "step" not in given or not definition.span.file.library or not is_number(given["step"].value):
        return
    wanted = ", ".join(f"{p.name.name}=..." for p in definition.parameters[1:] if p.default is None)
    name, step = definition.name.name, given["step"]
    raise context.mistake(
        "NN302", f"the first argument of {name} is the step, which training gives", step.span,
        help=f"name the others, and leave it out: {name}({wanted})",
    )  # fmt: skip


def _signature_help(definition: tree.Definition) -> str:
    parts = [
        p.name.name if p.default is None else f"{p.name.name}={p.default.span.text}" for p in definition.parameters
    ]
    return f"{definition.name.name}({', '.join(parts)})"


def _matched(context: Context, scope: Scope, parameter: tree.Parameter, given: Argument) -> Value:
    pattern = _pattern(context, parameter)
    match pattern:
        case None:
            return _bare(given.value)
        case WordPattern():
            _check_word(context, pattern, given.value, given.span, parameter.name.name)
            return given.value
        case OptionPattern():
            option = as_option(given.value, pattern.words)
            if option is None:
                raise context.mistake("NN310", f"`{parameter.name.name}` is {wanted_text(pattern)}", given.span)
            return option
        case TensorPattern():
            return _matched_tensor(context, scope, pattern, given, parameter.name.name)


def _bare(value: Value) -> Value:
    """A single output as the value it is; several outputs stay together."""
    return value.outputs[0][1] if isinstance(value, Parts) and len(value.outputs) == 1 else value


def _matched_tensor(context: Context, scope: Scope, pattern: TensorPattern, given: Argument, name: str) -> Value:
    """A value of the right numbers whose sizes the pattern binds. For `[...]` a lone number stays one."""
    value = as_node(context, given.value, given.span)
    only_dots = len(pattern.dimensions) == 1 and isinstance(pattern.dimensions[0], tree.Dots)
    if not isinstance(value, Node):
        if only_dots:
            return value
        raise context.mistake(
            "NN302", f"`{name}` must be a value of shape {pattern.span.text}, not {describe(value)}", given.span
        )
    value = _of_dtype(context, pattern, value, given.span, name)
    if only_dots and value.type.kind is Kind.SAMPLE:
        if scope.dots == () and value.type.shape == (1,):
            value = context.apply(ops.reshape, [value], given.span, shape=())
        elif scope.dots == (1,) and value.type.shape == ():
            value = context.apply(ops.reshape, [value], given.span, shape=(1,))
    if only_dots and value.type.kind is not Kind.SAMPLE and value.type.rank == 0:
        return value
    match_shape(context, pattern, value.type.shape, scope, given.span, f"`{name}`")
    return value


def _of_dtype(context: Context, pattern: TensorPattern, node: Node, span: Span, name: str) -> Node:
    wanted, have = pattern.dtype, node.type.dtype
    if wanted is None or wanted is have:
        return node
    if wanted is DType.FLOAT or (wanted is DType.INT and have is DType.BOOL):
        return cast(context, node, wanted, span)
    what = written(span, name)
    label = f"{node.type.dtype.value}{node.type.shape_text}" + (f", given for `{name}`" if what != name else "")
    if wanted is DType.INT:
        field = what if what.isidentifier() else "label"
        raise context.mistake(
            "NN211",
            f"`{what}` must be class ids (whole numbers), and these are floats",
            span,
            label,
            help=f'for classes, say so in the data block: `{field} = class(column("{field}"))`; `int({what})` drops '
            "fractions",
        )
    raise context.mistake(
        "NN211",
        f"`{what}` must be true or false, and these are numbers",
        span,
        label,
        help=f"compare them first: `{what} > 0`, `{what} == 1`",
    )


def written(span: Span, name: str, longest: int = 40) -> str:
    """What a user wrote at `span`, if that is theirs and short; else `name`, which the definition has for it."""
    text = span.text
    return name if span.file.library or "\n" in text or not 0 < len(text) <= longest else text
