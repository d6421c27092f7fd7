"""Codes NN6xx: run folders, weights files, devices, and what commands are given."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "NN601",
        "a file can't be read",
        "The path leads to nothing, to a folder, or to a file that may not be read. Paths on the command line "
        "start from the current folder, paths in a `.nn` file from the folder of that file.",
        "nndsl run digts.nn",
        "nndsl run digits.nn",
    ),
    Code(
        "NN602",
        "a file is not text",
        "A `.nn` file is UTF-8 text. This one holds bytes that UTF-8 does not have: it is another kind of file, or "
        "was saved in another encoding.",
        "nndsl check weights.safetensors",
        "nndsl check digits.nn",
    ),
    Code(
        "NN603",
        "a folder is not a run",
        "A run folder is what `nndsl run` fills: it holds the weights (`weights.safetensors`), the history and a "
        "summary. Before the first `nndsl run` there is none, and a run that was stopped early may lack a part.",
        "nndsl evaluate digits.nn --weights pictures/",
        "nndsl evaluate digits.nn --weights runs/Digits",
    ),
    Code(
        "NN604",
        "weights don't fit the network",
        "The weights were saved by another network: some are missing, some belong to nothing here, or a shape "
        "differs. The message names the first ones. Give the weights of this network, or train it anew.",
        "nndsl run digits.nn --set hidden=128\nnndsl evaluate digits.nn",
        "nndsl run digits.nn --set hidden=128\nnndsl evaluate digits.nn --set hidden=128",
    ),
    Code(
        "NN605",
        "a weights file is damaged",
        "The file is not a safetensors file, or part of it is missing. Nothing in it was used.",
        "nndsl evaluate digits.nn --weights digits.csv",
        "nndsl evaluate digits.nn --weights runs/Digits/weights.safetensors",
    ),
    Code(
        "NN606",
        "no such train block",
        "`--train` picks one of the file's train blocks by its name. A file without any has nothing to run.",
        "nndsl run digits.nn --train digits",
        "nndsl run digits.nn --train Digits",
    ),
    Code(
        "NN607",
        "a device is not there",
        "The generated program runs on the CPU with NumPy. `--device gpu` needs a graphics card and a build that "
        "can use it.",
        "nndsl run digits.nn --device gpu",
        "nndsl run digits.nn --device cpu",
    ),
    Code(
        "NN608",
        "a file can't be written",
        "The folder does not exist, may not be written to, or the disk is full; a command that makes a new file "
        "does not write over one that is there.",
        "nndsl new digits.nn",
        "nndsl new mine.nn",
    ),
    Code(
        "NN609",
        "a kind of file that is not known here",
        "Rows are read from and written to `.csv`, `.npz` and `.npy` files; pictures are written as `.png`, `.svg` "
        "or `.pdf`. The end of the name says which.",
        "nndsl predict digits.nn scans.xlsx -o digits.csv",
        "nndsl predict digits.nn scans.csv -o digits.csv",
    ),
    Code(
        "NN610",
        "nothing to predict",
        "`nndsl predict` writes what the train block's `predict` line names. This block has no such line.",
        "nndsl predict xor.nn rows.csv",
        "# in the train block:\npredict answer = sigmoid(scores)",
    ),
    Code(
        "NN611",
        "no such part of the data",
        "`--on` takes a part that the data block's `split` makes: train, validation or test. Without a `split` all "
        "rows are train.",
        "nndsl evaluate xor.nn --on test",
        "nndsl evaluate xor.nn --on train",
    ),
    Code(
        "NN612",
        "a package is missing",
        "Pictures are drawn by matplotlib, which nndsl does without for everything else.",
        "nndsl plot runs/Digits",
        "pip install 'nndsl[plot]'\nnndsl plot runs/Digits",
    ),
    Code(
        "NN613",
        "a history can't be drawn",
        "`history.csv` of a run has a column `epoch` and one for each reported number, and a row for each epoch. "
        "This file has another form, or no rows yet.",
        "nndsl plot table.csv",
        "nndsl plot runs/Digits",
    ),
    Code(
        "NN614",
        "no help under that name",
        "`nndsl help` knows what the library defines (layers, functions, losses, metrics, optimizers, "
        "initializers, schedules), data readers, callbacks, settings, statements and built-in functions. Without a "
        "name it lists them all.",
        "nndsl help Dens",
        "nndsl help Dense",
    ),
    Code(
        "NN615",
        "an expectation does not hold",
        "The file says `expect ...`, and the trained network does not keep it. The run is complete and its folder "
        "is filled; the command ends with 1, so that a script notices.",
        "nndsl run digits.nn --epochs 1",
        "nndsl run digits.nn",
    ),
    Code(
        "NN616",
        "a value that a command can't use",
        "An argument or option of the command has a value outside of what makes sense.",
        "nndsl run digits.nn --epochs 0",
        "nndsl run digits.nn --epochs 1",
    ),
    Code(
        "NN617",
        "the numbers left the finite ones",
        "The loss became infinite or not a number. The learning rate is too high, a logarithm or a division met a "
        "zero, or the data hold such values.",
        "nndsl run digits.nn --set learning_rate=1e6",
        "nndsl run digits.nn --set learning_rate=1e-3",
    ),
)
