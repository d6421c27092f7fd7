"""Solvers: what may stand after `using` beside optimizers, on all samples at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.callbacks import read_arguments
from nndsl.check.blocks.optimizers import group_weights, reached_weights, unfrozen
from nndsl.check.blocks.settings import REDUCE_ON_PLATEAU, Setting
from nndsl.check.files import library_scope
from nndsl.check.values import Function, Value
from nndsl.diagnostics import Label, did_you_mean, error
from nndsl.ir import Kind, Node, reachable
from nndsl.ir.program import Minimize, Solver
from nndsl.records import record
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.ir import Attribute
    from nndsl.ir.program import Callback
    from nndsl.source import Span

SQUARES = "least_squares"
"""The loss whose residual a solver may ask for."""

_OF_BATCHES = ("batch_size", "shuffle")
_OF_UPDATES = ("gradient_accumulation_steps", "use_ema", "ema_momentum")


@record
class SolverKind:
    """A solver that the runtime knows. squares: it works with the residual of `least_squares`."""

    name: str
    arguments: tuple[Setting, ...]
    documentation: str
    squares: bool = False


_TOLERANCE = Setting(
    "tolerance",
    "number",
    1e-10,
    "It ends when no gradient is larger than this, times the loss where that is more than 1.",
)
_CG_ITERATIONS = Setting(
    "cg_iterations", "count", 100, "The most products with the curvature that one iteration's direction may take."
)

SOLVERS = {
    solver.name: solver
    for solver in (
        SolverKind(
            "LBFGS",
            (
                Setting("history", "count", 10, "How many of the last iterations tell it of the curvature."),
                Setting("line_search", "count", 25, "The most losses that one iteration's line search may look at."),
                _TOLERANCE,
            ),
            "The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, with a line search for the strong "
            "Wolfe conditions.",
        ),
        SolverKind(
            "LevenbergMarquardt",
            (
                Setting(
                    "damping",
                    "number",
                    0.0,
                    "Added to the curvature at first. It grows where a step would not lower the loss, and shrinks "
                    "again; 0 begins with full steps.",
                ),
                _CG_ITERATIONS,
                Setting("trials", "count", 20, "The most steps, each shorter, that one iteration may try."),
                _TOLERANCE,
            ),
            "Least squares of a residual, by the matrix of Gauss and Newton. Where the residual is linear in the "
            "weights one iteration solves it.",
            squares=True,
        ),
        SolverKind(
            "Newton",
            (
                Setting("damping", "number", 0.0, "Added to the Hessian's diagonal: shorter and safer steps."),
                _CG_ITERATIONS,
                Setting("line_search", "count", 20, "The most losses that one iteration's line search may look at."),
                _TOLERANCE,
            ),
            "Newton's method, damped by a line search. Conjugate gradients on products with the Hessian give its "
            "direction; the matrix itself is never made.",
        ),
    )
}


def is_squares(scope: Scope, loss: tree.Expression) -> bool:
    """Whether a loss is written as `least_squares(...)`, the library's."""
    named = loss.steps[-1] if isinstance(loss, tree.Chain) else loss
    if isinstance(named, tree.Call):
        named = named.function
    if not isinstance(named, tree.Name) or named.name != SQUARES:
        return False
    found = scope.lookup(SQUARES)
    return isinstance(found, Function) and found.scope is library_scope()


def solver_of(
    context: Context,
    scope: Scope,
    statement: tree.MinimizeStatement,
    value: Value,
    loss: Node,
    others: Sequence[Minimize],
) -> Solver | None:
    """The solver that a `minimize` names, or None where it names optimizers.

    value: of the written loss. loss: its mean over the batch. others: the minimizes before it in the block.
    """
    kinds = [_kind(scope, group.optimizer) for group in statement.groups]
    kind = next((kind for kind in kinds if kind is not None), None)
    before = next((other for other in others if other.solver is not None), None)
    if before is not None:
        raise context.mistake(
            "NN531", f"{before.solver and before.solver.name} solves a block on its own", statement.span,
            more=[Label(before.span, "this minimizes already")], help="put this into a train block of its own",
        )  # fmt: skip
    if kind is None:
        _refuse_near_miss(context, scope, statement)
        if is_squares(scope, statement.loss):
            raise context.mistake(
                "NN533", "`least_squares` is for solvers, which work with the residual itself",
                statement.loss.span, help="for an optimizer: `minimize mse(prediction, target) using ...`",
            )  # fmt: skip
        return None
    _refuse_company(context, statement, kind, others)
    _refuse_change(context, statement, kind, loss)
    residual = _residual(context, scope, statement, kind, value) if kind.squares else None
    group = statement.groups[0]
    reached = unfrozen(context, reached_weights(context, loss), statement)
    if not reached:
        raise context.mistake("NN512", "no weight has an influence on this", statement.loss.span)
    paths = group_weights(context, scope, group, reached, {}, statement)
    arguments = read_arguments(context, scope, kind.name, kind.arguments, group.optimizer)
    _refuse_negative(context, kind, arguments, group.optimizer.span)
    return Solver(kind.name, arguments, paths, residual, group.optimizer.span)


def check_solver_settings(
    context: Context,
    minimizes: Iterable[Minimize],
    settings: Iterable[str],
    callbacks: Iterable[tuple[Callback, tree.Apply]],
    *,
    has_data: bool,
) -> None:
    """Refuses what is about batches or updates in a block that a solver trains on all samples at once."""
    solver = next((minimize.solver for minimize in minimizes if minimize.solver is not None), None)
    if solver is None:
        return
    for callback, _ in callbacks:
        if callback.name == REDUCE_ON_PLATEAU:
            message = f"{solver.name} finds the length of its steps itself: there is no learning rate to reduce"
            context.report(error("NN531", message, callback.span, help="leave it out"))
    given = [name for name in (*(_OF_BATCHES if has_data else ()), *_OF_UPDATES) if name in settings]
    if given:
        message = f"{solver.name} takes all samples at once, so `{given[0]}` means nothing to it"
        context.report(error("NN531", message, solver.span, help=f"leave `{given[0]} = ...` out"))


def _kind(scope: Scope, expression: tree.Expression) -> SolverKind | None:
    """The solver that `using` names; a file's own definition of that name comes first."""
    named = expression.function if isinstance(expression, tree.Call) else expression
    if isinstance(named, tree.Name) and named.name in SOLVERS and scope.lookup(named.name) is None:
        return SOLVERS[named.name]
    return None


def _refuse_near_miss(context: Context, scope: Scope, statement: tree.MinimizeStatement) -> None:
    """`newton` is no name."""
    for group in statement.groups:
        named = group.optimizer.function if isinstance(group.optimizer, tree.Call) else group.optimizer
        if isinstance(named, tree.Name) and scope.lookup(named.name) is None:
            close = did_you_mean(named.name, SOLVERS)
            if close is not None:
                message = f"nothing is called `{named.name}` here"
                raise context.mistake("NN101", message, named.span, help=f"did you mean `{close}`?")


def _refuse_company(
    context: Context, statement: tree.MinimizeStatement, kind: SolverKind, others: Sequence[Minimize]
) -> None:
    """A solver decides on its steps from the whole loss: nothing may change the weights besides."""
    group = statement.groups[0]
    if others:
        place, why, help = statement.span, "solves a block on its own", "put it into a train block of its own"
    elif len(statement.groups) > 1:
        place, why = statement.span, "changes all weights of a `minimize`"
        help = "`over A, B using ...` gives it the weights of both"
    elif group.clips:
        clip = group.clips[0]
        place, why, help = clip.span, "finds the length of its steps itself", f"leave `{clip.name}` out"
    elif statement.every is not None:
        place, why, help = statement.every.span, "acts in every step", "leave `every` out"
    else:
        return
    raise context.mistake("NN531", f"{kind.name} {why}", place, help=help)


def _refuse_change(context: Context, statement: tree.MinimizeStatement, kind: SolverKind, loss: Node) -> None:
    """What is solved must stay the same from step to step."""
    counting = next((node for node in reachable([loss]) if node.op in (ops.step, ops.epoch)), None)
    if counting is not None:
        raise context.mistake(
            "NN531", f"this changes with every {counting.op.name}, and {kind.name} solves one problem",
            statement.loss.span, help=f"leave `{counting.op.name}` out, or use an optimizer",
        )  # fmt: skip


def _residual(
    context: Context, scope: Scope, statement: tree.MinimizeStatement, kind: SolverKind, value: Value
) -> Node:
    """What the loss is the square of."""
    span = statement.loss.span
    if not is_squares(scope, statement.loss) or not isinstance(value, Node):
        raise context.mistake(
            "NN532", f"{kind.name} works with a residual, and this loss does not show one", span,
            help="`minimize least_squares(prediction - target)`; Newton and LBFGS minimize anything",
        )  # fmt: skip
    residual = value.inputs[0]
    if residual.type.kind is not Kind.SAMPLE:
        raise context.mistake("NN532", "this residual is the same for all samples", span)
    return residual


def _refuse_negative(
    context: Context, kind: SolverKind, arguments: tuple[tuple[str, Attribute], ...], span: Span
) -> None:
    for name, value in arguments:
        if isinstance(value, float) and value < 0:
            raise context.mistake("NN502", f"`{name}` of {kind.name} is a number of at least 0", span)
