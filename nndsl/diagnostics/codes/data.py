"""NN4xx: data files, columns and splits."""

from __future__ import annotations

from nndsl.diagnostics.model import Code

_DIGITS = """data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 80%, test 20%
}
"""

_SERIES = """data waves {
  height = [0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9]
  past = window(height, 2)
  coming = next(height)
  split train 50%, test 50% in order
}
"""

_HOUSES = """data houses {
  rooms = [3, 5, 2]
  price = standardize([210, 340, 150])
}

model Price {
  input rooms
  reshape(rooms, [1]) -> Dense(1)
}

train Price on houses {
  guess = Price(float(rooms))
  minimize mse(guess, price) using SGD
  predict price = original_units(guess, price)
}
"""

_FILES: tuple[Code, ...] = (
    Code(
        "NN401",
        "a data file can't be read",
        "There is no file of that name, it is a folder, or it may not be read. Paths in a `.nn` file start from the "
        "folder of that file, wherever the command was called from.",
        'The file says `csv("titanc.csv")`, and the folder holds titanic.csv.',
        None,
    ),
    Code(
        "NN402",
        "a reader can't take this",
        "After `from` stands a reader with its arguments: `nndsl help csv` lists what it takes. A path, a delimiter "
        "and an encoding are texts, a delimiter is one character, and lists of names have one for each column.",
        _DIGITS.replace('"digits"', "64"),
        _DIGITS,
    ),
    Code(
        "NN403",
        "no such built-in data",
        "`builtin` reads data that comes with nndsl or that it knows where to fetch, by name. Anything else is read "
        "from a file: `csv`, `npz`, `npy` or `idx`.",
        _DIGITS.replace('"digits"', '"digts"'),
        _DIGITS,
    ),
    Code(
        "NN404",
        "a file is of another kind",
        "The file does not begin as its reader's files do: `csv` reads text, `npz` and `npy` what NumPy saved, `idx` "
        "files in MNIST's format. A spreadsheet is saved as CSV first, in the program that made it.",
        'The file says `csv("grades.xlsx")`: a spreadsheet, not text.',
        None,
    ),
    Code(
        "NN405",
        "a file is damaged",
        "The file is of the right kind, and part of it is missing, too long or garbled: a download that broke off, a "
        "copy that went wrong. Fetch it again.",
        "train-images-idx3-ubyte.gz was cut off after half of it.",
        None,
    ),
    Code(
        "NN406",
        "a text is in another encoding",
        "CSV files are read as UTF-8. Other programs may have saved another encoding: say which, and accents and "
        "signs come out right.",
        'patients.csv was saved as Latin-1: `csv("patients.csv", encoding="latin-1")` reads it.',
        None,
    ),
    Code(
        "NN407",
        "two columns have one name",
        "Columns are found by name, so each name stands for one column. Rename one in the file, or name them all in "
        "the program: `names=[...]`.",
        "The first line of table.csv is `age,height,age`.",
        None,
    ),
    Code(
        "NN408",
        "a row is too short or too long",
        "Every line of a CSV file has as many values as its first. A value that holds the delimiter stands in double "
        "quotes, or the file has another delimiter than was said.",
        'Line 14 of titanic.csv is `1,Braund, Mr. Owen,male` where other lines have `1,"Braund, Mr. Owen",male`.',
        None,
    ),
    Code(
        "NN409",
        "quotes that don't match",
        "A value in double quotes ends at the next one, and only a delimiter or the line's end may follow. A double "
        "quote inside is written twice. A quote that never closes swallows the rest of the file.",
        'A line of quotes.csv is `1,"he said "no"",2`; right is `1,"he said ""no""",2`.',
        None,
    ),
    Code(
        "NN410",
        "a file has no rows",
        "The file is empty, or holds a header and nothing after it, or no array with rows.",
        "table.csv holds the line `age,height` and nothing else.",
        None,
    ),
)

_COLUMNS: tuple[Code, ...] = (
    Code(
        "NN411",
        "no such column",
        "The data has no column of that name; the message lists those that it has. Case counts. If the names look like "
        "data, the file has no header: `header=false, names=[...]`.",
        _DIGITS.replace('"image"', '"pixels"'),
        _DIGITS,
    ),
    Code(
        "NN412",
        "a value is not a number",
        "A column is used as numbers, and some of its values are none. The message says which line has the first. "
        "Correct the file, name what stands for a missing value (`missing=[...]`), or make the column a class or "
        "category.",
        'Line 14 of titanic.csv has `abc` in the column Age, and the program says `age = column("Age")`.',
        None,
    ),
    Code(
        "NN413",
        "a value is missing",
        "A network can't compute with a gap. `fill` says what stands for it: a number, `median` or `mean` of the "
        'training rows, or a text for a category. Or leave such rows out of the file. Empty values, "NA", "NaN", '
        '"null" and "?" count as missing among numbers, only empty ones among texts.',
        'Line 7 of titanic.csv has no Age: `age = fill(column("Age"), median)` in place of `age = column("Age")`.',
        None,
    ),
    Code(
        "NN414",
        "a value is infinite",
        "Nothing can be learnt from an infinite number. It is often the trace of a division by 0, or of a number too "
        "large for its type, in the program that wrote the file.",
        "measurements.npz was saved with an `inf` in the array `speed`.",
        None,
    ),
    Code(
        "NN415",
        "a class that the program does not know",
        "The classes of a label are those that the data had when the program was checked. Other rows, given to "
        "`evaluate` or to a program built earlier, may hold no others.",
        "flowers.csv, given to `nndsl evaluate iris.nn`, has `Setosa` where the training data has `setosa`.",
        None,
    ),
    Code(
        "NN416",
        "columns of different lengths",
        "A row is one value of each column, so the columns that a program uses are equally long.",
        'faces.npz has 400 rows of "image" and 399 of "label".',
        None,
    ),
    Code(
        "NN417",
        "an array that can't be used",
        "Columns are numbers, truth values or text. Python objects are never loaded from a file, as they could run a "
        'stranger\'s code; text is saved as `values.astype(str)`, dates as `values.astype("int64")`, complex numbers '
        "in two columns.",
        'table.npz holds an array of dtype object, and the program says `column("names")`.',
        None,
    ),
    Code(
        "NN418",
        "a row of the wrong shape",
        "A class, a category and what a split goes by have one value in each row. Rows that are given to a program "
        "later have the shape of those that it was made for.",
        "`python faces.py predict new.npz`, where the images are 32x32 and the program was made for 28x28.",
        None,
    ),
)

_LOADING: tuple[Code, ...] = (
    Code(
        "NN419",
        "rows can't be split like this",
        "Every part needs at least one row, and one part is called `train`. With few rows a small share may come to "
        "none; rows of one group are never divided.",
        "A file of 20 rows, and `split train 98%, test 2%`.",
        None,
    ),
    Code(
        "NN420",
        "nothing to learn from",
        "`fill`, `standardize` and `normalize` learn from the training rows. Here every value of a column is missing "
        "there, or they are too large to be added up.",
        'The column Cabin is empty in all training rows, and the program says `fill(column("Cabin"), median)`.',
        None,
    ),
    Code(
        "NN421",
        "more names than the program was made for",
        "A category's ids are counted when the program is checked, as its network depends on them. The data that it is "
        "trained on now has more. Check and build it again with this data.",
        "`python titanic.py train new.npz`, where the column Embarked has a fourth port.",
        None,
    ),
    Code(
        "NN422",
        "a field is not a number",
        "A field's formula gives nan or infinity in some row: a division by 0, the logarithm or root of a negative "
        "number. Look at that row, and guard the formula: `log(maximum(x, 1e-6))`.",
        'The program says `rate = column("sales") / column("visits")`, and some row has 0 visits.',
        None,
    ),
    Code(
        "NN423",
        "data does not fit in memory",
        "Data is held in memory whole. Text is kept as wide as its longest value, so one column of long texts takes "
        "much: use columns of short names.",
        "reviews.csv has a million rows, and `category(column(...))` takes the column of their texts.",
        None,
    ),
    Code(
        "NN424",
        "files that don't fit together",
        "Several files that are read as one, by a pattern, have the same columns in the same order, of the same kinds "
        "and shapes. A file that a part has of its own (`test from csv(...)`) has every column that the fields need.",
        'The program says `csv("part-*.csv")`; part-1.csv begins with `age,height`, and part-2.csv with `age,weight`.',
        None,
    ),
    Code(
        "NN425",
        "a library that a reader needs is not installed",
        "Most data needs nothing but nndsl. Parquet files are read by pyarrow and pictures by Pillow, which come as "
        'extras: `pip install "nndsl[parquet]"`, `pip install "nndsl[images]"`.',
        'The file says `parquet("rows.parquet")`, and pyarrow is not installed.',
        None,
    ),
    Code(
        "NN426",
        "data that does not fit in memory can't be written out",
        "Data that is larger than memory is read batch by batch. CSV, Parquet and compressed files have no rows that "
        "can be found one by one, so their columns are first written out into the user's cache folder "
        "(`~/.cache/nndsl`, or under `XDG_CACHE_HOME`), which needs room on its disk.",
        "sales.csv takes 30 GB as numbers, and the disk of the home folder has 8 GB left.",
        None,
    ),
    Code(
        "NN427",
        "pictures in another place than they should be",
        "`images` reads a folder that holds a folder of pictures for each class, or pictures alone, not both. A table "
        "that names pictures names them from its own folder on (or from the one that `folder=` says), and none outside "
        "of it.",
        "The folder animals holds the folders cat and dog, and horse.jpg beside them.",
        None,
    ),
    Code(
        "NN428",
        "a data set can't be fetched",
        "MNIST, Fashion-MNIST and CIFAR-10 are fetched when a program first reads them, and kept. Without a network, "
        "put the files that the message names into the folder that it names; they are used if their checksum is right. "
        "The environment variable NNDSL_DATA_MIRROR names another server, with a folder for each data set: "
        "NNDSL_DATA_MIRROR=https://example.org/data fetches https://example.org/data/mnist/train-images-idx3-ubyte.gz.",
        'The file says `builtin("mnist")`, and the machine has no network.',
        None,
    ),
)

_ROWS_AND_NETWORK: tuple[Code, ...] = (
    Code(
        "NN430",
        "a value that the network can't use",
        "A label or an id chooses one of so many outputs, or rows of a table, counted from 0, and some row of the data "
        "has another. For a loss between two classes the target is 0 or 1. Rows are looked at before the first step. "
        "Fix: `class(column(...))`, which gives ids to whatever values there are, or a network with more outputs.",
        'The network ends with `Dense(3)`, the program says `label = int(column("kind"))`, and some row says 3.',
        None,
    ),
)

_BLOCKS: tuple[Code, ...] = (
    Code(
        "NN450",
        "columns belong in a data block that reads a file",
        "`column`, `class`, `fill` and their like name what is in the block's file. Elsewhere its fields are in scope "
        "by name; rows that are written in the block are fields already.",
        """data xor {
  x = column("x")
  y = [0, 1, 1, 0]
}
""",
        """data xor {
  x = [[0, 0], [0, 1], [1, 0], [1, 1]]
  y = [0, 1, 1, 0]
}
""",
    ),
    Code(
        "NN451",
        "rows that make no table",
        "A data block has at least one field. Rows written in it are numbers, or lists of them, or texts, and each "
        "field has as many.",
        """data xor {
  x = [[0, 0], [0, 1], [1, 0], [1, 1]]
  y = [0, 1, 1]
}
""",
        """data xor {
  x = [[0, 0], [0, 1], [1, 0], [1, 1]]
  y = [0, 1, 1, 0]
}
""",
    ),
    Code(
        "NN452",
        "a field that can't be computed",
        "A field has a value, or an array of them, for each row: a column, or what is computed from columns. Texts "
        "become numbers by `class` (what is to be told apart) or `category` (what is known of each row), straight from "
        "a column with one value a row.",
        """data colours {
  colour = ["red", "green", "red", "blue"]
}
""",
        """data colours {
  colour = class(["red", "green", "red", "blue"])
}
""",
    ),
    Code(
        "NN453",
        "a column with nothing to tell apart",
        "A class or a category needs two different values at least; this column has one in all its rows.",
        "The column Survived of titanic.csv is 0 in every row.",
        None,
    ),
    Code(
        "NN454",
        "a split that can't be made",
        "A split names its parts once each, with shares above 0% that come to 100% at most; one is `train`. "
        "`stratify=` names a field, `group=` a column; rows `in order` have neither.",
        _DIGITS.replace("20%", "30%"),
        _DIGITS,
    ),
    Code(
        "NN455",
        "rows that look at others in a way that can't be",
        "`window(x, length)` and `next(x)` make one value of several rows that follow one another, so x has a value "
        "for each row, and what is learnt of it (`standardize`) is learnt before. Such rows share values with those "
        "beside them: shuffled into parts, the test would hold what training saw, so they are split `in order`; a "
        "window that would reach from one part into another is left out.",
        _SERIES.replace(" in order", ""),
        _SERIES,
    ),
    Code(
        "NN456",
        "no way back to the units of a column",
        "`original_units(value, field)` undoes what `standardize` or `normalize` did to a field, by what they learnt. "
        "It takes the field by its name; scaling it is the last thing that the data block did to it.",
        _HOUSES.replace("standardize([210, 340, 150])", "[210, 340, 150]"),
        _HOUSES,
    ),
)

CODES: tuple[Code, ...] = (*_FILES, *_COLUMNS, *_LOADING, *_ROWS_AND_NETWORK, *_BLOCKS)
