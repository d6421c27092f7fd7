"""Epochs of training beside their steps alone."""

from __future__ import annotations

import pytest

from benchmarks import trainer
from benchmarks.networks import NETWORKS


@pytest.mark.parametrize("measure", [trainer._fitted, trainer._run_with_lines, trainer._run_with_bar])
def test_every_epoch_has_steps_alone_beside_it(measure, tmp_path, monkeypatch):
    monkeypatch.setitem(trainer.BATCHES, "small MLP", 3)
    (network,) = (network for network in NETWORKS if network.key == "small MLP")
    found = measure(network, tmp_path, 4)
    assert len(found.trained) == len(found.alone) == 5
    assert min(found.trained + found.alone) > 0


def test_what_training_adds_is_a_part_of_the_steps_time():
    epochs = trainer._Epochs(lambda: None, trained=[9.0, 1.1, 2.4, 3.3], alone=[1.0, 1.0, 2.0, 3.0])
    assert epochs.added().middle == pytest.approx(0.1)
    assert trainer._percent(epochs.added()) == "10.0% (10.0 to 20.0)"
