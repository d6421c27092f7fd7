"""From a program's weights to another framework's, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.runtime.exchange import keras, pytorch
from nndsl.runtime.exchange.layers import LayerWeights, layers_of
from nndsl.runtime.exchange.orders import orders_of

if TYPE_CHECKING:
    from nndsl.ir.program import Program
    from nndsl.runtime.exchange.layers import Codec
    from nndsl.runtime.standalone.program import Array

LAYOUTS: Mapping[str, ModuleType] = {"keras": keras, "pytorch": pytorch}
"""Frameworks by name."""

_MOST_NOTES = 8


@dataclass(frozen=True, slots=True)
class _Place:
    """A layer of the program and its name there."""

    layer: LayerWeights
    codec: Codec
    module: str


def exported(
    checked: Program, weights: Mapping[str, Array], framework: str, *, channels_last: bool = False
) -> dict[str, Array]:
    """The weights and states (by path) as `framework` has them, by its names.

    channels_last: images are flattened there as they are here, so rows behind a `Flatten` keep their order.
    """
    layout = LAYOUTS[framework]
    arrays = _ordered(checked, weights, framework, channels_last, "channels_first")
    found: dict[str, Array] = {}
    for place in _places(checked, layout):
        given = place.codec.give({name: arrays[path] for name, path in place.layer.paths.items()})
        found |= {layout.name(place.module, place.layer, own): values for own, values in given.items()}
    return found


def imported(
    checked: Program,
    theirs: Mapping[str, Array],
    framework: str,
    *,
    renames: Mapping[str, str] | None = None,
    channels_last: bool = False,
    partial: bool = False,
    source: str = "the file",
) -> dict[str, Array]:
    """The program's weights and states (by path) out of those of a model of `framework`.

    renames: names here by names there, of weights or of whole modules. channels_last: as for `exported`. partial:
    layers that `theirs` lacks are left out, and what no layer wants is passed over. source: what messages call where
    they come from. Raises UserError: NN604 where they don't fit, NN616 for a bad renaming.
    """
    layout = LAYOUTS[framework]
    places = _places(checked, layout)
    arrays = {layout.ordinary(name): values for name, values in theirs.items() if not layout.ignored(name)}
    arrays = _renamed(arrays, renames or {}, layout, places)
    wanted = {position: _wanted(place, layout) for position, place in enumerate(places)}
    arrays = _unwrapped(arrays, {name for names in wanted.values() for name in names}, layout.SEPARATOR)
    if partial:
        wanted = {position: names for position, names in wanted.items() if arrays.keys() & names.keys()} or wanted
        arrays = {name: values for name, values in arrays.items() if any(name in names for names in wanted.values())}
    _refuse_misfits(arrays, wanted, layout, source)
    found: dict[str, Array] = {}
    for position, names in wanted.items():
        place = places[position]
        own = {short: arrays[name] for name, (short, _) in names.items()}
        try:
            taken = place.codec.take(own, place.layer.shapes)
        except ValueError as failure:
            message = f"{source} does not fit the network"
            raise UserError(error("NN604", message, notes=[f"{place.layer.path}: {failure}"])) from None
        found |= {place.layer.paths[name]: values for name, values in taken.items()}
    return _ordered(checked, found, framework, channels_last, "channels_last")


def _ordered(
    checked: Program, arrays: Mapping[str, Array], framework: str, channels_last: bool, way: str
) -> dict[str, Array]:
    """The arrays with the axes turned that flattened images lie along, where the framework has channels first."""
    found = dict(arrays)
    if framework == "pytorch" and not channels_last:
        for path, order in orders_of(checked).items():
            if path not in found:
                continue
            turn: Callable[[Array], Array] = getattr(order, way)
            found[path] = turn(found[path])
    return found


def _places(checked: Program, layout: ModuleType) -> list[_Place]:
    """Every layer with weights, by its name there: without the model's, if there is one model."""
    layers = layers_of(checked)
    models = {layer.path.partition("/")[0] for layer in layers}
    alone = len(models) == 1 and models <= {model.name for model in checked.models}
    places: list[_Place] = []
    for layer in layers:
        path = layer.path.partition("/")[2] if alone else layer.path
        places.append(_Place(layer, layout.codec(layer), layout.module(path)))
    return places


def _wanted(place: _Place, layout: ModuleType) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What `imported` looks for, by its whole ordinary name: its own name, and its shape."""
    import numpy as np

    empty = {name: np.broadcast_to(np.float32(0), shape) for name, shape in place.layer.shapes.items()}
    return {
        layout.ordinary(layout.name(place.module, place.layer, own)): (own, values.shape)
        for own, values in place.codec.give(empty).items()
    }


# ------------------------------------------------------------------------------------------------ names


def _renamed(
    arrays: Mapping[str, Array], renames: Mapping[str, str], layout: ModuleType, places: Sequence[_Place]
) -> dict[str, Array]:
    """The arrays under the names that they are given: a whole name, or the modules that it begins with."""
    separator = layout.SEPARATOR
    modules = {layout.module(place.layer.path): place.module for place in places}
    used: set[str] = set()
    found: dict[str, Array] = {}
    for name, values in arrays.items():
        parts = name.split(separator)
        for length in range(len(parts), 0, -1):
            before = separator.join(parts[:length])
            if before in renames:
                used.add(before)
                here = layout.module(renames[before])
                name = separator.join([*filter(None, [modules.get(here, here)]), *parts[length:]])
                break
        found[name] = values
    for before in renames:
        if before not in used:
            known = {separator.join(name.split(separator)[:-1]) for name in arrays}
            close = did_you_mean(before, known)
            help = f"did you mean {close}?" if close else f"it has: {', '.join(sorted(known)[:_MOST_NOTES])}"
            raise UserError(error("NN616", f"--rename {before}=...: the file has nothing of that name", help=help))
    return found


def _unwrapped(arrays: dict[str, Array], wanted: set[str], separator: str) -> dict[str, Array]:
    """Without the name of a model around all of them ("model.", "Digits/"), where only that keeps them from fitting."""
    while arrays and not wanted & arrays.keys():
        first = {name.partition(separator)[0] for name in arrays}
        if len(first) != 1 or not all(separator in name for name in arrays):
            break
        arrays = {name.partition(separator)[2]: values for name, values in arrays.items()}
    return arrays


# ------------------------------------------------------------------------------------------------ misfits


def _refuse_misfits(
    arrays: Mapping[str, Array],
    wanted: Mapping[int, Mapping[str, tuple[str, tuple[int, ...]]]],
    layout: ModuleType,
    source: str,
) -> None:
    """Raises UserError NN604 with what is missing, left over, of another shape or not of numbers."""
    all_wanted = {name: shape for names in wanted.values() for name, (_, shape) in names.items()}
    missing = [name for name in all_wanted if name not in arrays]
    unknown = [name for name in arrays if name not in all_wanted]
    notes = [
        f"{name} is {list(arrays[name].shape)} there and would be {list(shape)}"
        for name, shape in all_wanted.items()
        if name in arrays and arrays[name].shape != shape
    ]
    notes += [
        f"{name} holds no numbers" for name in all_wanted if name in arrays and arrays[name].dtype.kind not in "fiu"
    ]
    notes += [f"{name} {list(all_wanted[name])} is missing there" for name in missing]
    notes += [f"{name} {list(arrays[name].shape)} is there and nothing here is called so" for name in unknown]
    if not notes:
        return
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"and {len(notes) - _MOST_NOTES} more"]
    help = _suggestion({name: arrays[name].shape for name in unknown}, missing, all_wanted, layout.SEPARATOR)
    raise UserError(error("NN604", f"{source} does not fit the network", help=help, notes=notes))


def _suggestion(
    unknown: Mapping[str, tuple[int, ...]],
    missing: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    separator: str,
) -> str | None:
    """Renamings that would do: modules of equal weights, one after another as both count them."""
    theirs = _modules(unknown, separator)
    ours = _modules({name: shapes[name] for name in missing}, separator)
    pairs: list[str] = []
    for module in sorted(theirs, key=_counted):
        fitting = next((name for name, weights in ours.items() if weights == theirs[module]), None)
        if fitting is not None:
            del ours[fitting]
            pairs.append(f"--rename {module}={fitting}")
    return f"these fit by their shapes: {' '.join(pairs)}" if pairs else None


def _modules(names: Mapping[str, tuple[int, ...]], separator: str) -> dict[str, frozenset[tuple[str, tuple[int, ...]]]]:
    """The weights of each module: own names and shapes."""
    found: dict[str, set[tuple[str, tuple[int, ...]]]] = {}
    for name, shape in names.items():
        module, _, own = name.rpartition(separator)
        if module:
            found.setdefault(module, set()).add((own, shape))
    return {module: frozenset(weights) for module, weights in found.items()}


def _counted(name: str) -> list[tuple[int, str]]:
    """A key that sorts `layers.10` behind `layers.9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
