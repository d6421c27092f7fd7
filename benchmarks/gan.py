"""Are they digits? What a classifier that learnt from real ones says of the drawings of `examples/gan.nn`.

    python -m benchmarks.gan [gan.nn | vae.nn | wgan_gp.nn] [--epochs N] [--samples 1000]

The classifier is `examples/digits.nn`. It tells, for each drawing, a digit and how sure it is. A generator that draws
but a few of the digits is found by counting: a digit counts as drawn if at least one drawing in fifty is one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "examples"
DRAWERS = {"gan.nn": "Generator", "wgan_gp.nn": "Generator", "vae.nn": "Decoder"}
LEAST_SHARE = 0.02


def judged(name: str, samples: int, epochs: int | None = None) -> tuple[float, dict[str, int]]:
    """(mean confidence of the classifier, number of drawings by the digit that it sees)."""
    import nndsl

    drawer = nndsl.load(FOLDER / name)
    drawer.fit(epochs=epochs)
    classifier = nndsl.load(FOLDER / "digits.nn")
    classifier.fit()
    network = drawer.generated.program.networks[DRAWERS[name]]
    noise = np.random.default_rng(0).normal(size=(samples, *network.inputs[0].shape)).astype(np.float32)
    (drawings,) = drawer.predict(noise, model=DRAWERS[name]).values()
    if name == "vae.nn":
        drawings = 1 / (1 + np.exp(-drawings))  # its decoder gives scores
    seen = classifier.predict({"image": drawings.reshape(-1, 8, 8) * 16})
    digits, counts = np.unique(seen["digit"], return_counts=True)
    return float(seen["confidence"].mean()), dict(zip(digits.tolist(), counts.tolist(), strict=True))


def main() -> None:
    """Train both and print what the classifier says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("example", nargs="?", default="gan.nn", choices=list(DRAWERS))
    parser.add_argument("--epochs", type=int, help="instead of the file's")
    parser.add_argument("--samples", type=int, default=1000, help="how many drawings; 1000 if not given")
    given = parser.parse_args()
    confidence, counts = judged(given.example, given.samples, given.epochs)
    drawn = sum(count >= LEAST_SHARE * given.samples for count in counts.values())
    print(f"mean confidence {confidence:.3f}, {drawn} of 10 digits drawn")
    print("  ".join(f"{digit}: {count}" for digit, count in counts.items()))


if __name__ == "__main__":
    main()
