"""The reconstruction error of `examples/autoencoder.nn`, beside that of PCA with as many components.

    python -m benchmarks.autoencoder [--epochs N]

Both learn from the training rows and are measured on the test rows: the mean squared error of a pixel from 0 to 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

PROGRAM = Path(__file__).parents[1] / "examples" / "autoencoder.nn"


def errors(epochs: int | None = None) -> tuple[int, float, float]:
    """(numbers in a code, error of the autoencoder, error of PCA)."""
    import nndsl

    model = nndsl.load(PROGRAM)
    model.fit(epochs=epochs)
    parts = model.parts(model.train_named("Autoencoder"))
    train, test = (parts[name]["image"].reshape(len(parts[name]["image"]), -1) for name in ("train", "test"))
    size = model.weights["Encoder/code/bias"].size
    mean = train.mean(0)
    components = np.linalg.svd(train - mean, full_matrices=False)[2][:size]
    again = (test - mean) @ components.T @ components + mean
    return size, model.evaluate()["loss"], float(np.mean((again - test) ** 2))


def main() -> None:
    """Train and print both errors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, help="instead of the file's")
    size, learnt, linear = errors(parser.parse_args().epochs)
    print(f"test error of a pixel, {size} numbers for an image: autoencoder {learnt:.4f}, PCA {linear:.4f}")


if __name__ == "__main__":
    main()
