"""The settings of a train block and its callbacks: closed lists, with their defaults."""

from __future__ import annotations

from nndsl.ir import Attribute
from nndsl.records import record


@record
class Setting:
    """A setting, or an argument of a callback.

    kind: "count" (whole, at least 1), "whole" (at least 0), "number", "share" (more than 0, less than 1), "bool",
    "metric", or the words to choose from.
    """

    name: str
    kind: str | tuple[str, ...]
    default: Attribute
    documentation: str


@record
class CallbackKind:
    """A callback that the runtime knows."""

    name: str
    arguments: tuple[Setting, ...]
    documentation: str


SETTINGS = (
    Setting("epochs", "count", 1, "How many times training goes through the training rows."),
    Setting("batch_size", "count", 32, "Samples a step."),
    Setting("steps", "count", None, "Steps in all, for a block without data; it replaces `epochs`."),
    Setting("shuffle", "bool", True, "Whether each epoch takes the rows in a new order."),
    Setting(
        "stream",
        "bool",
        None,
        "Whether rows stay in their file and are read batch by batch; left out, only where memory would not hold them.",
    ),
    Setting(
        "gradient_accumulation_steps",
        "count",
        1,
        "Batches whose gradients are averaged for one update: as good as batches so many times as large.",
    ),
    Setting(
        "use_ema",
        "bool",
        False,
        "Whether a moving average of the weights is what is evaluated, watched and saved, in place of the last ones.",
    ),
    Setting("ema_momentum", "share", 0.99, "How much of the moving average stays at each step."),
    Setting(
        "checkpoint_every",
        "seconds",
        None,
        "Seconds between checkpoints; left out, 60, or more where writing one takes over half a second.",
    ),
)

_MONITOR = Setting(
    "monitor", "metric", "loss", "A reported number, of the validation part (of training where there is none)."
)
_MODE = Setting(
    "mode", ("auto", "min", "max"), "auto", "Whether less or more is better; auto: more for accuracy-like names."
)

RISING = ("accuracy", "precision", "recall", "f1", "r2", "auc")
FALLING = ("loss", "error", "mse", "mae", "rmse", "cross_entropy", "divergence", "huber", "hinge")
"""Endings of names by which `mode=auto` tells what is better, more or less."""

REDUCE_ON_PLATEAU = "ReduceLROnPlateau"
"""The callback that scales learning rates."""

CALLBACKS = {
    callback.name: callback
    for callback in (
        CallbackKind(
            "EarlyStopping",
            (
                _MONITOR,
                Setting("min_delta", "number", 0.0, "The least change that counts as better."),
                Setting("patience", "whole", 0, "Epochs to wait for something better."),
                _MODE,
                Setting("start_from_epoch", "whole", 0, "Epochs before it begins to watch."),
            ),
            "Stops training when the monitored number has not become better for `patience` epochs. At the end, stopped "
            "or not, the weights of the best epoch come back.",
        ),
        CallbackKind(
            "ModelCheckpoint",
            (
                _MONITOR,
                _MODE,
                Setting("save_best_only", "bool", False, "Whether only a better epoch is saved."),
                Setting("every", "count", 1, "Saves every so many epochs."),
            ),
            "Saves the weights into the run folder while training.",
        ),
        CallbackKind(
            REDUCE_ON_PLATEAU,
            (
                _MONITOR,
                Setting("factor", "share", 0.1, "What the learning rate is multiplied by."),
                Setting("patience", "whole", 10, "Epochs to wait for something better."),
                _MODE,
                Setting("min_delta", "number", 1e-4, "The least change that counts as better."),
                Setting("cooldown", "whole", 0, "Epochs after a reduction in which nothing is counted."),
                Setting("min_lr", "number", 0.0, "The learning rate never becomes less than this."),
            ),
            "Multiplies every learning rate by `factor` when the monitored number has not become better for `patience` "
            "epochs.",
        ),
    )
}
