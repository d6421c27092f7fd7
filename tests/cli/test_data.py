"""Data through the real command, as processes: from files of each kind to predictions for raw new rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

HOUSES = "area,district,price\n" + "".join(
    f"{'' if n == 7 else 40 + 5 * n},{'north' if n % 3 else 'south'},{1000 * (40 + 5 * n)}\n" for n in range(24)
)
PROGRAM = """data houses from csv("houses.csv") {
  area     = standardize(fill(column("area"), median))
  district = one_hot(category(column("district")))
  price    = standardize(column("price"))
  split train 75%, test 25%
}

model Price {
  input area
  input district
  concatenate([reshape(area, [1]), district]) -> Dense(1)
}

train Price on houses {
  epochs = 300
  batch_size = 6
  guess = Price(area, district)
  minimize mse(guess, price) using Adam(0.05)
  metric error = mae(original_units(guess, price), original_units(price, price))
  predict price = original_units(guess, price), area = area
}
"""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_training_rows_taught_is_applied_to_raw_new_rows(tmp_path, process):
    (tmp_path / "houses.csv").write_text(HOUSES)
    (tmp_path / "houses.nn").write_text(PROGRAM)
    (tmp_path / "new.csv").write_text("district,area\nnorth,100\nwest,\n")
    trained = process("run", "houses.nn")
    assert trained.returncode == 0, trained.stderr
    answered = process("predict", "runs/Price", "new.csv", "-o", "answers.csv")
    assert answered.returncode == 0, answered.stderr
    first, second = rows(tmp_path / "answers.csv")
    assert float(first["price"]) == pytest.approx(100_000, rel=0.05)
    assert abs(float(second["area"])) < 0.5  # the median, standardized


def test_a_missing_value_is_named_with_its_line_and_column(tmp_path, process):
    (tmp_path / "houses.csv").write_text(HOUSES)
    (tmp_path / "houses.nn").write_text(PROGRAM.replace('fill(column("area"), median)', 'column("area")'))
    for command in ("check", "run"):
        refused = process(command, "houses.nn")
        assert refused.returncode == 1
        assert "houses.csv, line 9, column area: the value is missing" in refused.stderr
        assert 'fill(column("area"), median)' in refused.stderr
    (tmp_path / "houses.nn").write_text(PROGRAM)
    (tmp_path / "bad.csv").write_text("district,area\nnorth,12\nsouth,many\n")
    process("run", "houses.nn")
    refused = process("predict", "runs/Price", "bad.csv")
    assert refused.returncode == 1
    assert "bad.csv, line 3, column area" in refused.stderr


def test_pictures_by_folders_are_learnt_with_augmentation_and_answered_alike_each_time(tmp_path, process):
    image = pytest.importorskip("PIL.Image")
    draw = np.random.default_rng(0)
    for number in range(16):
        label, colour = (("day", 200), ("night", 40))[number % 2]
        (tmp_path / "sky" / label).mkdir(parents=True, exist_ok=True)
        pixels = np.clip(draw.normal(colour, 30, (9, 12, 3)), 0, 255).astype(np.uint8)
        image.fromarray(pixels).save(tmp_path / "sky" / label / f"{number}.png")
    (tmp_path / "sky.nn").write_text("""data sky from images("sky", size=[8, 8]) {
  image = column("image") / 255
  label = class(column("label"))
}

model Sky {
  input image
  RandomFlip
  RandomRotation(0.1)
  RandomBrightness(0.1, [0, 1])
  GlobalAveragePooling2D
  Dense(sky.label.classes)
}

train Sky on sky {
  epochs = 30
  batch_size = 4
  scores = Sky(image)
  minimize cross_entropy(scores, label) using Adam(0.1)
  predict label = argmax(scores), scores = scores
}
""")
    trained = process("run", "sky.nn")
    assert trained.returncode == 0, trained.stderr
    answers = [process("predict", "runs/Sky", "sky").stdout for _ in range(2)]
    assert answers[0] == answers[1]
    assert [line.split(",")[0] for line in answers[0].splitlines()[1:]] == ["day"] * 8 + ["night"] * 8
    (tmp_path / "sky" / "day" / "broken.png").write_bytes(b"no picture")
    refused = process("run", "sky.nn")
    assert refused.returncode == 1
    assert "sky/day/broken.png is damaged: it is no picture that Pillow knows" in refused.stderr


def test_parquet_by_pattern_trains_and_its_bytes_are_not_trusted(tmp_path, process):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    draw = np.random.default_rng(0)
    for part in (1, 2, 10):
        values = draw.normal(size=(20, 3)).astype(np.float32)
        parquet.write_table(
            pyarrow.table({"v": list(values), "y": values.sum(axis=1)}), tmp_path / f"part-{part}.parquet"
        )
    (tmp_path / "p.nn").write_text("""data d from parquet("part-*.parquet") {
  v = column("v")
  y = column("y")
}

model P {
  input v
  Dense(1)
}

train P on d {
  epochs = 100
  minimize mse(P(v), y) using Adam(0.05)
  expect train loss < 0.01
}
""")
    trained = process("run", "p.nn")
    assert trained.returncode == 0, trained.stderr
    (tmp_path / "part-2.parquet").write_bytes(b"PAR1 and then nothing that Parquet knows, at all PAR1")
    refused = process("run", "p.nn")
    assert refused.returncode == 1
    assert "part-2.parquet is damaged" in refused.stderr


def test_data_that_cannot_be_fetched_says_where_to_put_it(tmp_path, process):
    (tmp_path / "m.nn").write_text("""data mnist from builtin("mnist") {
  image = column("image") / 255
  label = class(column("label"))
}

model Reader {
  input image
  Flatten
  Dense(mnist.label.classes)
}

train Reader on mnist {
  scores = Reader(image)
  minimize cross_entropy(scores, label) using Adam
}
""")
    closed = {"NNDSL_DATA_MIRROR": "http://127.0.0.1:1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert process("check", "m.nn", **closed).returncode == 0
    refused = process("run", "m.nn", **closed)
    assert refused.returncode == 1
    assert (
        f"put train-images-idx3-ubyte.gz into {tmp_path / 'cache' / 'nndsl' / 'datasets' / 'mnist'}" in refused.stderr
    )
