"""Pictures of what goes on in a network: the plane is the right one, and values of every shape are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl.diagnostics import UserError
from nndsl.pictures.features import draw_filters, draw_maps, draw_plane, principal_plane


def test_the_plane_is_that_of_the_two_largest_components():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(200, 5)) * [1, 7, 0.5, 3, 0.1] + 4
    plane, shares = principal_plane(values)
    covariance = np.cov(values.T)
    eigenvalues, vectors = np.linalg.eigh(covariance)
    for position in range(2):
        projected = (values - values.mean(0)) @ vectors[:, -1 - position]
        assert abs(np.corrcoef(projected, plane[:, position])[0, 1]) == pytest.approx(1)
        assert shares[position] == pytest.approx(eigenvalues[-1 - position] / eigenvalues.sum())
    turned, _ = principal_plane(values[::-1])
    np.testing.assert_allclose(turned[::-1], plane, atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 5, 1, 6), (3, 3, 3, 4), (3, 3, 8, 70), (7, 2, 5), (64, 10), (12, 5)])
def test_kernels_are_drawn(shape, tmp_path):
    pytest.importorskip("matplotlib")
    draw_filters(np.random.default_rng(0).normal(size=shape), tmp_path / "a.png", "a")
    assert (tmp_path / "a.png").stat().st_size > 500


@pytest.mark.parametrize("shape", [(6, 6, 5), (6, 4), (9,)])
def test_activation_maps_are_drawn(shape, tmp_path):
    pytest.importorskip("matplotlib")
    draw_maps(np.random.default_rng(0).normal(size=shape), tmp_path / "a.svg", "a")
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_a_plane_of_one_component_or_many_classes_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    classes = np.array([str(number) for number in range(30)])
    draw_plane(np.arange(30.0)[:, None], classes, tmp_path / "a.png", "a", "class")
    with pytest.raises(UserError):
        draw_plane(np.zeros((2, 4)), None, tmp_path / "b.png", "a", "")
