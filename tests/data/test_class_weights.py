"""Weights of classes and of samples: what they are, and what they do to the loss."""

import numpy as np
import pytest

import nndsl
from nndsl.diagnostics import UserError

ANIMALS = ["cat"] * 6 + ["dog"] * 2 + ["eel"] * 4
X = np.random.default_rng(2).standard_normal((12, 3))
TEXT = """
data animals from csv("animals.csv") {{
  x = columns("a", "b", "c")
  label = class(column("animal"))
  importance = {weight}
  {split}
}}
model M {{
  input x
  Dense(3)
}}
train M on animals {{
  shuffle = false
  batch_size = 12
  scores = M(x)
  minimize cross_entropy(scores, label) weighted by importance using SGD(learning_rate=0.1)
  predict kind = argmax(scores), importance
}}
"""


@pytest.fixture
def model(tmp_path):
    rows = [
        f"{a},{b},{c},{animal},{number + 1}" for number, ((a, b, c), animal) in enumerate(zip(X, ANIMALS, strict=True))
    ]
    (tmp_path / "animals.csv").write_text("a,b,c,animal,count\n" + "\n".join(rows) + "\n", encoding="utf-8")

    def load(weight, split=""):
        (tmp_path / "animals.nn").write_text(TEXT.format(weight=weight, split=split), encoding="utf-8")
        return nndsl.load(tmp_path / "animals.nn", precision="float64")

    return load


def weights_of(model):
    found = model.parts(model.checked.trains[0])
    return {part: fields["importance"] for part, fields in found.items()}


BY_CLASS = {
    "class_weight(label, [1, 5, 2.5])": {"cat": 1, "dog": 5, "eel": 2.5},
    'class_weight(label, [["dog", 5], ["eel", 2.5]])': {"cat": 1, "dog": 5, "eel": 2.5},
    "class_weight(label, balanced)": {"cat": 12 / (3 * 6), "dog": 12 / (3 * 2), "eel": 12 / (3 * 4)},
}


@pytest.mark.parametrize("weight", BY_CLASS)
def test_each_row_weighs_what_its_class_does(model, weight):
    assert weights_of(model(weight))["train"] == pytest.approx([BY_CLASS[weight][animal] for animal in ANIMALS])


@pytest.mark.parametrize("weight", [*BY_CLASS, 'column("count")'])
def test_the_loss_is_the_weighted_mean(model, weight):
    made = model(weight)
    (row,) = made.fit()
    chosen = BY_CLASS.get(weight)
    w = np.arange(1, 13) if chosen is None else np.array([chosen[animal] for animal in ANIMALS])
    scores = X @ model(weight).weights["M/dense/kernel"]
    ids = np.unique(ANIMALS, return_inverse=True)[1]
    losses = np.log(np.exp(scores).sum(1)) - scores[np.arange(12), ids]
    assert row["train.loss"] == pytest.approx((w * losses).sum() / w.sum())


def test_balance_is_learnt_from_the_training_rows_and_saved(model, tmp_path):
    made = model("class_weight(label, balanced)", "split train 50%, test 50% in order")
    found = weights_of(made)
    # all training rows are cats: they weigh 12 / (3 * ...) as learnt, what they have not weighs 1
    assert found["train"] == pytest.approx([6 / (3 * 6)] * 6)
    assert found["test"] == pytest.approx([1.0] * 6)
    made.fit()
    made.save(tmp_path / "weights.safetensors")
    other = model("class_weight(label, balanced)", "split train 50%, test 50% in order")
    other.load_weights(tmp_path / "weights.safetensors")
    asked = other.predict({**dict(zip("abc", X[:2].T, strict=True)), "animal": np.array(["cat", "dog"])})
    assert asked["importance"] == pytest.approx([1 / 3, 1.0])


@pytest.mark.parametrize(
    ("weight", "code", "help"),
    [
        ('class_weight(label, [["dogs", 5]])', "NN302", 'did you mean "dog"?'),
        ("class_weight(label, [1, 2])", "NN302", "the classes are cat, dog, eel"),
        ("class_weight(label, [1, 2, -3])", "NN302", None),
        ("class_weight(label, 3)", "NN302", None),
        ("class_weight(x, balanced)", "NN452", None),
    ],
)
def test_weights_of_no_class_are_refused(model, weight, code, help):
    with pytest.raises(UserError) as refused:
        model(weight)
    found = refused.value.diagnostics[0]
    assert found.code == code
    assert help is None or found.help == help
