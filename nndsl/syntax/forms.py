"""The words that statements begin with, and how each is written, for messages."""

from __future__ import annotations

TOP_FORMS = {
    "data": 'data name from csv("file.csv") { ... }',
    "function": "function name(x, k = 3) = ...",
    "import": 'import Residual, Block from "blocks.nn"',
    "layer": "layer Name(units: int, rate = 0.5) { ... }",
    "let": "let name = 64",
    "metric": "metric name(scores, label) = ...",
    "model": "model Name { ... }",
    "optimizer": "optimizer Name(learning_rate = 0.01) { ... }",
    "train": "train Model on data { ... }",
}
"""What stands at the top level of a file."""

BODY_FORMS = {
    "assert": 'assert units > 0, "what is wrong"',
    "expect": "expect test accuracy >= 0.9",
    "for": "for i in range(3) { ... }",
    "if": "if condition { ... } else { ... }",
    "input": "input image: [8, 8]",
    "metric": "metric accuracy(scores, label)",
    "minimize": "minimize loss over Model using Adam(1e-3)",
    "output": "output value",
    "predict": "predict answer = argmax(scores)",
    "repeat": "repeat 3 { ... }",
    "scan": "scan x_t in x with h = zeros([units]) { ... }",
    "show": "show image every 10 epochs",
    "split": "split train 80%, validation 10%, test 10%",
    "state": "state mean: [d] = zeros",
    "weight": "weight kernel: [d, units] = glorot_uniform",
}
"""What stands in the blocks of definitions, besides `name = ...` and steps."""

TRAIN_WORDS = {"minimize", "metric", "predict", "expect", "show"}

MEANT_BY = {
    "const": "let",
    "dataset": "data",
    "fn": "function",
    "func": "function",
    "loss": "function",
    "module": "layer",
    "net": "model",
    "network": "model",
    "nn": "model",
    "training": "train",
}
"""Words that people write for those of the top level."""
