"""The typed graph and the programs made of it."""

from nndsl.ir.graph import Builder, Node, Origin, reachable
from nndsl.ir.op import (
    Along,
    Attribute,
    Attributes,
    Domain,
    Emission,
    NodeAttribute,
    NoGradient,
    NumpyRule,
    Op,
    RuleError,
    Sample,
    Subgraph,
)
from nndsl.ir.types import DType, Kind, TensorType

__all__ = [
    "Along",
    "Attribute",
    "Attributes",
    "Builder",
    "DType",
    "Domain",
    "Emission",
    "Kind",
    "NoGradient",
    "Node",
    "NodeAttribute",
    "NumpyRule",
    "Op",
    "Origin",
    "RuleError",
    "Sample",
    "Subgraph",
    "TensorType",
    "reachable",
]
