"""NN5xx: train blocks, optimizers, metrics."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

_START = """data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 80%, test 20%
}

model M {
  input image
  Flatten
  Dense(10)
}

"""


def _train(*lines: str, minimize: str = "minimize cross_entropy(scores, label) using Adam", start: str = _START) -> str:
    body = "".join(f"  {line}\n" for line in ("scores = M(image)", minimize, *lines) if line)
    return f"{start}train M on digits {{\n{body}}}\n"


def _embedding(rows: str) -> str:
    return f"{_START}model E {{\n  input label: int[]\n  Embedding({rows}, 10)\n}}\n\n"


CODES: tuple[Code, ...] = (
    Code(
        "NN501",
        "not a setting",
        "The settings of a train block are a closed list: epochs, batch_size, steps, shuffle and others that "
        "`nndsl help settings` lists.",
        _train("epoch = 30"),
        _train("epochs = 30"),
    ),
    Code(
        "NN502",
        "a setting that can't have this value",
        "Counts are whole numbers of at least 1; switches are true or false.",
        _train("batch_size = 0"),
        _train("batch_size = 32"),
    ),
    Code(
        "NN503",
        "probabilities where scores are wanted",
        "The losses for classes take scores and apply softmax or sigmoid themselves; twice is slow and wrong.",
        _train(minimize="minimize cross_entropy(softmax(scores), label) using Adam"),
        _train(),
    ),
    Code(
        "NN504",
        "outputs that are not as many as the classes",
        "The last axis of the scores has one number for each class of the label.",
        _train(start=_START.replace("Dense(10)", "Dense(9)")),
        _train(),
    ),
    Code(
        "NN505",
        "a train block that minimizes nothing",
        "Training makes something small: a train block has at least one `minimize`.",
        _train("metric accuracy(scores, label)", minimize=""),
        _train("metric accuracy(scores, label)"),
    ),
    Code(
        "NN506",
        "no data and no number of steps",
        "Without `on`, each step sees fresh draws, and `steps` says how many there are.",
        "model M {\n  input x: [2]\n  Dense(1)\n}\n\n"
        "train M {\n  x = normal([2])\n  minimize mse(M(x), 0) using Adam\n}\n",
        "model M {\n  input x: [2]\n  Dense(1)\n}\n\n"
        "train M {\n  steps = 100\n  x = normal([2])\n  minimize mse(M(x), 0) using Adam\n}\n",
    ),
    Code(
        "NN507",
        "not something to minimize",
        "A loss is a float for each sample, or a shared one; class ids and truth values have no slope.",
        _train(minimize="minimize argmax(scores) using Adam"),
        _train(),
    ),
    Code(
        "NN508",
        "not a metric",
        "A metric is a number for each sample or for the whole part, under a name of its own.",
        _train("metric mean(scores) + 1"),
        _train("metric height = mean(scores) + 1"),
    ),
    Code(
        "NN509",
        "a callback that can't be, or watches nothing",
        "A bare line in a train block is a callback; what it monitors is reported by a `metric`, or `loss`.",
        _train("EarlyStopping(monitor=acuracy)", "metric accuracy(scores, label)"),
        _train("EarlyStopping(monitor=accuracy)", "metric accuracy(scores, label)"),
    ),
    Code(
        "NN510",
        "not a prediction",
        "`predict` names values that each sample has.",
        _train("predict argmax(scores)"),
        _train("predict digit = argmax(scores)"),
    ),
    Code(
        "NN511",
        "an expectation of something that is not reported",
        "`expect PART METRIC >= NUMBER` names a part of the data and a reported number.",
        _train("expect test acuracy >= 0.9", "metric accuracy(scores, label)"),
        _train("expect test accuracy >= 0.9", "metric accuracy(scores, label)"),
    ),
    Code(
        "NN512",
        "a loss that no weight has an influence on",
        "Minimizing changes weights; this value does not depend on any.",
        _train(minimize="minimize mean(image) using Adam"),
        _train(),
    ),
    Code(
        "NN513",
        "`over` something that the loss does not depend on",
        "`over` names models, steps or weights that the loss depends on, each once.",
        _train(minimize="minimize cross_entropy(scores, label) over image using Adam"),
        _train(minimize="minimize cross_entropy(scores, label) over M using Adam"),
    ),
    Code(
        "NN514",
        "a weight that would never learn",
        "No gradient of the loss reaches it: its step is not used, or something without a slope comes after.",
        _train(
            start=_START.replace("Flatten\n", "Flatten\n  side = image -> Flatten -> Dense(3)\n  image -> Flatten\n")
        ),
        _train(),
    ),
    Code(
        "NN515",
        "not an optimizer",
        "An optimizer changes each number of the weights by itself, from its gradient and its own states.",
        _train(minimize="minimize cross_entropy(scores, label) using relu"),
        _train(minimize="minimize cross_entropy(scores, label) using SGD(learning_rate=0.1)"),
    ),
    Code(
        "NN516",
        "not a way to clip",
        "After the optimizer stand clip_value, clip_norm or clip_global_norm, each a positive number.",
        _train(minimize="minimize cross_entropy(scores, label) using Adam clip_nrom=1.0"),
        _train(minimize="minimize cross_entropy(scores, label) using Adam clip_norm=1.0"),
    ),
    Code(
        "NN517",
        "everything is frozen",
        "A model that was taken out of a run `frozen` never changes. Something else must be there to learn. Fix: "
        "layers of its own behind the frozen model, or the model without `frozen`.",
        "nndsl run transfer.nn    # minimize mse(body(image), y) using Adam, where body is frozen",
        None,
    ),
    Code(
        "NN518",
        "ids that a table has no row for",
        "A class or a category of the data is looked up in a table with fewer rows, or compared with fewer outputs. "
        "`.classes` of the field says how many ids it has; a category has one more than names: 0, for what training "
        "never saw.",
        _train(minimize="minimize norm(scores + E(label)) using Adam", start=_embedding("9")),
        _train(minimize="minimize norm(scores + E(label)) using Adam", start=_embedding("digits.label.classes")),
    ),
    Code(
        "NN520",
        "no derivative",
        "The gradient would have to pass an operation that has none.",
        _train(minimize="minimize mean(orthogonalize(M.dense.kernel)) + cross_entropy(scores, label) using Adam"),
        _train(),
    ),
    Code(
        "NN530",
        "a value that can't be shown",
        "`show` draws images, [h, w] or [h, w, 3], vectors and numbers, every so many epochs or steps.",
        _train("show reshape(image, [4, 4, 4]) every 2 epochs"),
        _train("show image every 2 epochs"),
    ),
    Code(
        "NN531",
        "a solver that is not alone",
        "Newton, LBFGS and LevenbergMarquardt solve one problem on all samples at once and find the length of their "
        "steps themselves: no clips, no `every`, no other `minimize` beside them, nothing about batches.",
        _train(minimize="minimize cross_entropy(scores, label) using LBFGS clip_norm=1.0"),
        _train(minimize="minimize cross_entropy(scores, label) using LBFGS"),
    ),
    Code(
        "NN532",
        "a loss that is not the square of anything",
        "LevenbergMarquardt works with the residual inside of `least_squares(residual)`.",
        _train(minimize="minimize cross_entropy(scores, label) using LevenbergMarquardt"),
        _train(minimize="minimize least_squares(softmax(scores) - one_hot(label, 10)) using LevenbergMarquardt"),
    ),
    Code(
        "NN533",
        "`least_squares` with an optimizer",
        "Optimizers see a loss's gradient only. `mse(prediction, target)` is the same loss for them.",
        _train(minimize="minimize least_squares(softmax(scores) - one_hot(label, 10)) using Adam"),
        _train(minimize="minimize mse(softmax(scores), one_hot(label, 10)) using Adam"),
    ),
    Code(
        "NN540",
        "gradients of several `minimize`s that are to be accumulated",
        "A later `minimize` sees the weights that the ones before it have updated. With gradients of several batches "
        "added up there would be no such weights for all batches but the last.",
        _train(
            "minimize mse(softmax(scores), one_hot(label, 10)) using SGD",
            "gradient_accumulation_steps = 4",
        ),
        _train("gradient_accumulation_steps = 4"),
    ),
)
