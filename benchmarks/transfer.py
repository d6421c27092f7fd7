"""`examples/transfer.nn` beside the same network from nothing: a hundred labelled digits, odd or even.

    python -m benchmarks.transfer [--seeds 5]

Trains `examples/digits.nn`, then on the hundred rows: a head on its frozen body; the same, with the body learning on;
the same network with weights drawn anew. Accuracy is over those digits that neither the hundred nor the classifier's
own training had.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "examples"


def programs(text: str) -> dict[str, str]:
    """The example in its three forms, by name."""
    using = "using Adam(learning_rate=3e-3)"
    both = "over Parity.head using Adam(learning_rate=3e-3) over Parity.body using Adam(learning_rate=1e-4)"
    layers = "features: image -> Flatten -> Dense(64, activation=relu)"
    scratch = text.replace('body = Digits from "runs/Digits" frozen', layers)
    scratch = scratch.replace("head: body(image).features", "head: features")
    return {
        "frozen body": text,
        "body learns on": text.replace('"runs/Digits" frozen', '"runs/Digits"').replace(using, both),
        "from nothing": scratch,
    }


def accuracies(seed: int) -> dict[str, float]:
    """The accuracy of each form on digits that no training had."""
    import nndsl
    from nndsl.cli.trained import write_start
    from nndsl.runtime.trainer import run

    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        body = nndsl.load(FOLDER / "digits.nn", seed=seed)
        (outcome,) = run(body, out=folder / "runs" / "Digits")
        write_start(outcome.folder, FOLDER / "digits.nn", "Digits", {}, "float32", body.checked)
        images = body.parts(body.train_named("Digits"))["test"]["image"]
        text = (FOLDER / "transfer.nn").read_text(encoding="utf-8")
        for form, changed in programs(text).items():
            path = folder / f"{form.replace(' ', '_')}.nn"
            path.write_text(changed, encoding="utf-8")
            model = nndsl.load(path, seed=seed)
            model.fit()
            parts = model.parts(model.train_named("Parity"))
            unseen = {image.tobytes() for image in images}
            rows = [row for row, image in enumerate(parts["test"]["image"]) if image.tobytes() in unseen]
            answers = model.predict({"image": parts["test"]["image"][rows] * 16})["odd"]
            found[form] = float(np.mean(answers == (parts["test"]["odd"][rows] > 0.5)))
    return found


def main() -> None:
    """Train everything with each seed and print the mean accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0 on; 5 if not given")
    found = [accuracies(seed) for seed in range(parser.parse_args().seeds)]
    print("accuracy on unseen digits, odd or even, after a hundred labelled ones")
    for form in found[0]:
        values = [each[form] for each in found]
        print(f"{form:16} mean {statistics.mean(values):.3f}  least {min(values):.3f}  greatest {max(values):.3f}")


if __name__ == "__main__":
    main()
