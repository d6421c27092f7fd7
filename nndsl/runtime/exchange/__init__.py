"""Weights as other frameworks have them: names and orders of axes, both ways.

`exported` writes a program's weights as a Keras or PyTorch model of the same layers has them, `imported` takes them
from there. What a layer's weights are called and how they lie is a table a framework (`keras`, `pytorch`); in which
order a flattened image's numbers come is found in the program's graph (`orders`). `files` does both for a model.
"""

from nndsl.runtime.exchange.exchange import LAYOUTS, exported, imported
from nndsl.runtime.exchange.files import export_weights, import_weights, refuse_ending

__all__ = ["LAYOUTS", "export_weights", "exported", "import_weights", "imported", "refuse_ending"]
