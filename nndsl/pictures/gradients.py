"""Pictures of gradients on their way back: a dot for each step, a line over time for each state of a loop."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from nndsl.pictures.figure import BLUE, ORANGE, new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nndsl.runtime.gradient_flow import Flow, StateFlow, StepFlow

LINES = ((BLUE, "-"), (ORANGE, "--"), ("#3b7d3b", "-."), ("#7a4a9c", ":"))
"""Colour and dash of each line, told apart in print."""
LEAST = 1e-30
"""What is smaller is drawn here: a logarithm has no 0."""


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

    axes.plot(
        [_drawn(step.size) for step in steps], [step.path for step in steps], color=BLUE, marker="o", linewidth=0.8
    )
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(0.1)
    low, high = axes.get_xlim()
    if high > 10 * low:  # powers of ten are enough, and numbers between them would run into each other
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("gradient by what the step gives (root mean square)")
    _plain(axes, "x")


def _draw_states(axes: Any, states: Sequence[StateFlow]) -> None:
    for number, state in enumerate(states):
        colour, dash = LINES[number % len(LINES)]
        axes.plot([*map(_drawn, state.back)], label=state.path, color=colour, linestyle=dash, linewidth=1.8)
    axes.set_yscale("log")
    axes.set_xlabel("time steps back")
    axes.set_ylabel("gradient by the state (norm)")
    axes.legend(frameon=False)
    _plain(axes, "both")


def _drawn(size: float) -> float:
    return max(size, LEAST) if isfinite(size) else float("nan")


def _plain(axes: Any, lines: str) -> None:
    axes.grid(visible=True, axis=lines, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
