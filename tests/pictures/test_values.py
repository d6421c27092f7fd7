"""Pictures of values: of every shape and kind, broken numbers included."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl.pictures.values import draw_values


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((5, 8, 8), "plain"),
        ((1, 3, 90), "constant"),
        ((2, 6, 6, 3), "broken"),
        ((2, 5, 5, 1), "whole"),
        ((3, 12), "broken"),
        ((1, 3), "constant"),
        ((64,), "plain"),
        ((1,), "whole"),
    ],
)
def test_values_of_every_shape_are_drawn(shape, kind, tmp_path):
    pytest.importorskip("matplotlib")
    values = np.random.default_rng(0).normal(size=shape)
    if kind == "constant":
        values[...] = 3
    elif kind == "broken":
        values.flat[0] = np.nan
        values.flat[-1] = np.inf
    elif kind == "whole":
        values = values.astype(np.int32)
    draw_values(values, tmp_path / "a.png", "a")
    assert (tmp_path / "a.png").stat().st_size > 500
