"""Pictures of functions: a derivative stands only where the function has a value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.pictures import curves
from nndsl.runtime.curves import Curve

pytest.importorskip("matplotlib")


def test_where_there_is_no_value_no_derivative_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, picture: drawn.append(figure))
    x = np.array([-2.0, -1.0, 1.0, 2.0])
    with np.errstate(invalid="ignore"):
        curves.draw_curves([Curve("log", x, np.log(x), 1 / x)], Path("picture.png"))
    _, derivative = (line for line in drawn[0].axes[0].get_lines() if len(line.get_xdata()) == 4)
    assert np.isnan(derivative.get_ydata()[:2]).all()
    assert np.array_equal(derivative.get_ydata()[2:], [1.0, 0.5])
