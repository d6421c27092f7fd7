"""Codes NN6xx: run folders, weights files, devices, and what commands are given."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "NN601",
        "a file can't be read",
        "The path leads to nothing, to a folder, or to a file that may not be read. Paths on the command line "
        "start from the current folder, paths in a `.nn` file from the folder of that file. Fix: `nndsl run "
        "digits.nn`.",
        "nndsl run digts.nn",
        None,
    ),
    Code(
        "NN602",
        "a file is not text",
        "A `.nn` file is UTF-8 text. This one holds bytes that UTF-8 does not have: it is another kind of file, or "
        "was saved in another encoding. Fix: give the `.nn` file, saved as UTF-8.",
        "nndsl check weights.safetensors",
        None,
    ),
    Code(
        "NN603",
        "a folder is not a run",
        "A run folder is what `nndsl run` fills: it holds the weights, the history and a summary. Before the first "
        "`nndsl run` there is none, and a run that was stopped early may lack a part. Fix: train first, or give "
        "the folder of a run, as in `--weights runs/Digits`.",
        "nndsl evaluate digits.nn --weights pictures",
        None,
    ),
    Code(
        "NN604",
        "weights don't fit the network",
        "The weights were saved by another network: some are missing, some belong to nothing here, or a shape "
        "differs. The message names the first ones. Fix: give the weights of this network, repeat the `--set` that "
        "it was trained with, or train it anew.",
        "nndsl run digits.nn --set hidden=128\nnndsl evaluate digits.nn",
        None,
    ),
    Code(
        "NN605",
        "a weights file is damaged",
        "The file is not a safetensors file, or part of it is missing. Nothing in it was used. Fix: give another "
        "copy, or train again.",
        "nndsl evaluate digits.nn --weights digits.csv",
        None,
    ),
    Code(
        "NN606",
        "no such train block",
        "`--train` picks one of the file's train blocks by its name. A file without any has nothing to run. Fix: "
        "`--train Digits`, as the file calls it.",
        "nndsl run digits.nn --train digit",
        None,
    ),
    Code(
        "NN607",
        "a device is not there",
        "`--device gpu` needs a GPU of NVIDIA's and its driver, which `nvidia-smi` shows. Where there is none, "
        "everything runs on the CPU. Fix: leave `--device` out, or say `--device auto`, which takes a GPU if there "
        "is one.",
        "nndsl run digits.nn --device gpu",
        None,
    ),
    Code(
        "NN608",
        "a file can't be written",
        "The folder does not exist or may not be written to, or the disk is full; a command that makes a new file "
        "does not write over one that is there. Fix: another name or folder.",
        "nndsl new digits.nn    # where digits.nn exists",
        None,
    ),
    Code(
        "NN609",
        "a kind of file that is not known here",
        "Rows are read from and written to `.csv`, `.npz` and `.npy` files; pictures are written as `.png`, `.svg` "
        "or `.pdf`. The end of the name says which. Fix: save the table as `.csv`.",
        "nndsl predict digits.nn scans.xlsx -o digits.csv",
        None,
    ),
    Code(
        "NN610",
        "nothing to predict",
        "`nndsl predict` writes what the train block's `predict` line names. This block has no such line (fix: add "
        "one, as in `predict answer = sigmoid(scores)`), or what it predicts is made of random numbers alone, and rows "
        "of data have nothing to do with it (fix: `--model NAME` asks one model, with inputs of your own).",
        "nndsl predict regression.nn rows.csv -o answers.csv",
        None,
    ),
    Code(
        "NN611",
        "no such part of the data",
        "`--on` takes a part that the data block's `split` makes: train, validation or test. Without a `split` all "
        "rows are train. Fix: `--on train`, or a `split` line in the data block.",
        "nndsl evaluate xor.nn --on test",
        None,
    ),
    Code(
        "NN612",
        "a package is missing",
        "Pictures are drawn by matplotlib, and files for TensorBoard written by tensorboardX, which nndsl does without "
        "for everything else. Fix: `pip install 'nndsl[plot]'`, or `'nndsl[tensorboard]'`.",
        "nndsl plot runs/Digits    # without matplotlib",
        None,
    ),
    Code(
        "NN613",
        "a history can't be drawn",
        "`history.csv` of a run has a column `epoch`, one for each reported number, and a row for each epoch. This "
        "file has another form, or no rows yet. Fix: give a run folder, as in `nndsl plot runs/Digits`.",
        "nndsl plot table.csv",
        None,
    ),
    Code(
        "NN614",
        "no help under that name",
        "`nndsl help` knows what the library defines (layers, functions, losses, metrics, optimizers, "
        "initializers, schedules), data readers, callbacks, settings, statements and built-in functions. Fix: "
        "`nndsl help` without a name lists them all.",
        "nndsl help Dens",
        None,
    ),
    Code(
        "NN615",
        "an expectation does not hold",
        "The file says `expect ...`, and the trained network does not keep it. The run is complete and its folder "
        "is filled; the command ends with 1, so that a script notices. Fix: train for longer, or better, or expect "
        "less.",
        "nndsl run digits.nn --epochs 1    # the file says `expect test accuracy >= 0.9`",
        None,
    ),
    Code(
        "NN616",
        "a value that a command can't use",
        "An argument or option of the command has a value outside of what makes sense. Fix: the help says what does.",
        "nndsl run digits.nn --epochs 0",
        None,
    ),
    Code(
        "NN617",
        "the numbers left the finite ones",
        "The loss became infinite or not a number. The learning rate is too high, a logarithm or a division met a "
        "zero, or the data hold such values. Training is run again up to the first step that went wrong, and the "
        "place pointed at computed the first such value. Fix: what the help says there; a lower learning rate, "
        "`clip_norm=1.0` after the optimizer, or a look at the data.",
        "nndsl run digits.nn --set learning_rate=1e6",
        None,
    ),
    Code(
        "NN618",
        "out of memory",
        "The machine has less free memory than the network's buffers or the data need. `nndsl summary` says how "
        "much training takes, and what takes it. Fix: a smaller `batch_size`, or a smaller network.",
        "nndsl run digits.nn --set batch_size=100000000",
        None,
    ),
    Code(
        "NN620",
        "a part that the network does not have",
        "`--model` names a model that some train block of the program applies, `--layer` a label or a listed step of "
        "one, such as `features` or `Digits/dense_1`. Fix: `nndsl summary` lists them.",
        "nndsl features digits.nn --layer feature",
        None,
    ),
    Code(
        "NN622",
        "a network that can't write",
        "`nndsl generate` asks a network for what comes next in a text: its data is read by `text`, what it reads is a "
        "`window` of it, and a line such as `predict next = scores` gives a number for each character or word, at the "
        "end of the window or at each of its times. A prompt has only what the training text had, and as much as the "
        "network reads where it answers only at the end of whole windows. Of numbers, `generate` continues the series: "
        "what is predicted is called like the columns that it is predicted from, as in `predict sunspots = ...`.",
        "nndsl generate digits.nn",
        None,
    ),
    Code(
        "NN630",
        "a run that is not finished is in the way",
        "The run folder holds checkpoints of a run that was interrupted or killed after more than a minute. A new run "
        "would remove them. Fix: `--resume` goes on with it, `--restart` removes it, `--out DIR` leaves it alone.",
        "nndsl run digits.nn",
        None,
    ),
    Code(
        "NN631",
        "another run is writing into the folder",
        "One process at a time trains in a run folder; the file `run.lock` in it says which. When that process ends, "
        "however it ends, the folder is free. Fix: wait for it, or give each run a folder of its own by `--out`.",
        "nndsl run digits.nn & nndsl run digits.nn",
        None,
    ),
    Code(
        "NN632",
        "no checkpoint is whole",
        "A checkpoint has a checksum over all that it holds. None of those in the run folder has the right one: they "
        "were cut off, or changed by the disk or by hand. Nothing of them is used. Fix: another copy of the folder, or "
        "`--restart`, which begins anew.",
        "nndsl run digits.nn --resume",
        None,
    ),
    Code(
        "NN633",
        "a run can't go on with another program",
        "What training remembers belongs to the program that it was left with. Epochs, learning rates, callbacks and "
        "what is shown may change; weights, their shapes, the optimizer, the data and their split, what is reported, "
        "the seed and the precision may not. Fix: the program as it was, which lies in the run folder, or `--restart`.",
        "nndsl run digits.nn --resume --seed 7",
        None,
    ),
    Code(
        "NN635",
        "batches that can't be divided",
        "`--tile` and `--threads` take parts of a batch through the network. Where samples meet on the way, at the "
        "statistics of `BatchNormalization` or between two `minimize`s, all parts have to be through one stage before "
        "the next begins: threads wait for each other there, tiles smaller than a thread's share can't. Solvers need "
        "the batch as a whole. Fix: leave `--tile` out, or both.",
        "nndsl run resnet.nn --tile 16",
        None,
    ),
    Code(
        "NN640",
        "training that does not fit in memory",
        "What training takes is known from its plan before anything is allocated: weights, gradients, what the "
        "optimizer remembers, the values of a batch, and the data where it is held in memory. The machine, its "
        "container or `ulimit` leaves less; or the GPU does, where training runs there. Fix: a smaller `batch_size` if "
        "the values of the batch take most, else a "
        "smaller network. `gradient_accumulation_steps` makes a small batch count as a large one.",
        "nndsl run digits.nn --set hidden=1000000000",
        None,
    ),
    Code(
        "NN641",
        "training that can't be made so small",
        "`--memory` makes training compute values again on the way back instead of keeping them. Weights, their "
        "gradients and what the optimizer remembers stay, and so does what one step of the network works with at a "
        "time. How many samples there are at once must be known: a solver takes all that there are, and textbook code "
        "(`-O0`) keeps every value. Fix: as much memory as the message says, or a smaller `batch_size`: "
        "`gradient_accumulation_steps` makes a small batch count as a large one.",
        "nndsl run digits.nn --memory 1kB",
        None,
    ),
    Code(
        "NN650",
        "CuPy is not installed",
        "On a GPU, programs compute with CuPy. It comes with the extra `cuda12` or `cuda13`, as the driver is of CUDA "
        "12 or 13; the message says which. Where CuPy is installed and can't be loaded, a part of CUDA that it needs "
        'is missing, and the same extra brings it. Fix: `pip install "nndsl[cuda13]"`.',
        "nndsl run digits.nn --device gpu",
        None,
    ),
    Code(
        "NN651",
        "two CuPys are installed",
        "CuPy is a package of its own for each generation of CUDA, and all of them are the module `cupy`: the second "
        "that is installed writes over files of the first. Fix: remove both, then install the one that fits the "
        "driver.",
        'pip install "nndsl[cuda12,cuda13]"\nnndsl run digits.nn --device gpu',
        None,
    ),
    Code(
        "NN652",
        "the GPU's driver is too old",
        "A driver runs programs of its generation of CUDA and of those before: CUDA 12 needs a driver of version 525 "
        "or later, CUDA 13 one of 580 or later. Fix: the CuPy that fits the driver, or a newer driver.",
        'pip install "nndsl[cuda13]"    # with a driver of CUDA 12\nnndsl run digits.nn --device gpu',
        None,
    ),
    Code(
        "NN653",
        "not for a GPU",
        "Programs for a GPU go through whole batches and keep what they compute until it is used. So textbook code "
        "(`-O0`), `--tile`, `--threads` and `--memory` are for the CPU. Fix: leave them out, or leave `--device gpu` "
        "out.",
        "nndsl run digits.nn --device gpu -O0",
        None,
    ),
    Code(
        "NN654",
        "a precision that is a GPU's alone",
        "`--precision tf32` and `--precision bfloat16` let a GPU multiply matrices of numbers with 11 and with 8 "
        "significant bits, on units of its own that are many times as quick; all else stays float32. A CPU would only "
        "lose digits. They need nvmath-python, which the extras `cuda12` and `cuda13` bring. Fix: `--device gpu`, or "
        "leave `--precision` out.",
        "nndsl run digits.nn --precision bfloat16",
        None,
    ),
)
