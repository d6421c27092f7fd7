"""Reverse-mode differentiation, graph to graph."""

from nndsl.autodiff.programs import differentiate, expand
from nndsl.autodiff.reverse import gradients

__all__ = ["differentiate", "expand", "gradients"]
