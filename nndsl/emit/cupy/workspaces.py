"""The function of a step for a device: what it has there, the numbers that the host gives, what is launched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.emit.clocked import step_headings
from nndsl.emit.cupy.code import SECTIONS, DeviceCode
from nndsl.emit.cupy.updates import Updates
from nndsl.emit.definitions import array_shape
from nndsl.emit.host import HostNumbers, tidy
from nndsl.emit.module import indented
from nndsl.emit.names import Names
from nndsl.emit.steps import LOCALS, documentation, step_leaf
from nndsl.emit.text import string
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.plan.device import device_step
from nndsl.plan.device.room import on_device, room_of
from nndsl.plan.schedule import ApplyUpdate
from nndsl.precision import float_bytes

if TYPE_CHECKING:
    from nndsl.emit.module import Module
    from nndsl.emit.steps import Part
    from nndsl.ir.program import TrainProgram

DEVICE_LOCALS = LOCALS | {
    "accumulation",
    "space",
    "kernels",
    "products",
    "numbers",
    "position",
    "launch",
    "numbers_of",
    "given",
    "outputs",
}
"""Names that the functions of a train block use for themselves."""


def device_workspace(module: Module, train: TrainProgram, part: Part) -> str:
    """Write the function of a step; its name."""
    part = replace(part, graph=on_device(part.graph, module.products))
    names = Names(module.reserved | DEVICE_LOCALS)
    host = HostNumbers(lambda node: step_leaf(train, node), names, module.node_names)
    code = DeviceCode(module, device_step(part.graph), names, host, step_headings(module, train, part))
    code.prepare()
    for name, type in part.fields:
        code.input(name, type)
    updates = Updates(train, part, code)
    for action in code.schedule.actions:
        if isinstance(action, ApplyUpdate):
            code.lines += updates.apply(action)
        else:
            code.act(action)
    once, always = _numbers(code, host)
    outputs = [
        f"{string(name)}: ({code.memory(node)}, {array_shape(node.type)})" for name, node, _ in part.graph.predictions
    ]
    name = _function(module, part, code, updates, once, always, outputs)
    module.rooms[name] = room_of(part.graph, code.schedule, float_bytes(module.precision))
    return name


def _numbers(code: DeviceCode, host: HostNumbers) -> tuple[list[str], list[str]]:
    """The lines that compute numbers: those that stay, and those of each step."""
    nodes = [node for node in reachable(code.numbers) if node.type.kind is Kind.STEP]
    host.survey(nodes, kept=list(code.numbers))
    once: list[str] = []
    always: list[str] = []
    for node in nodes:
        if not node.op.leaf and (line := host.compute(node)) is not None:
            (always if host.changes(node) else once).append(line)
    for node, place in code.numbers.items():
        (always if host.changes(node) else once).append(f"given[{place}] = {tidy(host.text(node))}")
    return once, always


def _function(
    module: Module,
    part: Part,
    code: DeviceCode,
    updates: Updates,
    once: list[str],
    always: list[str],
    outputs: list[str],
) -> str:
    """Write the function, and its kernels before it."""
    kernels = f"{part.name.upper()}_KERNELS"
    lines = code.lines[1:] if code.lines and not code.lines[0] else code.lines
    if any("space.narrow_part(" in line for line in code.sections["weights"]):
        code.sections["kernels"].append("narrow_weights = space.narrowing()")
        lines = ["# all weights, as products take them", "narrow_weights()", "", *lines]
    lines = [*updates.first_lines, *([""] if updates.first_lines else []), *lines]
    text = "\n".join(code.kernel_texts)
    definitions: list[str] = []
    for section, title in SECTIONS.items():
        if code.sections[section]:
            definitions += [f"# {title}", *code.sections[section], ""]
    key = f"({', '.join(updates.arguments)}{',' * (len(updates.arguments) == 1)})"
    multiplies = any("products.of(" in line for name in ("products", "loops") for line in code.sections[name])
    changes = bool(part.graph.minimizes or part.graph.states)
    body = [
        *documentation(part),
        "real = memory.dtype.type",
        f"space = Space(memory, n, seed, numbers={code.count}, largest=n * {code.largest})",
        *([f"kernels = space.kernels({kernels})"] if text else []),
        *(["products = space.machine.products"] if multiplies else []),
        *(["numbers, given = space.numbers, space.host_numbers"] if code.count else []),
        *(["seed, position = space.seed, space.position"] if "(seed, " in text else []),
        f"totals = space.zeros({len(part.graph.totals)})",
        "",
        *definitions,
        *([*once, ""] if once else []),
        "def numbers_of(step, epoch, first):",
        *indented([*always, *updates.host_lines, f"return {key}"]),
        "",
        f"def launch({', '.join(updates.arguments)}):",
        *(indented(lines) or ["    pass"]),
        "",
        f"outputs = {{{', '.join(outputs)}}}",
        f"return DeviceStep(space, numbers_of, launch, outputs, totals, trains={changes})",
    ]
    if text:
        joined = "\n\n".join(code.kernel_texts)
        module.blocks.append(f'{kernels} = r"""\n{joined}\n"""\n')
    return module.function(part.name, "(n, memory, seed)", body)
