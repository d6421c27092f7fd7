"""The stages between a checked program and the plan, in their order."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from nndsl.autodiff import differentiate
from nndsl.collector import without_collecting
from nndsl.diagnostics import InternalError
from nndsl.ir.verify import verify as verify_roots
from nndsl.passes.algebra import ALGEBRA
from nndsl.passes.attention import attention_in_blocks
from nndsl.passes.choices import CHOICES
from nndsl.passes.fold import FOLD
from nndsl.passes.generation import with_generation
from nndsl.passes.grouping import grouped
from nndsl.passes.joining import joined_products
from nndsl.passes.loops import Change, hoisted, into_bodies, merged, settled, turned
from nndsl.passes.movement import MOVEMENT
from nndsl.passes.numerics import NUMERICS
from nndsl.passes.pooling import POOLING, SPARING_POOLING
from nndsl.passes.programs import graphs, over_answering, over_graphs, over_training, uncast_totals
from nndsl.passes.reductions import REDUCTIONS, SPARING
from nndsl.passes.rewrite import joined, rewrite
from nndsl.passes.sharing import share
from nndsl.passes.spreading import SPREADING
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Program

Roots = tuple["Node", ...]

SIMPLIFY = joined(FOLD, ALGEBRA, CHOICES, SPREADING, MOVEMENT, REDUCTIONS)


@record
class Pass:
    """One stage: a valid program in, a valid program out. `summary` is what `nndsl dump --help` says about it."""

    name: str
    summary: str
    apply: Callable[[Program], Program]


def numerics(roots: tuple[Node, ...], known: dict[Node, Node] | None = None) -> tuple[Node, ...]:
    """Formulas in forms that neither overflow nor lose digits. known: as `rewrite` has it."""
    return rewrite(roots, NUMERICS, known=known)


def pooled_first(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """What grows with its input, behind max pooling."""
    return rewrite(roots, POOLING, SPARING_POOLING)


def fold(roots: tuple[Node, ...], known: dict[Node, Node] | None = None) -> tuple[Node, ...]:
    """What is known while compiling, computed; numbers of the step moved to the host. known: as `rewrite` has it."""
    return rewrite(roots, FOLD, known=known)


def simplify(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Every rule that makes a graph smaller or cheaper."""
    return rewrite(roots, SIMPLIFY, SPARING)


def before_loops(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """What every step of a loop would compute alike, before it, and movements there made smaller."""
    made = settled(roots)
    return roots if made == roots else rewrite(made, MOVEMENT)


def _everywhere(program: Program, change: Change) -> Program:
    """The change in every graph of the program, the bodies of loops included."""
    return over_graphs(program, into_bodies(change))


def _everywhere_once(program: Program, rewritten: Callable[[Roots, dict[Node, Node]], Roots]) -> Program:
    """The rewriting everywhere; what graphs have in common (training, evaluation) is rewritten once."""
    known: dict[Node, Node] = {}
    return _everywhere(program, lambda roots: rewritten(roots, known))


def _joined(program: Program) -> Program:
    """Sums of products joined where it trains: a network that answers is better off with products done before loops."""
    return over_training(program, into_bodies(joined_products))


def _grouped(program: Program) -> Program:
    """Functions of parts together where it answers: the way back would have to put gradients of parts together, too."""
    return over_answering(program, into_bodies(grouped))


PIPELINE: tuple[Pass, ...] = (
    Pass("generate", "networks that write on from a text, for one time after another", with_generation),
    Pass(
        "numerics", "formulas in forms that neither overflow nor lose digits", lambda p: _everywhere_once(p, numerics)
    ),
    Pass("attend", "attention as one operation over blocks", lambda p: _everywhere(p, attention_in_blocks)),
    Pass("pool", "what grows with its input, behind max pooling", lambda p: _everywhere(p, pooled_first)),
    Pass("group", "functions of neighbouring parts in loops, as one", _grouped),
    Pass("join", "sums of products in the steps of loops, as one", _joined),
    Pass("hoist", "products of whole sequences, before their loops", lambda p: _everywhere(p, hoisted)),
    Pass("differentiate", "gradients written out, `grad` and `minimize` alike", differentiate),
    Pass("merge", "one body for all outputs of a loop", lambda p: _everywhere(p, merged)),
    Pass("fold", "what is known while compiling, computed", lambda p: _everywhere_once(p, fold)),
    Pass("simplify", "algebra, movements, sums and products made smaller", lambda p: _everywhere(p, simplify)),
    Pass("settle", "what is the same in every step, before the loop", lambda p: _everywhere(p, before_loops)),
    Pass("turn", "matrices that loops read sideways, put in order before them", lambda p: _everywhere(p, turned)),
    Pass("share", "values that stand in for others, so that fewer are kept", lambda p: over_graphs(p, share)),
    Pass("totals", "sums of truth values without casts", uncast_totals),
)

STAGES: tuple[str, ...] = ("check", *(each.name for each in PIPELINE))
"""Names of the stages: "check" is the program as it was checked."""

OPTIONAL = ("attend", "pool", "group", "join", "hoist", "simplify", "settle", "turn", "share")
"""Names of the stages that can be left out: a program without one computes the same, slower."""


def optimise(program: Program, *, verify: bool = False, without: Collection[str] = ()) -> Program:
    """The program after all stages but those called in `without`: differentiated and simplified."""
    return run_until(program, STAGES[-1], verify=verify, without=without)


def differentiated(program: Program, *, verify: bool = False) -> Program:
    """The program with its gradients, otherwise as it was written: for the textbook form."""
    return run_until(program, "merge", verify=verify, without=("attend", "pool", "group", "join"))


@without_collecting
def run_until(program: Program, stage: str, *, verify: bool = False, without: Collection[str] = ()) -> Program:
    """The program after the stage of that name (one of STAGES). verify: every graph is checked after each stage.

    without: the names of stages to leave out.
    """
    if stage not in STAGES:
        raise InternalError(f"passes: there is no stage {stage}")
    last = STAGES.index(stage)
    for each in PIPELINE[:last]:
        if each.name in without:
            continue
        program = each.apply(program)
        if verify:
            for name, roots in graphs(program):
                verify_roots(roots, after=f"{each.name}, in {name}")
    return program
