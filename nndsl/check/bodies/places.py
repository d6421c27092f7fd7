"""Which statement belongs where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context, Frame

_PLACES = {
    "split": "a data block",
    "test from": "a data block",
    "minimize": "a train block",
    "metric": "a train block",
    "predict": "a train block",
    "expect": "a train block",
    "show": "a train block",
    "weight": "a layer or a model",
    "state": "a layer or an optimizer",
    "input": "a layer or a model",
}


def misplaced(context: Context, statement: tree.Statement, frame: Frame) -> Exception:
    """The mistake of a statement in a block where it means nothing."""
    words: dict[type[object], str] = {
        tree.Split: "split",
        tree.PartFrom: "test from",
        tree.MinimizeStatement: "minimize",
        tree.MetricStatement: "metric",
        tree.PredictStatement: "predict",
        tree.ExpectStatement: "expect",
        tree.WeightStatement: "weight",
        tree.StateStatement: "state",
        tree.Input: "input",
        tree.Output: "output",
        tree.Apply: "a step",
        tree.Show: "show",
    }
    word = words.get(type(statement), "this statement")
    place = _PLACES.get(word, "a layer, a model or a function")
    return context.mistake(
        "NN309", f"`{word}` does not belong in a {frame.kind} block", statement.span, help=f"it stands in {place}"
    )
