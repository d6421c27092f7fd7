"""`nndsl summary FILE.nn`: layers, shapes, weights, memory and arithmetic."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.compiling import checked
from nndsl.cli.options import (
    any_precision_option,
    device_option,
    file_argument,
    json_option,
    plan_options,
    set_option,
    train_option,
)
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json
from nndsl.cli.writing import way_of_writing, writers, writing_data
from nndsl.diagnostics.amounts import scaled
from nndsl.precision import float_bytes as bytes_of_float
from nndsl.precision import products_of
from nndsl.runtime.budget import told
from nndsl.runtime.devices import choose
from nndsl.runtime.footprint import batch_size
from nndsl.runtime.once import once_told
from nndsl.runtime.sources import kept_rows, reading_told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.program import LayerInfo, ModelInfo, Program, TrainProgram
    from nndsl.plan import LayerCost, MemoryReport, PlanOptions
    from nndsl.runtime.footprint import Footprint
    from nndsl.runtime.planning import Planned


@dataclass(slots=True)
class Row:
    """One step of a model. activations: bytes a batch. forward, backward: floating-point operations a batch."""

    name: str
    kind: str
    output: str
    weights: int
    activations: int = 0
    forward: int = 0
    backward: int = 0


@click.command(short_help="Layers, shapes, weights, memory and arithmetic.")
@file_argument
@set_option
@train_option
@any_precision_option
@device_option
@plan_options
@json_option
def command(
    file: Path, sets: dict[str, str], train: str | None, precision: str, device: str, plan: PlanOptions, as_json: bool
) -> None:
    """Show what FILE.nn's networks are made of, and what a training step of each train block takes.

    Activations, memory and arithmetic are those of one batch in training, as the compiler has planned it.
    """
    program = checked(file, sets, train)
    choice = choose(device, precision)
    float_bytes = bytes_of_float(precision)
    planned = _planned(program, plan, precision, choice.device)
    there = _on_device(planned, precision) if choice.device == "gpu" else {}
    reports = {train.name: _report(planned, train, float_bytes) for train in planned.program.trains}
    recomputing = {train.name: train.recomputing for train in planned.program.trains if train.recomputing is not None}
    once = {
        train.name: once_told(train.once, float_bytes, kept_rows(program, train))
        for train in planned.program.trains
        if train.once is not None
    }
    attention = {
        train.name: blocks
        for train in planned.program.trains
        if (blocks := _attention_told(train, reports[train.name], float_bytes)) is not None
    }
    reading = {train.name: reading_told(program, train, float_bytes) for train in program.trains}
    models = {model.name: _rows(model, program, _costs(model, reports.values())) for model in program.models}
    if as_json:
        print_json(
            {
                "ok": True,
                "device": choice.device,
                "diagnostics": diagnostics_data(program.warnings),
                "models": {name: [asdict(row) for row in rows] for name, rows in models.items()},
                "trains": {
                    name: _report_data(report)
                    | {"data": reading[name], "sharing": planned.sharings[name].reason}
                    | ({"recomputing": asdict(recomputing[name])} if name in recomputing else {})
                    | ({"once": once[name]} if name in once else {})
                    | ({"gpu_bytes": there[name].bytes} if name in there else {})
                    for name, report in reports.items()
                },
                "writes": {name: writing_data(how) for name, how in writers(program).items()},
            }
        )
        return
    print_diagnostics(program.warnings)
    for model in program.models:
        _print_model(model, models[model.name])
    for name, report in reports.items():
        _print_report(name, report)
        if name in there:
            click.echo(f"  on the GPU  {in_bytes(there[name].bytes)}, and its data if that fits beside them:")
            click.echo(there[name].table().strip("\n"))
        else:
            click.echo(f"  processor   {planned.sharings[name].reason}")
        if name in attention:
            click.echo(f"  attention   {attention[name]}")
        if name in recomputing:
            click.echo(f"  --memory    training {told(recomputing[name])}")
        if name in once:
            click.echo(f"  once        {once[name]}")
        if reading[name] is not None:
            click.echo(f"  data        {reading[name]}")
    for name, how in writers(program).items():
        click.echo(f"{name} writes on: {way_of_writing(how)}")
    if choice.told is not None:
        click.echo(choice.told)


def _on_device(planned: Planned, precision: str) -> dict[str, Footprint]:
    """What training each block takes of a GPU's memory, its data apart."""
    from nndsl.plan.device.room import room_of_block
    from nndsl.runtime.footprint import on_device

    return {
        train.name: on_device(
            planned.program,
            train,
            batch_size(train),
            room_of_block(train, products_of(precision), bytes_of_float(precision)),
            precision,
        )
        for train in planned.program.trains
    }


def _planned(program: Program, plan: PlanOptions, precision: str, device: str) -> Planned:
    """The program as it would run. Raises UserError NN641 where it does not fit into the memory that `plan` says."""
    from nndsl.runtime.planning import Planned, planned_of

    if not program.trains:
        return Planned(program, {})
    return planned_of(program, precision=precision, plan=plan, device=device)


def _report(planned: Planned, train: TrainProgram, float_bytes: int) -> MemoryReport:
    """What a training step takes."""
    from nndsl.plan import plan_step, report

    tiling = planned.tiling(train.name)
    return report(planned.program, train, plan_step(train.training), batch_size(train), float_bytes, tiling)


def _attention_told(train: TrainProgram, report: MemoryReport, float_bytes: int) -> str | None:
    """How training computes attention, and what it spares; None where it has none in blocks."""
    from nndsl.ir.graph import reachable
    from nndsl.ops import attention

    found = [node for node in reachable(train.training.roots()) if node.op is attention]
    if not found:
        return None
    shapes = [(node.inputs[0].type.shape, node.inputs[1].type.shape) for node in found]
    scores = sum(times * heads * keys for (times, heads, _), (keys, *_) in shapes) * report.batch_size * float_bytes
    return f"in blocks of queries, scores computed again on the way back: all of them would take {in_bytes(scores)}"


def _costs(model: ModelInfo, reports: Iterable[MemoryReport]) -> tuple[LayerCost, ...]:
    """What the steps of a model cost in the first train block that uses it."""
    for report in reports:
        if any(cost.forward and cost.scope.startswith(f"{model.name}/") for cost in report.layers):
            return report.layers
    return ()


def _rows(model: ModelInfo, program: Program, costs: Iterable[LayerCost]) -> list[Row]:
    """A row for each step; what a step does inside counts as its own, unless it is a row itself."""
    sizes = {weight.path: weight.type.size for weight in program.weights}
    rows = {layer.path: _row(model, layer, sizes) for layer in model.layers}
    for cost in costs:
        path = cost.scope
        while path and path not in rows:
            path = path.rpartition("/")[0]
        if path:
            row = rows[path]
            row.activations += cost.activations
            row.forward += cost.forward
            row.backward += cost.backward
    return list(rows.values())


def _row(model: ModelInfo, layer: LayerInfo, sizes: dict[str, int]) -> Row:
    name = layer.path.removeprefix(f"{model.name}/")
    return Row(name, layer.kind, layer.output.shape_text, sum(sizes[path] for path in layer.weights))


def _report_data(report: MemoryReport) -> dict[str, Any]:
    found = {name: value for name, value in asdict(report).items() if name != "layers"}
    return {**found, "bytes": report.bytes, "flops": report.flops}


# ------------------------------------------------------------------------------------------------ for people


def _print_model(model: ModelInfo, rows: list[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    inputs = ", ".join(f"{name}: {type.shape_text}" for name, type in model.inputs)
    table = Table(title=f"{model.name}({inputs})", title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for heading in ("step", "layer", "output"):
        table.add_column(heading, overflow="fold")
    for heading in ("weights", "activations", "forward", "backward"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        costs = (in_bytes(row.activations), in_operations(row.forward), in_operations(row.backward))
        table.add_row(row.name, row.kind, row.output, f"{row.weights:,}" if row.weights else "", *costs)
    table.add_section()
    total = f"{sum(row.weights for row in rows):,}"
    forward, backward = (sum(getattr(row, name) for row in rows) for name in ("forward", "backward"))
    activations = sum(row.activations for row in rows)
    table.add_row(
        "all", "", "", total, in_bytes(activations), in_operations(forward), in_operations(backward), style="bold"
    )
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _print_report(name: str, report: MemoryReport) -> None:
    parts = ("weights", "gradients", "slots", "states", "inputs", "buffers")
    memory = ", ".join(f"{part} {in_bytes(getattr(report, part))}" for part in parts if getattr(report, part))
    saved = in_bytes(report.buffers_without_reuse)
    work = ", ".join(f"{part} {in_operations(getattr(report, part))}" for part in ("forward", "backward", "update"))
    click.echo(f"training {name}, a step of {report.batch_size} samples")
    click.echo(f"  memory      {in_bytes(report.bytes)}: {memory} ({saved} if none were used again)")
    click.echo(f"  arithmetic  {in_operations(report.flops)}: {work}")


def in_bytes(count: int) -> str:
    """`1.5 MB`; empty for nothing."""
    return scaled(count, "B") if count else ""


def in_operations(count: int) -> str:
    """Floating-point operations: `1.5 MFLOP`; empty for nothing."""
    return scaled(count, "FLOP") if count else ""
