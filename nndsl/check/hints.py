"""What people who come from Keras, PyTorch or Python write, and how nndsl says it."""

from __future__ import annotations

from nndsl.syntax import tree

MODULE_HELP = (
    "layers, losses and optimizers are called by their bare names: `Dense(10)`, `relu`, `Adam(learning_rate=1e-3)`"
)
_MODULES = {
    "keras",
    "tf",
    "layers",
    "nn",
    "torch",
    "np",
    "numpy",
    "tensorflow",
    "jax",
    "jnp",
    "F",
    "optimizers",
    "losses",
}

_NAMES = {
    "True": "truth values are lower case: `true`",
    "False": "truth values are lower case: `false`",
    "None": "there is no None: leave the argument out, or give the value that is meant",
    "sparse_categorical_crossentropy": "`cross_entropy(scores, label)` takes class ids; the scores without softmax",
    "SparseCategoricalCrossentropy": "`cross_entropy(scores, label)` takes class ids; the scores without softmax",
    "categorical_crossentropy": "`cross_entropy(scores, label)` takes class ids (no one-hot); scores without softmax",
    "CategoricalCrossentropy": "`cross_entropy(scores, label)` takes class ids (no one-hot); scores without softmax",
    "CrossEntropyLoss": "`cross_entropy(scores, label)` is the loss for classes",
    "binary_crossentropy": "`binary_cross_entropy(scores, label)`; the scores without sigmoid",
    "BinaryCrossentropy": "`binary_cross_entropy(scores, label)`; the scores without sigmoid",
    "BCEWithLogitsLoss": "`binary_cross_entropy(scores, label)` takes scores (logits)",
    "mean_squared_error": "`mse(prediction, target)`",
    "MeanSquaredError": "`mse(prediction, target)`",
    "MSELoss": "`mse(prediction, target)`",
    "mean_absolute_error": "`mae(prediction, target)`",
    "MeanAbsoluteError": "`mae(prediction, target)`",
    "kl_div": "`kl_divergence(truth, prediction)`",
    "from_logits": "losses take scores (logits) always: leave it out, and leave out the softmax before the loss",
    "Add": "write `x + y`",
    "Subtract": "write `x - y`",
    "Multiply": "write `x * y`",
    "Average": "write `(x + y) / 2`",
    "Maximum": "write `maximum(x, y)`",
    "Minimum": "write `minimum(x, y)`",
    "Concatenate": "write `concatenate([x, y])`",
    "Dot": "write `x @ y`, or `sum(x * y, axis=-1)`",
    "Input": "inputs are declared inside the model: `input image: [8, 8]`",
    "InputLayer": "inputs are declared inside the model: `input image: [8, 8]`",
    "Sequential": "a model is `model Name { ... }`, one layer a line",
    "Linear": "`Dense(units)`: the input size follows from the data",
    "ReLU": "`relu` is a step of its own, or `Dense(64, activation=relu)`",
    "LeakyReLU": "`leaky_relu(negative_slope=0.2)` is a step of its own",
    "Softmax": "`softmax` is a step of its own; not before a loss, losses take scores",
    "PReLU": "`leaky_relu(negative_slope=0.2)` has a fixed slope; one that learns is a `weight` in a layer of yours",
    "swish": "`silu` is the same",
    "BatchNorm": "`BatchNormalization`",
    "BatchNorm1d": "`BatchNormalization`",
    "BatchNorm2d": "`BatchNormalization`",
    "LayerNorm": "`LayerNormalization`",
    "RNN": "`SimpleRNN(units)`, `LSTM(units)` or `GRU(units)`; a cell of your own is a layer with a `scan`",
    "Masking": "recurrent layers and attention take the mask itself: `x -> LSTM(64, mask=mask)`",
    "TimeDistributed": "leave it out: `Dense` and other layers of `[..., d]` act on each time already",
    "Lambda": "write the expression itself, or a `function`",
    "class_weight": "it is a field of the data: `importance = class_weight(label, balanced)`; `weighted by importance`",
    "fit": "training is a `train Model on data { ... }` block, run by `nndsl run`",
    "compile": "training is a `train Model on data { minimize ... using ... }` block",
    "len": "`length(list)`",
    "self": "weights and parameters are bare names here: no `self`",
    "print": "`nndsl summary` and `nndsl dump` show what a program holds; `metric name = value` logs a value",
    "EarlyStopping": "a callback is a line of its own in the train block: `EarlyStopping(patience=3)`",
    "ModelCheckpoint": "a callback is a line of its own in the train block: `ModelCheckpoint(every=5)`",
    "logits": "nndsl calls them scores: name the model's output, `scores = Model(x)`",
    "tf": MODULE_HELP,
    "keras": MODULE_HELP,
}

_METHODS = {
    "T": "`transpose(x, [1, 0])`",
    "shape": "`shape(x)`",
    "reshape": "`reshape(x, [2, 3])`",
    "mean": "`mean(x)`",
    "sum": "`sum(x)`",
    "fit": _NAMES["fit"],
    "compile": _NAMES["compile"],
    "add": "a model lists its layers in its block, one a line",
    "evaluate": "`nndsl evaluate model.nn`; `run` does it at the end",
    "predict": "`predict digit = argmax(scores)` in the train block names what `nndsl predict` writes",
    "summary": "`nndsl summary model.nn`",
    "weight": "weights are read by their names: `Model.layer.kernel`",
    "weights": "`weights(Model)` lists them; one is read by its name: `Model.layer.kernel`",
}

_ARGUMENTS = {
    "from_logits": "losses take scores (logits) always: leave it out, and leave out the softmax before the loss",
    "input_shape": "shapes follow from the data, or from `input image: [8, 8]` in the model",
    "input_dim": "sizes follow from the input",
    "in_features": "sizes follow from the input: `Dense(units)`",
    "name": "a label names a step: `features: Dense(64)`",
    "lr": "it is called `learning_rate`",
    "initial_learning_rate": "`cosine_decay` calls it `peak`, and where a warm-up starts `start`",
    "decay_steps": "`cosine_decay` calls it `steps`",
    "warmup_steps": "it is called `warm_up`",
    "warmup_target": "it is called `peak`, where the warm-up ends and the decay starts",
    "alpha": "say where the decay ends: `cosine_decay(peak=0.1, steps=1000, end=1e-3)`",
    "dtype": "the precision is chosen when running: `--precision float64`",
    "kernel_regularizer": "penalties are terms of the loss: `minimize loss + l2(Model, 1e-4) using ...`",
    "bias_regularizer": "penalties are terms of the loss: `minimize loss + l2(Model, 1e-4) using ...`",
    "activity_regularizer": "penalties are terms of the loss: `minimize loss + l2(Model, 1e-4) using ...`",
    "use_ema": "it is a setting of the train block: `use_ema = true`",
    "ema_momentum": "it is a setting of the train block, beside `use_ema = true`",
    "gradient_accumulation_steps": "it is a setting of the train block",
    "class_weight": "a field says it: `importance = class_weight(label, balanced)`, then `weighted by importance`",
    "sample_weight": "a field says it: `minimize loss weighted by importance using ...`",
    "clipnorm": "clipping stands after the optimizer: `using Adam(1e-3) clip_norm=1.0`",
    "clipvalue": "clipping stands after the optimizer: `using Adam(1e-3) clip_value=0.5`",
    "global_clipnorm": "clipping stands after the optimizer: `using Adam(1e-3) clip_global_norm=1.0`",
    "weight_decay": "`AdamW(weight_decay=0.004)` has decay; or a penalty in the loss: `+ l2(Model, 1e-4)`",
    "keep_dims": "it is called `keepdims`",
    "keepdim": "it is called `keepdims`",
    "dim": "it is called `axis`",
    "return_state": "name what is wanted in a layer of your own",
}


_CALLBACKS = {
    "TerminateOnNaN": "leave it out: training always stops at a loss that is not finite, and says what became so first",
    "CSVLogger": "leave it out: every run folder has a history.csv",
    "History": "leave it out: every run folder has a history.csv",
    "ProgbarLogger": "leave it out: `nndsl run` shows how it goes",
    "TensorBoard": "it is asked for when running: `nndsl run --tensorboard`",
    "BackupAndRestore": "leave it out: a run that was ended goes on with `nndsl run --resume`",
    "LearningRateScheduler": "a schedule stands for the learning rate: `Adam(cosine_decay(peak=1e-3, steps=99))`",
    "SwapEMAWeights": "leave it out: with `use_ema = true` the averaged weights are evaluated and saved",
    "LambdaCallback": "`metric name = expression` logs any value, `show value every 10 epochs` draws it",
    "ReduceLRonPlateau": "did you mean `ReduceLROnPlateau`?",
}


def for_callback(name: str) -> str | None:
    """Help for a callback from elsewhere."""
    return _CALLBACKS.get(name)


def for_name(name: str) -> str | None:
    """Help for a name from elsewhere."""
    return _NAMES.get(name)


def for_method(name: str) -> str | None:
    """Help for `value.name` from elsewhere."""
    return _METHODS.get(name)


def for_argument(name: str) -> str | None:
    """Help for an argument from elsewhere."""
    return _ARGUMENTS.get(name)


def for_module(expression: tree.Member) -> str | None:
    """The module that `keras.layers.Dense` starts with, or None."""
    value: tree.Expression = expression
    while isinstance(value, tree.Member):
        value = value.value
    return value.name if isinstance(value, tree.Name) and value.name in _MODULES else None
