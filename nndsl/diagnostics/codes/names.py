"""NN1xx: names that nothing knows, and values given from outside."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

CODES: tuple[Code, ...] = (
    Code(
        "NN101",
        "a name that nothing knows",
        "Names are looked up in the body, then in the file, then in the library. This one is in none of them.",
        "model M {\n  input x: [4]\n  Dense(8, activation=relo)\n}\n",
        "model M {\n  input x: [4]\n  Dense(8, activation=relu)\n}\n",
    ),
    Code(
        "NN102",
        "a name from another library",
        "Keras, PyTorch and Python have a name for this; nndsl says it another way, which the help shows.",
        "model M {\n  input x: [4]\n  layers.Dense(8)\n}\n",
        "model M {\n  input x: [4]\n  Dense(8)\n}\n",
    ),
    Code(
        "NN103",
        "no such part",
        "The dot reads an output or a label after a value, a step or a weight after a model, a field after data.",
        "model M {\n  input x: [4]\n  code: Dense(2)\n  Dense(4)\n}\n\n"
        "model Twice {\n  input x: [4]\n  output M(x).cod\n}\n",
        "model M {\n  input x: [4]\n  code: Dense(2)\n  Dense(4)\n}\n\n"
        "model Twice {\n  input x: [4]\n  output M(x).code\n}\n",
    ),
    Code(
        "NN104",
        "a name defined twice",
        "A file, and a data block, can define a name once.",
        "let units = 4\nlet units = 8\n",
        "let units = 4\nlet more_units = 8\n",
    ),
    Code(
        "NN105",
        "`let` of something that is no compile-time value",
        "`let` names a number, a text, a list, a function or a step that is known before anything runs.",
        "let noise = normal([3])\n",
        "model M {\n  input x: [3]\n  noise = normal([3])\n  output x + noise\n}\n",
    ),
    Code(
        "NN106",
        "`--set` does not fit the file",
        "`--set name=value` replaces the value of a `let` of that name by another of the same kind.",
        "nndsl check model.nn --set hiden=3   (the file says `let hidden = 64`)",
        None,
    ),
    Code(
        "NN107",
        "an import that can't be had",
        '`import NAME from "file.nn"` reads a file beside this one and takes definitions out of it.',
        'import Residual from "blockz.nn"\n',
        None,
    ),
    Code(
        "NN108",
        "a file that imports itself",
        "Imports form a tree: a file can't import itself, nor a file that imports it.",
        'import A from "a.nn"   (written in a.nn itself)',
        None,
    ),
    Code(
        "NN109",
        "no train block of that name",
        "`--train NAME` picks one of the file's train blocks.",
        "nndsl run digits.nn --train Digit   (the file says `train Digits on digits`)",
        None,
    ),
    Code(
        "NN110",
        "no data of that name",
        "`train ... on NAME` names a data block of the same file.",
        'data digits from builtin("digits") {\n  image = column("image") / 16\n}\n\n'
        "model M {\n  input x\n  Flatten\n  Dense(64)\n}\n\n"
        "train M on digit {\n  minimize mse(M(image), 0) using Adam\n}\n",
        'data digits from builtin("digits") {\n  image = column("image") / 16\n}\n\n'
        "model M {\n  input x\n  Flatten\n  Dense(64)\n}\n\n"
        "train M on digits {\n  minimize mse(M(image), 0) using Adam\n}\n",
    ),
    Code(
        "NN111",
        "a path that an imported file may not name",
        "The file that is run may name any file. A file that it imports, or the program of a run that it takes a model "
        "out of, may come from anybody: it names files in its own folder and below, by paths that neither begin at the "
        "root nor go up, and no links lead out of there. Fix: `--allow-path FOLDER` where you trust it, or a copy of "
        "what it needs beside it.",
        'import Block from "lib/blocks.nn"    # which says `import Scale from "../scale.nn"`',
        None,
    ),
)
