"""Pictures of gradients: what has no place on a scale of powers does not spoil it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nndsl.pictures import gradients
from nndsl.runtime.gradient_flow import Flow, StateFlow, StepFlow

pytest.importorskip("matplotlib")


def flow(steps: tuple[float, ...], states: tuple[tuple[float, ...], ...]) -> Flow:
    return Flow(
        1.0,
        8,
        tuple(StepFlow(f"step {n}", (1,), size) for n, size in enumerate(steps)),
        (),
        tuple(StateFlow(f"h {n}", sizes, reverse=True) for n, sizes in enumerate(states)),
    )


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch):
    """`panels(flow)`: what is drawn for it."""
    drawn = []
    monkeypatch.setattr(gradients, "save_figure", lambda figure, path: drawn.append(figure))

    def draw(one: Flow):
        gradients.draw_flows([one], Path("picture.png"), "Net")
        return drawn[-1].axes

    return draw


def test_a_zero_over_time_is_a_gap(panels) -> None:
    _, over_time = panels(flow((1.0, 0.5), ((0.0, 1e-2, 1e-3),)))
    assert over_time.get_ylim()[0] > 1e-4


def test_no_two_of_many_lines_look_the_same(panels) -> None:
    _, over_time = panels(flow((1.0,), tuple((1.0, 0.5) for _ in range(12))))
    assert len({(line.get_color(), line.get_linestyle()) for line in over_time.get_lines()}) == 12


@pytest.mark.parametrize("size", [0.0, float("nan"), float("inf")])
def test_a_picture_is_drawn_of_nothing_that_has_a_place(size: float, tmp_path: Path) -> None:
    gradients.draw_flows([flow((size, size), ((size, size),))], tmp_path / "picture.png", "Net")
    assert (tmp_path / "picture.png").exists()
