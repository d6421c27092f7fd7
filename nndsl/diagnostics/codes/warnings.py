"""NN9xx: what is allowed and probably not meant."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "NN901",
        "a value that nobody uses",
        "A name is bound and never read. A name that begins with `_` may go unread.",
        "model M {\n  input x: [4]\n  y = x * 2\n  x -> Dense(3)\n}\n",
        "model M {\n  input x: [4]\n  y = x * 2\n  y -> Dense(3)\n}\n",
    ),
    Code(
        "NN902",
        "a model that is not checked",
        "Shapes are checked where a model is applied, or alone where its inputs say their shapes. This one is neither.",
        "model M {\n  input x\n  Dense(3)\n}\n",
        "model M {\n  input x: [4]\n  Dense(3)\n}\n",
    ),
    Code(
        "NN903",
        "an answer that looks ahead",
        "A network that says at each time of a window what comes next is trained on windows that hold the answers: "
        "what it says of a time may not depend on later ones, or it learns to copy them, and has nothing to copy when "
        "it writes. `run` and `generate` try it out: they change the end of some windows, and look whether what was "
        "answered before it moves. Attention needs `causal=true`, convolutions `padding=causal`; `Bidirectional` "
        "layers and means over time are for networks that answer once, for the end of the window.",
        "nndsl generate writer.nn",
        None,
    ),
)
