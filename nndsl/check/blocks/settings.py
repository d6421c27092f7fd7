"""The settings of a train block and its callbacks: closed lists, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from nndsl.ir import Attribute


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, or an argument of a callback.

    kind: "count" (whole, at least 1), "whole" (at least 0), "number", "bool", "metric", or the words to choose from.
    """

    name: str
    kind: str | tuple[str, ...]
    default: Attribute
    documentation: str


@dataclass(frozen=True, slots=True)
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
    )
}
