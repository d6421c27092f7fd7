"""Train blocks: what is minimized, updated, reported and predicted."""

from __future__ import annotations

import pytest

from nndsl import ops
from nndsl.check.blocks import settings
from nndsl.ir import DType, Kind, Node, reachable
from nndsl.ir.program import TrainProgram
from nndsl.runtime.standalone import callbacks
from tests.check.programs import checked, mistakes, shapes, training

LOSS = "minimize cross_entropy(scores, label) using SGD(learning_rate=0.1)"


def only(text: str) -> TrainProgram:
    """The one train block of a text."""
    (train,) = checked(text).trains
    return train


def versions(node: Node) -> dict[str, set[int]]:
    """Versions in which a node reads each weight."""
    found: dict[str, set[int]] = {}
    for part in reachable([node]):
        if part.op is ops.weight:
            version = part["version"]
            assert isinstance(version, int)
            found.setdefault(str(part["path"]), set()).add(version)
    return found


def test_every_setting_has_its_default() -> None:
    assert dict(only(training(LOSS)).settings) == {
        "epochs": 1,
        "batch_size": 32,
        "steps": None,
        "shuffle": True,
        "stream": None,
        "gradient_accumulation_steps": 1,
        "use_ema": False,
        "ema_momentum": 0.99,
        "checkpoint_every": None,
    }


def test_settings_are_read() -> None:
    settings = dict(only(training("epochs = 3", "batch_size = 16", "shuffle = false", LOSS)).settings)
    assert (settings["epochs"], settings["batch_size"], settings["shuffle"]) == (3, 16, False)


@pytest.mark.parametrize(
    ("line", "code"),
    [("epoch = 3", "NN501"), ("batchsize = 3", "NN501"), ("learning_rate = 0.1", "NN501"), ("epochs = 2.5", "NN502")],
)
def test_a_setting_that_is_not_meant_is_refused(line: str, code: str) -> None:
    assert [mistake.code for mistake in mistakes(training(line, LOSS))] == [code]


def test_the_loss_is_the_mean_over_samples_and_is_reported_first() -> None:
    train = only(training(LOSS, "metric accuracy(scores, label)"))
    (minimize,) = train.training.minimizes
    assert minimize.loss.type.rank == 0
    assert minimize.loss.type.kind is Kind.SHARED
    assert [report.name for report in train.training.reported] == ["loss", "accuracy"]
    assert all(report.value.type.kind is Kind.STEP for report in train.training.reported)
    assert all(total.node.type.rank == 0 and total.node.type.kind is Kind.SAMPLE for total in train.training.totals)


def test_training_and_evaluation_have_the_same_totals() -> None:
    train = only(training(LOSS, "metric accuracy(scores, label)", network="Flatten\n  Dropout(0.5)\n  Dense(10)"))
    assert len(train.training.totals) == len(train.evaluation.totals)
    draws = [node for node in reachable(t.node for t in train.training.totals) if node.op is ops.random_bernoulli]
    assert draws
    assert not [node for node in reachable(t.node for t in train.evaluation.totals) if node.op is ops.random_bernoulli]


def test_an_update_covers_every_weight_that_the_loss_reaches() -> None:
    program = checked(training(LOSS))
    (update,) = program.trains[0].training.minimizes[0].updates
    assert set(update.weights) == set(shapes(program))
    assert update.new_weight.type.shape == (sum(w.type.size for w in program.weights),)


def test_optimizers_keep_states_like_the_weight_or_one_number() -> None:
    (update,) = only(training(LOSS.replace("SGD(learning_rate=0.1)", "Nadam"))).training.minimizes[0].updates
    assert [(slot.name, slot.scalar) for slot in update.slots] == [("m", False), ("v", False), ("u_product", True)]
    assert [node.type.kind for node in update.new_slots] == [Kind.SHARED, Kind.SHARED, Kind.STEP]


def test_later_statements_read_the_updated_weights_and_earlier_names_keep_theirs() -> None:
    train = only(training(LOSS, "metric before = mean(scores)", "metric after = mean(M(image))"))
    totals = train.training.totals
    before, after = (totals[index].node for index in (2, 3))
    assert set(versions(before).values().__iter__().__next__()) == {0}
    assert all(found == {1} for found in versions(after).values())


def test_over_and_using_update_groups_from_one_gradient() -> None:
    text = training(
        "minimize cross_entropy(scores, label)",
        "  over M.first using Adam(learning_rate=0.1)",
        "  over M.dense.kernel using SGD clip_norm=1.0",
        network="Flatten\n  first: Dense(8)\n  Dense(10)",
    )
    first, second = only(text).training.minimizes[0].updates
    assert first.weights == ("M/first/kernel", "M/first/bias")
    assert second.weights == ("M/dense/kernel",)
    assert [node.op.name for node in reachable([second.new_weight])].count("clip_by_norm") == 1


def test_a_schedule_is_computed_from_the_step() -> None:
    rate = "cosine_decay(peak=1e-3, warm_up=20, steps=100)"
    (update,) = only(training(LOSS.replace("0.1", rate))).training.minimizes[0].updates
    steps = [node for node in reachable([update.new_weight]) if node.op is ops.step]
    assert [node["counts"] for node in steps] == ["0"]


def test_metrics_over_the_whole_split_are_computed_from_totals() -> None:
    train = only(training(LOSS, "metric f1(argmax(scores) == 3, label == 3)"))
    value = train.evaluation.reported[1].value
    assert {node.op.name for node in reachable([value])} >= {"total", "divide"}


def test_predicted_ids_come_back_as_class_names() -> None:
    train = only(training(LOSS, "predict digit = argmax(scores), confidence = max(softmax(scores))"))
    (digit, confidence) = train.evaluation.predictions
    assert digit[2] == tuple("0123456789")
    assert confidence[2] is None
    assert train.training.predictions == ()


def test_states_are_updated_in_training_only() -> None:
    train = only(training(LOSS, network="Flatten\n  BatchNormalization\n  Dense(10)"))
    assert [path for path, _ in train.training.states] == [
        "M/batch_normalization/moving_mean",
        "M/batch_normalization/moving_variance",
    ]
    assert train.evaluation.states == ()


def test_applying_a_network_twice_threads_its_states_in_order() -> None:
    network = "Flatten\n  BatchNormalization\n  Dense(10)"
    train = only(training("again = M(image * 2)", LOSS, "metric mean(again)", network=network))
    new = dict(train.training.states)["M/batch_normalization/moving_mean"]
    fields = [node for node in reachable([new]) if node.op is ops.batch_sum]
    assert len(fields) == 2


def test_a_penalty_is_a_term_of_the_loss() -> None:
    train = only(training("minimize cross_entropy(scores, label) + l2(M, 1e-4) using SGD"))
    assert versions(train.training.minimizes[0].loss)["M/dense/kernel"] == {0}


def test_a_block_without_data_counts_steps() -> None:
    text = """
    model Physics {
      input x
      Dense(8, activation=tanh)
      Dense(1)
    }
    train Physics {
      steps = 10
      x = uniform([1], -1, 1)
      y = Physics(x)
      minimize mse(grad(y, x), 0) using Adam
    }
    """
    train = only(text)
    assert (train.data, train.fields, dict(train.settings)["steps"]) == (None, (), 10)
    assert [n for n in reachable([train.training.minimizes[0].loss]) if n.op is ops.grad]


def test_weights_of_samples_must_be_one_number_each() -> None:
    assert only(training("minimize cross_entropy(scores, label) weighted by mean(image) using SGD"))
    (mistake,) = mistakes(training("minimize cross_entropy(scores, label) weighted by image using SGD"))
    assert mistake.code == "NN507"


def test_elementwise_operands_are_of_one_type() -> None:
    train = only(training("minimize cross_entropy(scores, label) + l1(M) using Adam", "metric accuracy(scores, label)"))
    for node in reachable(train.training.roots()):
        if node.op.elementwise and len(node.inputs) > 1:
            assert len({(i.type.shape, i.type.kind) for i in node.inputs}) == 1, node


def test_probabilities_are_not_scores() -> None:
    for last in ("Dense(10, activation=softmax)", "Dense(10)\n  softmax"):
        (mistake,) = mistakes(training(LOSS, network=f"Flatten\n  {last}"))
        assert (mistake.code, len(mistake.labels)) == ("NN503", 2)


def test_labels_are_class_ids() -> None:
    before_class = training(LOSS).replace('class(column("label"))', 'column("label")').replace(", stratify=label", "")
    (mistake,) = mistakes(before_class)
    assert mistake.code == "NN211"


def test_callbacks_have_all_their_arguments() -> None:
    train = only(
        training(LOSS, "metric accuracy(scores, label)", "EarlyStopping(monitor=accuracy, mode=max, patience=2)")
    )
    (callback,) = train.callbacks
    assert dict(callback.arguments) == {
        "monitor": "accuracy",
        "min_delta": 0.0,
        "patience": 2,
        "mode": "max",
        "start_from_epoch": 0,
    }


def test_fields_that_training_needs_are_listed() -> None:
    program = checked(training(LOSS))
    assert program.trains[0].fields == ("image", "label")
    assert [(field.name, field.node.type.dtype) for field in program.data[0].fields] == [
        ("image", DType.FLOAT),
        ("label", DType.INT),
    ]


def test_what_is_reported_is_the_same_whether_values_are_named_or_written_out() -> None:
    named = training(LOSS, "metric accuracy(scores, label)", "metric height = mean(scores)")
    apart = training(
        LOSS.replace("scores", "M(image)"), "metric accuracy(M(image), label)", "metric height = mean(M(image))"
    )
    for train in (only(named), only(apart)):
        assert len(train.training.totals) == len(train.evaluation.totals)
        orders = [
            [[n["index"] for n in reachable([r.value]) if n.op is ops.total] for r in graph.reported]
            for graph in (train.training, train.evaluation)
        ]
        assert orders[0] == orders[1]


def test_reports_that_differ_between_training_and_evaluation_are_refused() -> None:
    (mistake,) = mistakes(training(LOSS, "if training { metric height = mean(scores) }"))
    assert mistake.code == "NN508"


def test_the_checker_and_standalone_files_agree_on_what_is_better() -> None:
    # Standalone files carry the table themselves, and the checker's room may not look into the runtime's.
    assert (settings.RISING, settings.FALLING) == (callbacks.RISING, callbacks.FALLING)
