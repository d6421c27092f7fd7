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
    Code(
        "NN904",
        "a column that never changes",
        "A column of numbers is the same in every training row, or missing in every one: nothing can be learnt from "
        "it, and most often it is another one than was meant. `nndsl run` looks at the rows before the first step. "
        "Fix: leave it out, or look at the data.",
        'The file says `columns("age", "country_code")`, and all rows are of one country.',
        None,
    ),
    Code(
        "NN905",
        "fewer rows than a batch",
        "There are fewer training rows than `batch_size`, so that each epoch is a single, smaller step. Fix: a smaller "
        "`batch_size`, or more epochs.",
        "The program says `batch_size = 256`, and its data has 100 training rows.",
        None,
    ),
    Code(
        "NN906",
        "a batch of one sample",
        "The rows do not come out even, and the last batch of each epoch has one sample. A layer that looks at how the "
        "samples of a batch differ, as BatchNormalization does, finds no difference there: it gives the same for "
        "whatever it is given, and its moving statistics learn a variance of 0. Fix: another `batch_size`.",
        "The program has `BatchNormalization` and `batch_size = 32`, and its data has 65 training rows.",
        None,
    ),
    Code(
        "NN907",
        "text that reads otherwise than it is",
        "A character in a comment or a text turns the direction of what stands behind it, so that an editor shows "
        "another order than the one that counts: what looks like a comment may be code. In a file of somebody else's, "
        "look twice. Fix: leave it out; letters that are written from right to left need none.",
        "A comment has the character U+202E, and its end looks like a setting.",
        None,
    ),
)
