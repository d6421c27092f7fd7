"""A generated module, written by hand: linear regression with noise on its input, momentum and a moving mean."""

import numpy as np

from nndsl.runtime.standalone.program import Column, Data, Field, Program, Split, Step, Train
from nndsl.runtime.standalone.random import normal, site_key

NOISE = site_key("Line/noise")
INITIAL = site_key("Line/kernel")


def line_training(n, memory, seed):
    dtype = memory.dtype
    x, y = np.zeros((n, 2), dtype), np.zeros(n, dtype)
    noise = np.zeros((n, 2), dtype)
    kernel, bias = memory.weight("Line/kernel"), memory.weight("Line/bias")
    kernel_gradient, bias_gradient = memory.gradient("Line/kernel"), memory.gradient("Line/bias")
    mean, momentum = memory.state("Line/mean"), memory.slots["line/0.0/momentum"]
    totals = np.zeros(3)

    def run(step, epoch, first):
        normal(noise, seed, NOISE, step, first)
        noisy = x + dtype.type(0.01) * noise
        error = noisy @ kernel + bias - y
        totals[0] += np.sum(error * error, dtype=np.float64)
        totals[1] += np.sum(np.abs(error), dtype=np.float64)
        totals[2] += n
        kernel_gradient[...] = 2 / n * (error @ noisy)
        bias_gradient[...] = 2 / n * error.sum()
        mean[...] = 0.9 * mean + 0.1 * x.mean(0)
        memory.scalars["line/0.0/rate"] *= 0.999
        momentum[...] = 0.5 * momentum + memory.gradients
        memory.weights[...] -= memory.scalars["line/0.0/rate"] * momentum

    return Step(run, {"x": x, "y": y}, {}, totals)


def line_evaluation(n, memory, seed):
    x, y = np.zeros((n, 2), memory.dtype), np.zeros(n, memory.dtype)
    kernel, bias = memory.weight("Line/kernel"), memory.weight("Line/bias")
    totals = np.zeros(3)

    def run(step, epoch, first):
        error = x @ kernel + bias - y
        totals[0] += np.sum(error * error, dtype=np.float64)
        totals[1] += np.sum(np.abs(error), dtype=np.float64)
        totals[2] += n

    return Step(run, {"x": x, "y": y}, {}, totals)


def line_prediction(n, memory, seed):
    x = np.zeros((n, 2), memory.dtype)
    value, side = np.zeros(n, memory.dtype), np.zeros(n, np.int32)
    kernel, bias = memory.weight("Line/kernel"), memory.weight("Line/bias")

    def run(step, epoch, first):
        value[...] = x @ kernel + bias
        side[...] = value > 0

    return Step(run, {"x": x}, {"value": value, "side": side}, np.zeros(0))


def line_report(totals, samples, step, epoch):
    return {"loss": totals[0] / totals[2], "mae": totals[1] / totals[2]}


def initialize(memory, seed):
    normal(memory.weight("Line/kernel"), seed, INITIAL, 0, 0, shared=True)
    memory.weight("Line/bias").fill(0)
    memory.state("Line/mean").fill(0)


def points_fit(columns, fitted):
    return {"x.mean": ("mean", columns["x"])}


def points_prepare(columns, fitted):
    return {"x": columns["x"] - fitted["x.mean"], "y": columns["y"]}


def line(callbacks=(), expectations=(), **settings):
    """The train block, with other callbacks or settings."""
    return Train(
        name="line",
        data="points",
        fields=("x", "y"),
        settings={"epochs": 5, "batch_size": 8, "shuffle": True} | settings,
        training=line_training,
        evaluation=line_evaluation,
        reported=("loss", "mae"),
        report=line_report,
        prediction=line_prediction,
        prediction_fields=("x",),
        prediction_classes={"value": None, "side": ("below", "above")},
        slots=(("line/0.0/momentum", 3, 0.0),),
        scalars=(("line/0.0/rate", 0.05),),
        callbacks=callbacks,
        expectations=expectations,
    )


def program(**changes):
    """The program over that block."""
    return Program(
        name="line",
        source="line.nn",
        source_hash="0" * 64,
        version="0.1.0",
        dtype="float32",
        weights=(("Line/kernel", (2,)), ("Line/bias", ())),
        states=(("Line/mean", (2,)),),
        initialize=initialize,
        data={
            "points": Data(
                name="points",
                columns=(Column("x", "x", "number", (2,)), Column("y", "y", "number")),
                fields=(Field("x", "float", (2,), columns=("x",)), Field("y", "float", columns=("y",))),
                fit=(points_fit,),
                prepare=points_prepare,
                split=Split((("train", 0.6), ("validation", 0.2), ("test", 0.2))),
            )
        },
        trains={"line": line(**changes)},
    )


def rows(count, seed=0):
    """Raw columns that the network can learn: y = 2 a - 3 b + 1."""
    x = np.random.default_rng(seed).normal(size=(count, 2))
    return {"x": x, "y": x @ [2.0, -3.0] + 1.0}


def fields(count, seed=0):
    """The same as fields, not centred."""
    return {name: values.astype(np.float32) for name, values in rows(count, seed).items()}
