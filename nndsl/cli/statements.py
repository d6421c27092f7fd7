"""What `nndsl help` says of the statements: those words that the grammar knows and no library file defines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement word: how it is written (one form a line), what it does, and where it may stand."""

    name: str
    forms: str
    summary: str
    text: str


STATEMENTS = (
    Statement(
        "let",
        "let NAME = EXPRESSION",
        "Names a value that is fixed before anything runs.",
        "The command line may give it another: `nndsl run digits.nn --set hidden=128`. Stands at the top of a file.",
    ),
    Statement(
        "import",
        'import NAME, NAME from "FILE.nn"',
        "Brings definitions from another file.",
        "The path starts from the folder of the file that says it. Stands at the top of a file.",
    ),
    Statement(
        "data",
        "data NAME from READER(...) { ... }\ndata NAME { ... }",
        "Says where rows come from, and what the network gets of them.",
        'Each line of the block is a field: `image = column("image") / 16`. `split` shares the rows out. Without '
        "`from` the rows are written in the block: `x = [[0, 0], [0, 1]]`. Fields are in scope in `train ... on "
        "NAME`.",
    ),
    Statement(
        "split",
        "split train 80%, validation 10%, test 10%\n"
        "split train 70%, test 30%, stratify=FIELD\n"
        'split train 70%, test 30%, group=column("NAME")\n'
        "split train 70%, test 30% in order",
        "Shares the rows of a data block out to training, validation and test.",
        "Seeded by `--seed` and disjoint. `stratify` gives every part the classes in equal shares, `group` keeps "
        "rows with the same value together, `in order` follows the file (for time series). Without `split` all "
        "rows are training.",
    ),
    Statement(
        "model",
        "model NAME { ... }\nmodel NAME(PARAMETER = DEFAULT, ...) { ... }\nmodel NAME = OTHER(ARGUMENT, ...)",
        "Defines a network: one set of weights under one name.",
        "Each line applies a step to the line before. A line `NAME: STEP` names the step and its output. Without "
        "`output` the last line is the output. The third form makes another network of the same kind, with "
        "weights of its own.",
    ),
    Statement(
        "layer",
        "layer NAME(PARAMETER: TYPE, PARAMETER = DEFAULT, ...) { ... }",
        "Defines a kind of step with weights of its own, as the library's are.",
        "Inside: `input`, `weight`, `state`, `assert`, values by name, `output`. Each use of it makes new weights.",
    ),
    Statement(
        "function",
        "function NAME(PARAMETER, ...) = EXPRESSION\nfunction NAME(PARAMETER, ...) { ... output EXPRESSION }",
        "Defines a function of values.",
        "Called with its first argument missing it waits for it, so `relu` and `leaky_relu(negative_slope=0.2)` "
        "are steps.",
    ),
    Statement(
        "metric",
        "metric FUNCTION(...)\nmetric NAME = EXPRESSION\nmetric NAME(PARAMETER, ...) = EXPRESSION",
        "Reports a number for each epoch; at the top of a file: defines such a number.",
        "In a train block it averages over the samples of each part, or is computed from sums over the whole part "
        "where it says `total(...)`. With a body, at the top of a file, it defines a metric that train blocks can "
        "name.",
    ),
    Statement(
        "optimizer",
        "optimizer NAME(PARAMETER = DEFAULT, ...) { ... }",
        "Defines how a weight changes in one step.",
        "Given are `weight`, `gradient`, `step` and `epoch`. `state m = 0` keeps a number for each number of the "
        "weight. The last binding of `weight` is its new value.",
    ),
    Statement(
        "train",
        "train NAME on DATA { ... }",
        "Says what happens to one batch: settings, losses, metrics, predictions.",
        "Runs write to runs/NAME. Several blocks run in file order and keep the weights; `--train NAME` picks one.",
    ),
    Statement(
        "minimize",
        "minimize LOSS using OPTIMIZER\n"
        "minimize LOSS over MODEL using OPTIMIZER\n"
        "minimize LOSS weighted by W using OPTIMIZER clip_norm=1.0",
        "Changes weights so that the loss gets smaller.",
        "The loss is averaged over the samples of the batch. `over` says whose weights change (all that it "
        "reaches, without). `clip_value`, `clip_norm` (each weight) and `clip_global_norm` (all of them) bound "
        "the gradient. `every 5` acts on each fifth step.",
    ),
    Statement(
        "predict",
        "predict NAME = EXPRESSION, NAME = EXPRESSION",
        "Names what `nndsl predict` writes for each row.",
        "Class ids come back as the data's class names.",
    ),
    Statement(
        "expect",
        "expect test METRIC >= NUMBER",
        "Makes `nndsl run` end with 1 where a result is not as good.",
        "The part is train, validation or test; the metric is a reported one, or loss.",
    ),
    Statement(
        "show",
        "show EXPRESSION\nshow NAME = EXPRESSION every COUNT epochs\nshow EXPRESSION every COUNT steps",
        "Draws values into the run folder while the network is trained.",
        "Images [h, w] or [h, w, 3] as a grid, vectors as bars, numbers as a table, always of the same samples and "
        "with the same draws. Without `every` once, when training ends.",
    ),
    Statement(
        "input",
        "input NAME\ninput NAME: [SHAPE]\ninput NAME: int[SHAPE]\ninput NAME: TYPE = DEFAULT",
        "What a model or a layer is applied to.",
        "Shapes are those of one sample. Names in a shape are dimensions that the rest of the block can use: "
        "`input x: [..., d]`. An input with a default may be left out.",
    ),
    Statement(
        "output",
        "output EXPRESSION\noutput NAME = EXPRESSION",
        "What a model, a layer or a function gives.",
        "The second form, more than once, names several outputs.",
    ),
    Statement(
        "weight",
        "weight NAME: [SHAPE] = INITIALIZER",
        "An array that training changes.",
        "In a layer. The initializer is a function of the shape: `glorot_uniform`, `zeros`, `normal(stddev=0.02)`.",
    ),
    Statement(
        "state",
        "state NAME: [SHAPE] = INITIALIZER\nstate NAME = NUMBER",
        "An array that steps change without a gradient.",
        "In a layer (moving averages): reading gives the value from before the step, the last binding is the "
        "value after it. In an optimizer: one number for each number of the weight; with the type `[]` one number "
        "for the whole group.",
    ),
    Statement(
        "assert",
        'assert CONDITION, "MESSAGE with {NAME}"',
        "Checks a condition before anything runs.",
        "In layers, functions and models. Where it fails, the error points at the user's call and says the message.",
    ),
    Statement(
        "if",
        "if CONDITION { ... } else if CONDITION { ... } else { ... }",
        "Takes one of several blocks, before anything runs.",
        "The condition is a compile-time value; `training` is one. Between values of samples, `where(condition, "
        "a, b)` chooses.",
    ),
    Statement(
        "for",
        "for NAME in LIST { ... }",
        "Writes a block once for each element of a list, before anything runs.",
        "Each turn makes new weights: `block[0]`, `block[1]`, ... A name bound inside is bound after it too.",
    ),
    Statement(
        "repeat",
        "repeat COUNT { ... }",
        "Writes a block several times, before anything runs.",
        "Each turn makes new weights.",
    ),
    Statement(
        "scan",
        "scan NAME in SEQUENCE, ... with CARRY = START, ... { ... }",
        "Goes through sequences time by time, when the network runs.",
        "In layers, functions and models. NAME is the value of one time; a CARRY keeps a value from each time to the "
        "next. Behind the block `sequence(NAME)` is what a name of it was at every time, and `last(NAME)` what it "
        "was at the end.",
    ),
)
"""In the order in which a reader of a file meets them."""
