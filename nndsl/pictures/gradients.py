"""Pictures of gradients on their way back: a dot for each step, a line over time for each state of a loop."""

from __future__ import annotations

from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from nndsl.pictures.figure import BLUE, ORANGE, new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nndsl.runtime.gradient_flow import Flow, StateFlow, StepFlow

COLOURS = (BLUE, ORANGE, "#3b7d3b", "#7a4a9c")
DASHES = ("-", "--", "-.", ":")
"""Colour and dash tell lines apart in print, too: those of one colour have different dashes."""
FEW_LINES = 4
"""More lines than that have their names beside the panel, where they hide nothing."""
LEAST = 1e-30
"""A step of less is drawn here: a logarithm has no 0. A line over time has a gap there instead."""


def draw_flows(flows: Sequence[Flow], path: Path, title: str) -> None:
    """Draws a row of panels for each `minimize`. Raises UserError NN608 or NN612."""
    columns = 2 if any(flow.states for flow in flows) else 1
    tallest = max([3.0, *(0.9 + 0.3 * len(flow.steps) for flow in flows)])
    figure = new_figure(6.4 * columns, min(tallest, 12.0) * len(flows) + 0.4)
    figure.suptitle(title, fontsize=12)
    for row, flow in enumerate(flows):
        _draw_steps(figure.add_subplot(len(flows), columns, row * columns + 1), flow.steps)
        if flow.states:
            _draw_states(figure.add_subplot(len(flows), columns, row * columns + 2), flow.states)
    save_figure(figure, path)


def _draw_steps(axes: Any, steps: Sequence[StepFlow]) -> None:
    from matplotlib.ticker import NullFormatter

    sizes = [_drawn(step.size) for step in steps]
    axes.plot(sizes, [step.path for step in steps], color=BLUE, marker="o", linewidth=0.8)
    axes.invert_yaxis()
    if any(map(isfinite, sizes)):
        axes.set_xscale("log")
    axes.margins(x=0.1, y=0.6 / max(len(steps), 6))
    low, high = axes.get_xlim()
    if high > 10 * low:  # powers of ten are enough, and numbers between them would run into each other
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("gradient by what the step gives (root mean square)")
    _plain(axes, "x")


def _draw_states(axes: Any, states: Sequence[StateFlow]) -> None:
    lines = [[size if size > 0 and isfinite(size) else nan for size in state.back] for state in states]
    for number, (state, sizes) in enumerate(zip(states, lines, strict=True)):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[(number + number // len(COLOURS)) % len(DASHES)]
        axes.plot(sizes, label=state.path, color=colour, linestyle=dash, linewidth=1.8)
    if any(isfinite(size) for sizes in lines for size in sizes):
        axes.set_yscale("log")
    axes.set_xlabel("time steps back")
    axes.set_ylabel("gradient by the state (norm)")
    if len(states) > FEW_LINES:
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    else:
        axes.legend(frameon=False)
    _plain(axes, "both")


def _drawn(size: float) -> float:
    return max(size, LEAST) if isfinite(size) else nan


def _plain(axes: Any, lines: str) -> None:
    axes.grid(visible=True, axis=lines, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
