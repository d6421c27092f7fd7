"""What `nndsl help` says of the words inside of statements, and of the names that are given in some places."""

from __future__ import annotations

from nndsl.cli.statements import Statement

WORDS = (
    Statement(
        "from",
        'data NAME from READER(...) { ... }\nimport NAME from "FILE.nn"\nbody = MODEL from "RUN"\ntest from '
        "READER(...)",
        "Says where something comes from.",
        "Of a data block a reader (`nndsl help readers`), of definitions another file, of a trained model the folder "
        "of its run, of one part of the data a reader of its own. Paths start from the folder of the file that says "
        "them.",
    ),
    Statement(
        "on",
        "train NAME on DATA { ... }",
        "Names the data that a block is trained on.",
        "The fields of that data block are then in scope by their names. Without `on` a batch is fresh draws, and "
        "`steps` says how many.",
    ),
    Statement(
        "over",
        "minimize LOSS over MODEL using OPTIMIZER\nminimize LOSS over A.head using SGD(0.1) over A.body using "
        "SGD(0.01)",
        "Says whose weights may change.",
        "Models, steps of models or single weights, with commas between. Without `over` every weight that the loss "
        "reaches changes, but for those of `frozen` models. Several `over ... using ...` share one gradient.",
    ),
    Statement(
        "using",
        "minimize LOSS using OPTIMIZER",
        "Says how weights change.",
        "An optimizer (`nndsl help optimizers`) with its arguments, or a solver (`nndsl help solvers`). Clips follow "
        "it: `using Adam(1e-3) clip_norm=1.0`. A learning rate may be a schedule (`nndsl help schedules`).",
    ),
    Statement(
        "weighted",
        "minimize LOSS weighted by WEIGHT using OPTIMIZER",
        "Gives samples a weight of their own in the loss.",
        "WEIGHT is one number for each sample, such as a field of the data. The loss of a batch is then the sum of "
        "weight times loss, divided by the sum of the weights.",
    ),
    Statement(
        "every",
        "minimize LOSS using OPTIMIZER every COUNT\nshow EXPRESSION every COUNT epochs\nshow EXPRESSION every COUNT "
        "steps",
        "Says how often.",
        "A `minimize` then acts on each so-many-th step, a `show` draws after each so many epochs or steps.",
    ),
    *(
        Statement(
            name,
            f"minimize LOSS using OPTIMIZER {name}=LIMIT",
            summary,
            "Stands behind the optimizer, and acts on gradients before it sees them. Several act in the order written.",
        )
        for name, summary in (
            ("clip_value", "Cuts every number of the gradient off at -LIMIT and LIMIT."),
            ("clip_norm", "Scales the gradient of each weight down to a norm of at most LIMIT."),
            ("clip_global_norm", "Scales the gradient of all weights together down to a norm of at most LIMIT."),
        )
    ),
    Statement(
        "frozen",
        'body = MODEL from "RUN" frozen',
        "Takes a trained model as it is.",
        "Its weights and statistics never change, and it is applied as in evaluation, in training too. Without "
        "`frozen` it learns on.",
    ),
    Statement(
        "stratify",
        "split train 80%, test 20%, stratify=FIELD",
        "Gives every part of the data the classes in equal shares.",
        "FIELD is a field of the block, as a rule the `class(...)` that is learnt.",
    ),
    Statement(
        "group",
        'split train 80%, test 20%, group=column("patient")',
        "Keeps rows together that have the same value.",
        "No value is then in two parts: what is tested is of patients, or speakers, that training never saw.",
    ),
    Statement(
        "in",
        "for NAME in LIST { ... }\nscan NAME in SEQUENCE with ... { ... }\nsplit train 80%, test 20% in order",
        "Names what a loop goes through. `in order` splits rows as they follow one another.",
        "Series of time are split `in order`: the first share of the rows is the first part, and so on. Otherwise rows "
        "are drawn by `--seed`.",
    ),
    Statement(
        "order",
        "split train 80%, test 20% in order",
        "`in order` splits rows as they follow one another.",
        "The first share of the rows is the first part, and so on: for series of time. Otherwise rows are drawn by "
        "`--seed`.",
    ),
    Statement(
        "by",
        "minimize LOSS weighted by WEIGHT using OPTIMIZER",
        "Belongs to `weighted`.",
        "See `nndsl help weighted`.",
    ),
    Statement(
        "median",
        "fill(x, median)\nfill(x, mean)",
        "Stands for what is missing: the middle of the column's training rows, or their mean.",
        "Learnt from the training rows and saved with the weights, so that new rows are filled with the same. Any "
        "value may stand there instead, a number or a text.",
    ),
    Statement(
        "with",
        "scan NAME in SEQUENCE with CARRY = START { ... }",
        "Names what a loop over time carries from each time to the next, and what that starts from.",
        "In the block the name holds the value of the time before; what it is bound to last goes on to the next time.",
    ),
    Statement(
        "else",
        "if CONDITION { ... } else { ... }",
        "Begins the block that is taken where the condition does not hold.",
        "`else if` asks another. It stands on the line of the closing brace, or begins the next.",
    ),
    Statement(
        "true",
        "true\nfalse",
        "Is a compile-time truth value; the other one is `false`.",
        "Comparisons give truth values, and `and`, `or`, `not` join them: of compile-time values for `if` and "
        "`assert`, of values of the network for each element.",
    ),
    Statement("false", "false", "Is a compile-time truth value; the other one is `true`.", "See `nndsl help true`."),
    *(
        Statement(name, form, summary, "Of compile-time values, or of truth values of the network for each element.")
        for name, form, summary in (
            ("and", "A and B", "Is true where both are."),
            ("or", "A or B", "Is true where one is, or both are."),
            ("not", "not A", "Is true where the other is not."),
        )
    ),
    Statement(
        "training",
        "if training { ... } else { ... }",
        "Tells training from evaluation, where a network differs: as Dropout does.",
        "A compile-time value; each network is compiled for both.",
    ),
    Statement(
        "step",
        "step",
        "Counts the steps of training, from 1.",
        "In train blocks, in optimizers and in schedules, whose first parameter it is. In an optimizer it counts the "
        "steps of its `minimize`.",
    ),
    Statement("epoch", "epoch", "Counts the epochs of training, from 1.", "In train blocks and in optimizers."),
    Statement(
        "gradient",
        "weight = weight - learning_rate * gradient",
        "Is, in the body of an optimizer, the gradient of the loss by `weight`.",
        "Both stand for all weights of the group at once, number by number; the body says what `weight` becomes.",
    ),
    Statement(
        "classes",
        "DATA.FIELD.classes",
        "Is how many classes a field has, or how many ids a category.",
        "A compile-time number: `Dense(digits.label.classes)`. A category has one id more than names, 0, for what "
        "training never saw. `DATA.FIELD.shape` is the shape of a field.",
    ),
)
"""Words of statements in the order of the statements, then names."""
