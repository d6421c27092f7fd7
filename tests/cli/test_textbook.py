"""`nndsl build -O0`: what a reader finds in it."""

from __future__ import annotations

import pytest

CONVOLVED = """model Net {
  input x: [8, 8, 1]
  Conv2D(4, 3, activation=relu)
  MaxPooling2D(2)
  Flatten
  Dense(1)
}
train Net {
  steps = 1
  x = normal([8, 8, 1])
  minimize mse(Net(x), mean(x)) using SGD(learning_rate=0.1)
}
"""
RECURRENT = CONVOLVED.replace("[8, 8, 1]", "[6, 2]").replace(
    "Conv2D(4, 3, activation=relu)\n  MaxPooling2D(2)\n  Flatten", "SimpleRNN(4)"
)


@pytest.fixture
def step_of(nndsl, tmp_path):
    """`step_of(text)`: the lines of its step of training in textbook form."""

    def lines(text: str) -> str:
        (tmp_path / "net.nn").write_text(text, encoding="utf-8")
        done = nndsl("build", "net.nn", "-O0", "-o", "-")
        assert done.exit_code == 0, done.output
        return done.stdout.partition("def net_training")[2].partition("def net_")[0]

    return lines


def test_steps_stand_in_the_order_of_the_file(step_of):
    step = step_of(CONVOLVED)
    assert "max_pooling2d = window_max(conv2d, " in step
    assert step.index("+ conv2d_bias") < step.index("conv2d = np.where(") < step.index("window_max(")


def test_a_loop_is_gone_through_once_each_way(step_of):
    step = step_of(RECURRENT)
    assert step.count("np.tanh(") == 1
    assert [line.strip() for line in step.splitlines() if " for t in " in line] == [
        "for t in range(6):",
        "for t in reversed(range(6)):",
    ]
