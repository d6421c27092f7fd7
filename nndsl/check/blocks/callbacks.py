"""Settings, callbacks and expectations of a train block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.check.blocks.settings import CALLBACKS, FALLING, RISING, SETTINGS, Setting
from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.values import Option, SilencedError, describe, is_number
from nndsl.diagnostics import did_you_mean, error
from nndsl.ir.program import Callback, Expectation
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.check.values import Value
    from nndsl.ir import Attribute
    from nndsl.ir.program import DataProgram
    from nndsl.source import Span

_ELSEWHERE = {
    "learning_rate": "the learning rate is the optimizer's: `using Adam(learning_rate=1e-3)`",
    "optimizer": "the optimizer stands after the loss: `minimize loss using Adam(learning_rate=1e-3)`",
    "loss": None,
    "seed": "the seed is given when running: `nndsl run --seed 1`",
    "validation_split": "the split is the data's: `split train 80%, validation 20%`",
}


def read_setting(
    context: Context, scope: Scope, name: str, statement: tree.Binding, settings: dict[str, Attribute]
) -> bool:
    """Read `epochs = 30` into `settings`. False for a name that is none; a mistake for a near miss."""
    setting = next((setting for setting in SETTINGS if setting.name == name), None)
    if setting is None:
        _refuse_near_miss(context, name, statement)
        return False
    if name in settings:
        raise context.mistake("NN501", f"`{name}` is set twice", statement.span)
    value = evaluate(context, scope, statement.value)
    settings[name] = setting_value(context, setting, value, statement.value.span)
    return True


def _refuse_near_miss(context: Context, name: str, statement: tree.Binding) -> None:
    """`epoch = 30` is no name for a value."""
    elsewhere = _ELSEWHERE.get(name)
    constant = isinstance(statement.value, tree.Number | tree.Boolean | tree.String)
    if elsewhere is not None and (constant or name == "optimizer"):
        raise context.mistake("NN501", f"there is no setting `{name}`", statement.names[0].span, help=elsewhere)
    close = did_you_mean(name, [setting.name for setting in SETTINGS]) if constant else None
    if close is not None:
        raise context.mistake(
            "NN501", f"there is no setting `{name}`", statement.names[0].span, help=f"did you mean `{close}`?"
        )


def setting_value(context: Context, setting: Setting, value: Value, span: Span) -> Attribute:
    """A setting's value, checked."""
    name = setting.name
    match setting.kind:
        case "count" | "whole":
            least = 1 if setting.kind == "count" else 0
            if isinstance(value, int) and not isinstance(value, bool) and value >= least:
                return value
            raise context.mistake(
                "NN502", f"`{name}` is a whole number of at least {least}, not {describe(value)}", span
            )
        case "number":
            if is_number(value):
                return float(value)
            raise context.mistake("NN502", f"`{name}` is a number, not {describe(value)}", span)
        case "seconds":
            if is_number(value) and value >= 0:
                return float(value)
            raise context.mistake("NN502", f"`{name}` is a number of seconds, not {describe(value)}", span)
        case "share":
            if is_number(value) and 0 < value < 1:
                return float(value)
            raise context.mistake("NN502", f"`{name}` is a number between 0 and 1, not {describe(value)}", span)
        case "bool":
            if isinstance(value, bool):
                return value
            raise context.mistake("NN502", f"`{name}` is true or false, not {describe(value)}", span)
        case _:
            raise context.mistake("NN502", f"`{name}` can't be {describe(value)}", span)


def callback_name(statement: tree.Apply) -> str | None:
    """The callback that a bare line names, or None."""
    value = statement.value
    if isinstance(value, tree.Call):
        value = value.function
    return value.name if isinstance(value, tree.Name) and value.name in CALLBACKS else None


def has_callback(statements: Sequence[tree.Statement], name: str) -> bool:
    """Whether a callback of that name is among the statements or, maybe, in what they run at compile time."""
    for statement in statements:
        match statement:
            case tree.Apply() if callback_name(statement) == name:
                return True
            case tree.If(body=body, otherwise=otherwise) if has_callback((*body, *otherwise), name):
                return True
            case tree.For(body=body) | tree.Repeat(body=body) if has_callback(body, name):
                return True
            case _:
                pass
    return False


def read_callback(context: Context, scope: Scope, statement: tree.Apply) -> Callback:
    """`EarlyStopping(monitor=accuracy, mode=max, patience=2)` with every argument filled in."""
    name = callback_name(statement)
    assert name is not None
    return Callback(
        name, read_arguments(context, scope, name, CALLBACKS[name].arguments, statement.value), statement.span
    )


def read_arguments(
    context: Context, scope: Scope, name: str, parameters: Sequence[Setting], expression: tree.Expression
) -> tuple[tuple[str, Attribute], ...]:
    """The arguments of `name(...)`, or of the bare name, with every one that is not given filled in."""
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Attribute] = {parameter.name: parameter.default for parameter in parameters}
    given = expression.arguments if isinstance(expression, tree.Call) else ()
    seen: set[str] = set()
    for position, item in enumerate(given):
        if item.name is None and position >= len(parameters):
            raise context.mistake("NN303", f"{name} takes {len(known)} arguments", item.span)
        argument = item.name or parameters[position].name
        if argument not in known:
            close = did_you_mean(argument, known)
            help = f"did you mean `{close}`?" if close else f"it has: {', '.join(known)}"
            raise context.mistake("NN301", f"{name} has no argument `{argument}`", item.span, help=help)
        if argument in seen:
            raise context.mistake("NN303", f"`{argument}` is given twice", item.span)
        seen.add(argument)
        values[argument] = _callback_value(context, scope, known[argument], item.value)
    return tuple(values.items())


def _callback_value(context: Context, scope: Scope, setting: Setting, expression: tree.Expression) -> Attribute:
    if setting.kind == "metric":
        match expression:
            case tree.Name(name=name):
                return name
            case tree.Member(value=tree.Name(name=part), name=name) if part in ("train", "validation"):
                return f"{part}.{name}"
            case tree.String(value=text):
                help = f"`{setting.name}={text.removeprefix('val_').replace('val_', '')}`"
                raise context.mistake("NN509", "what is watched is named without quotes", expression.span, help=help)
            case _:
                raise context.mistake("NN509", "what is watched is the name of a metric", expression.span)
    if isinstance(setting.kind, tuple):
        if isinstance(expression, tree.Name) and expression.name in setting.kind:
            return expression.name
        text = expression.value if isinstance(expression, tree.String) else ""
        help = f"write `{setting.name}={text}`" if text in setting.kind else None
        raise context.mistake(
            "NN310", f"`{setting.name}` is one of {', '.join(setting.kind)}", expression.span, help=help
        )
    value = evaluate(context, scope, expression)
    if isinstance(value, Option):
        raise context.mistake("NN502", f"`{setting.name}` can't be {value.name}", expression.span)
    return setting_value(context, setting, value, expression.span)


def read_expectation(context: Context, scope: Scope, statement: tree.ExpectStatement) -> Expectation:
    """`expect test accuracy >= 0.9`."""
    bound = evaluate(context, scope, statement.bound)
    if not is_number(bound):
        raise context.mistake("NN511", f"what is expected is a number, not {describe(bound)}", statement.bound.span)
    return Expectation(statement.part.name, statement.metric.name, statement.operator, float(bound), statement.span)


# ------------------------------------------------------------------------------------------------ afterwards


def checked_callback(context: Context, callback: Callback, reported: list[str]) -> Callback:
    """The callback, if what it watches is reported; a mistake is reported otherwise."""
    monitor = dict(callback.arguments).get("monitor")
    known = [*reported, *(f"{part}.{name}" for part in ("train", "validation") for name in reported)]
    if isinstance(monitor, str) and monitor not in known:
        close = did_you_mean(monitor, reported)
        help = f"did you mean `{close}`?" if close else f"reported are: {', '.join(reported)}"
        plain = monitor.removeprefix("val_")
        if plain != monitor and plain in reported:
            help = f"say `monitor={plain}`: it is that of the validation rows, where there are any"
        context.report(
            error(
                "NN509",
                f"{callback.name} watches `{monitor}`, and nothing of that name is reported",
                callback.span,
                help=help,
            )
        )
    elif _is_unclear(monitor, dict(callback.arguments)["mode"]):
        message = f"{callback.name} can't tell whether more or less {monitor} is better"
        context.report(error("NN509", message, callback.span, help="say `mode=max` or `mode=min`"))
    return callback


def _is_unclear(monitor: Attribute, mode: Attribute) -> bool:
    """Whether the name of a monitored number leaves open what is better of it."""
    return isinstance(monitor, str) and mode == "auto" and not monitor.endswith((*RISING, *FALLING))


def checked_expectation(
    context: Context, expectation: Expectation, reported: list[str], data: DataProgram | None
) -> Expectation:
    """The expectation, if its number is reported and the data has its part."""
    parts = ["train"]
    if data is not None:
        parts += [name for name, _ in data.split.parts] if data.split is not None else []
        parts += [name for name, _ in data.part_readers]
    for given, known, what in (
        (expectation.metric, reported, "reported"),
        (expectation.part, parts, "a part of the data"),
    ):
        if given not in known:
            close = did_you_mean(given, known)
            listed = ", ".join(dict.fromkeys(known))
            context.report(
                error(
                    "NN511",
                    f"`{given}` is not {what}",
                    expectation.span,
                    help=f"did you mean `{close}`?" if close else f"there is: {listed}",
                )
            )
            raise SilencedError
    return expectation
