"""`nndsl new [NAME]`: a file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from nndsl.cli.files import write_new
from nndsl.diagnostics import UserError, error

STARTER = """\
# {file} - reads handwritten digits. Check it with `nndsl check {file}`, train it with `nndsl run {file}`.

let hidden = 64                      # `nndsl run {file} --set hidden=128` gives it another value

# 1,797 scans that come with nndsl. Data of your own: `data mine from csv("mine.csv") {{`
data digits from builtin("digits") {{
  image = column("image") / 16       # 8 by 8 pixels, 0 to 16: now 0 to 1
  label = class(column("label"))
  split train 80%, validation 10%, test 10%, stratify=label
}}

# The network: each line takes what the line before it gives. `nndsl help` lists the layers.
model Network {{
  input image
  Flatten
  Dense(hidden, activation=relu)
  Dense(digits.label.classes)
}}

# What happens to one batch of the data.
train Network on digits {{
  epochs = 20
  batch_size = 32

  scores = Network(image)
  minimize cross_entropy(scores, label) using Adam(learning_rate=1e-3)
  metric accuracy(scores, label)
  predict digit = argmax(scores), confidence = max(softmax(scores))
}}
"""


@click.command(short_help="Write a file to start from.")
@click.argument("name", default="first.nn", type=click.Path(path_type=Path), metavar="[NAME]")
def command(name: Path) -> None:
    """Write a small, commented `.nn` file that runs as it is: a network that reads digits.

    NAME is the file's name, `first.nn` without one. A file that is there already is left alone.
    """
    if not name.name.isprintable():
        raise UserError(error("NN616", f"{name.name!r} is no name for a file that other lines can speak of"))
    path = name if name.suffix == ".nn" else name.with_name(f"{name.name}.nn")
    write_new(path, STARTER.format(file=path.name))
    click.echo(f"wrote {path}\nnext: nndsl run {path}")
