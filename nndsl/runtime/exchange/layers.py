"""The layers of a checked program that hold weights, and how a framework's layout writes the weights of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndsl.ir.program import Program
    from nndsl.runtime.standalone.program import Array

Arrays = Mapping[str, "Array"]
Shapes = Mapping[str, tuple[int, ...]]
DIRECTIONS = {"forward_layer": "forward", "backward_layer": "backward"}
"""What the library's Bidirectional calls its layers."""


@dataclass(slots=True)
class LayerWeights:
    """The weights and states of one layer.

    path: the layer's ("Digits/features"; of a direction the Bidirectional layer's). kind: the library's name of it
    ("Dense"), "" for a layer of the user's own. direction: "forward" or "backward" inside Bidirectional, else "".
    paths: where each lies in the program, by its own name ("kernel"). shapes: by the same names.
    """

    path: str
    kind: str
    direction: str
    paths: dict[str, str] = field(default_factory=dict[str, str])
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])


@dataclass(frozen=True, slots=True)
class Codec:
    """How a framework has the weights of one kind of layer; both take and give arrays by their own names.

    give: ours -> theirs. take: (theirs, shapes of ours) -> ours. What `give` makes of arrays of ours says, by its names
    and shapes, what `take` wants.
    """

    give: Callable[[Arrays], dict[str, Array]]
    take: Callable[[Arrays, Shapes], dict[str, Array]]


def layers_of(checked: Program) -> list[LayerWeights]:
    """Every layer with weights, in the order in which the program makes them."""
    found: dict[str, LayerWeights] = {}
    for each in (*checked.weights, *checked.states):
        place, _, name = each.path.rpartition("/")
        path, _, last = place.rpartition("/")
        twofold = len(each.layers) > 1 and each.layers[-2] == "Bidirectional" and last in DIRECTIONS
        layer = found.get(place)
        if layer is None:
            kind = each.layers[-1] if each.layers else ""
            layer = LayerWeights(path if twofold else place, kind, DIRECTIONS[last] if twofold else "")
            found[place] = layer
        layer.paths[name] = each.path
        layer.shapes[name] = each.type.shape
    return list(found.values())


def as_they_are(names: Mapping[str, str] | None = None) -> Codec:
    """The codec of arrays that lie as ours do, under other names: `names` are theirs by ours."""
    renamed = names or {}
    back = {theirs: ours for ours, theirs in renamed.items()}
    return Codec(
        give=lambda ours: {renamed.get(name, name): values for name, values in ours.items()},
        take=lambda theirs, _: {back.get(name, name): values for name, values in theirs.items()},
    )
