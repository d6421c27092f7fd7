"""What one walk through a train block gathers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.ir import Node
from nndsl.ir.program import Callback, Expectation, Minimize, Reported, Show
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.ir import Attribute


@dataclass(slots=True)
class Walk:
    """What one walk through a train block gathers. scaled: a callback scales the learning rates."""

    has_data: bool
    scaled: bool
    losses: list[Reported] = field(default_factory=list[Reported])
    metrics: list[Reported] = field(default_factory=list[Reported])
    predictions: list[tuple[str, Node, tuple[str, ...] | None]] = field(
        default_factory=list[tuple[str, Node, tuple[str, ...] | None]]
    )
    minimizes: list[Minimize] = field(default_factory=list[Minimize])
    settings: dict[str, Attribute] = field(default_factory=dict[str, "Attribute"])
    callbacks: list[tuple[Callback, tree.Apply]] = field(default_factory=list[tuple[Callback, tree.Apply]])
    expectations: list[Expectation] = field(default_factory=list[Expectation])
    shows: list[Show] = field(default_factory=list[Show])
    steps: dict[str, Node] = field(default_factory=dict[str, Node])
