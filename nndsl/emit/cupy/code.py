"""The code of a device's schedule: its kernels, its arrays, and the lines that launch them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.cupy.kernel_text import Arrays
from nndsl.emit.cupy.kernels import written
from nndsl.emit.definitions import array_shape, number_name
from nndsl.emit.headings import Headings, heading_line
from nndsl.emit.host import HostNumbers
from nndsl.emit.names import Names
from nndsl.emit.steps import learnt_text
from nndsl.emit.text import number, shape, string
from nndsl.ir.graph import reachable
from nndsl.ir.types import DType
from nndsl.ops import (
    array,
    constant,
    direction,
    from_step,
    gradient,
    learnt,
    narrow_weight,
    state,
    weight,
)
from nndsl.ops import field as field_leaf
from nndsl.plan.device import (
    Call,
    ClearGradient,
    DeviceLoop,
    DeviceSchedule,
    Fused,
    Multiply,
    StateOf,
    TotalOf,
    count_text,
    source_of,
)
from nndsl.plan.device.lowering import Operand, matrix_product
from nndsl.plan.schedule import Given, GradientOf, InBuffer, InPlace

if TYPE_CHECKING:
    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType
    from nndsl.plan.device import DeviceAction, Target

DTYPES = {DType.FLOAT: "real", DType.INT: "np.int32", DType.BOOL: "np.bool_", DType.NARROW: "space.narrow"}
"""How the source calls each kind of number."""

STORED = {DType.FLOAT: "value", DType.INT: "int", DType.BOOL: "bool", DType.NARROW: "narrow"}
"""What kernels call the elements of buffers."""

GIVEN = {DType.FLOAT: "real", DType.INT: "int", DType.BOOL: "bool", DType.NARROW: "narrow"}
"""What kernels call the elements of everything else."""

SECTIONS = {
    "inputs": "what the caller fills before each step",
    "weights": "weights, states and gradients: parts of the flat vectors",
    "constants": "numbers that stay",
    "buffers": "buffers",
    "aliases": "what shares them",
    "kernels": "kernels, and how many threads they have",
    "products": "products of matrices",
    "loops": "what loops go through: for each time its number, the carries before and after it, its products",
    "updates": "the optimizers, over whole flat vectors",
    "calls": "what has kernels of its own",
}


@dataclass(slots=True)
class DeviceCode(Arrays):
    """The code of one schedule for a device: kernels in C, definitions by section, lines."""

    module: Module
    schedule: DeviceSchedule
    names: Names
    host: HostNumbers
    headings: Headings
    kernel_texts: list[str] = field(default_factory=list[str])
    sections: dict[str, list[str]] = field(default_factory=lambda: {section: [] for section in SECTIONS})
    lines: list[str] = field(default_factory=list[str])
    numbers: dict[Node, int] = field(default_factory=dict["Node", int])
    count: int = 0
    largest: int = 1
    _variables: dict[object, str] = field(default_factory=dict[object, str])
    _users: Counter[int] = field(default_factory=Counter[int])
    _readers: Counter[Node] = field(default_factory=Counter["Node"])
    around: DeviceCode | None = None

    def prepare(self) -> None:
        """Count who reads and shares what."""
        places = self.schedule.places
        self._users.update(place.buffer for place in places.values() if isinstance(place, InBuffer))
        loops = [action for action in self.schedule.actions if isinstance(action, DeviceLoop)]
        self._users.update(buffer for loop in loops for _, buffers in loop.carries for buffer in buffers)
        roots: list[Node] = []
        for action in self.schedule.actions:
            match action:
                case Fused(stores=stores, reductions=reductions):
                    firsts = [store.target for store in stores if store.target != places.get(store.node)]
                    self._users.update(target.buffer for target in firsts if isinstance(target, InBuffer))
                    roots += [store.node for store in stores]
                    roots += reductions
                case Multiply(node=node) | Call(node=node):
                    roots.append(node)
                case DeviceLoop(outputs=outputs):
                    roots += outputs.nodes
                case _:
                    pass
        nodes = reachable([*roots, *self.schedule.outputs])
        self._readers.update(operand for node in nodes for operand in set(node.inputs))
        if self.around is not None:
            self.around.largest = max(self.around.largest, *(node.type.size for node in nodes))
        self.largest = max((node.type.size for node in nodes), default=1)

    # -------------------------------------------------------------------------------------------- arrays

    def available(self, node: Node) -> bool:
        """Is a node in memory?"""
        return source_of(node) in self.schedule.places and node.op is not from_step

    def memory(self, node: Node) -> str:
        """The array that holds a node."""
        source = source_of(node)
        return self.target(self.schedule.places[source], source)

    def original(self, node: Node) -> tuple[str, str, int]:
        """The array of a leaf, where a copy of it has the leaf's place; the type of its elements; its times."""
        return self.given(node), GIVEN[node.type.dtype], 0

    def target(self, target: Target, node: Node) -> str:
        """The array at a place."""
        match target:
            case InBuffer(buffer):
                return self.buffered(buffer, node.type.dtype, self.module.node_names.wish(node), node)
            case GradientOf(path):
                return self._gradient(path)
            case StateOf(path):
                return self._part("states", path)
            case TotalOf():
                return "totals"
            case InPlace(name):
                return self.flat(name)
            case Given():
                return self.given(node)

    def _gradient(self, path: str) -> str:
        return self._part("gradients", path)

    def _part(self, vector: str, path: str, remark: str = "") -> str:
        """A part of a vector of the memory."""
        ending = {"gradients": "_gradient", "directions": "_direction"}.get(vector, "")
        value = f"space.part({string(vector)}, {string(path)})"
        return self._defined("weights", self.module.node_names.path(path) + ending, value, remark)

    def flat(self, name: str) -> str:
        """The flat vector of an update."""
        raise InternalError(f"emit: there is no flat vector {name} here")

    def storage(self, node: Node) -> str:
        """The type of a node's elements in memory."""
        place = self.schedule.places[source_of(node)]
        return self.stored(place, node)

    def stored(self, target: Target, node: Node) -> str:
        """The type of elements at a place."""
        match target:
            case InBuffer():
                return STORED[node.type.dtype]
            case TotalOf():
                return "double"
            case _:
                return GIVEN[node.type.dtype]

    def times(self, target: Target, node: Node) -> int:
        """Arrays of steps hold their own value alone."""
        del target, node
        return 0

    def times_of(self, node: Node) -> int:
        """As `times`, of the array that holds a node."""
        source = source_of(node)
        return self.times(self.schedule.places[source], source)

    def name(self, node: Node) -> str:
        """What to call an element."""
        return self.module.node_names.wish(node)

    def number(self, node: Node) -> str:
        """A number of the step."""
        operand = node.inputs[0]
        if operand not in self.numbers:
            self.numbers[operand] = self.next_number()
        place = self.numbers[operand]
        return f"real(numbers[{place}])"

    def next_number(self) -> int:
        """The place of another number of the step."""
        if self.around is not None:
            return self.around.next_number()
        self.count += 1
        return self.count - 1

    def whole(self, vector: str) -> str:
        """A whole vector of the memory."""
        return self._defined("updates", f"all_{vector}", f"space.vector({string(vector)})")

    def buffered(self, buffer: int, dtype: DType, wish: str, value: object) -> str:
        """The variable of a buffer where it holds a value, called as is wished where there is none yet."""
        key = ("value", value, buffer)
        if key in self._variables:
            return self._variables[key]
        made = self.schedule.buffers[buffer]
        assert made.dtype is dtype
        count = count_text((made.per_sample, made.size))
        if self._users[buffer] == 1:
            name = self.names.unique(wish)
            self.sections["buffers"].append(f"{name} = space.empty({count}, {DTYPES[made.dtype]})")
        else:
            shared = self._variables.get(("buffer", buffer))
            if shared is None:
                shared = self._variables["buffer", buffer] = self.names.unique(f"buffer_{buffer + 1}")
                self.sections["buffers"].append(f"{shared} = space.empty({count}, {DTYPES[made.dtype]})")
            name = self.names.unique(wish)
            self.sections["aliases"].append(f"{name} = {shared}")
        self._variables[key] = name
        return name

    def _defined(self, section: str, wish: str, value: str, remark: str = "") -> str:
        found = self._variables.get(value)
        if found is None:
            found = self._variables[value] = self.names.unique(wish)
            self.sections[section].append(f"{found} = {value}{f'  # {remark}' if remark else ''}")
        return found

    def input(self, name: str, type: TensorType) -> str:
        """The array of a field."""
        value = f"space.input({string(name)}, {array_shape(type)}, {DTYPES[type.dtype]})"
        return self._defined("inputs", name, value)

    def given(self, node: Node) -> str:
        """The array of a leaf that the workspace holds."""
        names = self.module.node_names
        if node.op is field_leaf:
            return self.input(str(node["name"]), node.type)
        for op, vector in ((weight, "weights"), (gradient, "gradients"), (state, "states"), (direction, "directions")):
            if node.op is op:
                return self._part(vector, str(node["path"]), shape(node.type.shape))
        if node.op is narrow_weight:
            path = str(node["path"])
            wish = f"{self.module.node_names.path(path)}_narrow"
            return self._defined("weights", wish, f"space.narrow_part({string(path)})", shape(node.type.shape))
        if node.op is learnt:
            return self._defined("weights", str(node["name"]), f"space.array({learnt_text(node)})")
        if node.op is constant:
            value = number(node["value"], node.type.dtype.value).strip("()")
            text = f"space.array(np.full({array_shape(node.type)}, {value}, {DTYPES[node.type.dtype]}))"
            return self._defined("constants", f"all_{number_name(node)}", text)
        if node.op is array:
            text = f"space.array(np.array({node['value']!r}, {DTYPES[node.type.dtype]}))"
            return self._defined("constants", names.wish(node), text)
        raise InternalError(f"emit: {node!r} in a step on a device")

    # -------------------------------------------------------------------------------------------- actions

    def act(self, action: DeviceAction, wish: str | None = None) -> None:
        """Write what runs. wish: what to call its kernel, where its values' names would not do."""
        match action:
            case Fused():
                self._fused(action, wish)
            case Multiply(node):
                self._head(node)
                self.lines.append(f"{self._product(node)}()")
            case Call(node):
                self._head(node)
                self._call(node)
            case DeviceLoop():
                from nndsl.emit.cupy.loops import written_loop  # which writes code with this class

                self._head(action.outputs.chief)
                self.lines += written_loop(self, action)
            case ClearGradient(path):
                self.lines.append(f"{self._gradient(path)}.fill(0)")
            case _:
                raise InternalError(f"emit: {type(action).__name__} is written by others")

    def _head(self, node: Node) -> None:
        self.lines += self.headings.lines(node)

    def _fused(self, fused: Fused, wish: str | None) -> None:
        chief = next((s.node for s in reversed(fused.stores) if s.node.origins), fused.stores[-1].node)
        self._head(chief)
        if wish is None:
            wish = "totals_sum" if fused.kind == "totals" else f"{self.module.node_names.wish(chief)}_kernel"
        name = self.names.unique(wish)
        made = written(fused, self, self._readers, name, self._origin(chief))
        self.kernel_texts += [each.text for each in made]
        maker, numbers = made[0].launch
        arguments = ", ".join([string(name), *([numbers] if numbers else [])])
        self.sections["kernels"].append(f"{name} = kernels.{maker}({arguments})")
        given = [each.arrays for each in made]
        self.lines.append(f"{name}({', '.join(given[0] if len(given) == 1 else map(_tuple, given))})")

    def _origin(self, node: Node) -> list[str]:
        """The comment over a kernel."""
        if not node.origins:
            return []
        return [f"// {heading_line(self.headings.of(node.origins[0]), '').removeprefix('# ')}"]

    def _product(self, node: Node) -> str:
        """The variable of a product."""
        a, b, out = (self.times_of(each) for each in (*node.inputs, node))
        found = matrix_product(node, (a, b, out))
        a, b, out = (self.one_time(each) for each in (*node.inputs, node))
        left, right = (b, a) if found.swapped else (a, b)
        sizes = ", ".join(count_text(each) for each in (found.rows, found.columns, found.inner))
        operands = (found.left, found.right, found.out)
        text = f"products.of({left}, {right}, {out}, ({sizes})"
        if any(each.turned for each in operands):
            text += f", turned=({', '.join(str(each.turned) for each in operands)})"
        if (
            not _plain(found.left, found.inner, found.rows)
            or not _plain(found.right, found.columns, found.inner)
            or not _plain(found.out, found.columns, found.rows)
        ):
            text += f", leading=({', '.join(count_text(each.leading) for each in operands)})"
        if found.stack != (False, 1):
            strides = ", ".join(count_text(each.stride) for each in operands)
            text += f", stack={count_text(found.stack)}, strides=({strides})"
        return self.product(f"{self.module.node_names.wish(node)}_product", f"{text})")

    def product(self, wish: str, text: str) -> str:
        """The variable of a product that `text` makes."""
        return self._defined("products", wish, text)

    def one_time(self, node: Node) -> str:
        """The array that holds a node, from its first element on."""
        return self.memory(node)

    def _call(self, node: Node) -> None:
        from nndsl.ir.device import Call as CallForm
        from nndsl.ir.device import device_form

        form = device_form(node)
        assert isinstance(form, CallForm)
        operands = [self.memory(operand) for operand in node.inputs]
        arguments = ", ".join([*operands, self.memory(node), *form.arguments(node)])
        name = self._defined("calls", self.module.node_names.wish(node), f"{form.name}(space, {arguments})")
        self.lines.append(f"{name}()")


def _plain(operand: Operand, columns: tuple[bool, int], rows: tuple[bool, int]) -> bool:
    """Are stored rows side by side?"""
    return operand.leading == (rows if operand.turned else columns)


def _tuple(names: list[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"
