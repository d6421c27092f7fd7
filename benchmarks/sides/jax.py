"""JAX: the whole step as one compiled function whose state is given away to it."""

from __future__ import annotations

from benchmarks.networks.in_jax import InJax
from benchmarks.networks.in_keras import InKeras
from benchmarks.networks.network import Columns, Network, Weights
from benchmarks.sides.side import Side


def jitted(network: Network, weights: Weights, columns: Columns) -> Side:
    """JAX with `jit`."""
    assert network.jax is not None
    return side_of("JAX", network.jax(weights), network, columns)


def side_of(name: str, made: InJax | InKeras, network: Network, columns: Columns) -> Side:
    """The side of a network that is a pure function.

    Calls return before all is computed; steps are waited for at the end of each turn, answers at once.
    """
    import jax
    import jax.numpy as jnp

    batch = {key: jnp.asarray(values) for key, values in columns.items()}
    samples = batch[network.asked]
    one = jnp.asarray(columns[network.asked][:1])
    state = jax.tree.map(jnp.array, made.start)
    run, answer = jax.jit(made.step, donate_argnums=0), jax.jit(made.infer)

    def step() -> tuple[jax.Array, ...]:
        nonlocal state
        state, losses = run(state, batch)
        return losses

    return Side(
        name,
        step,
        lambda: tuple(float(each) for each in step()),
        lambda: answer(made.weights(state), samples).block_until_ready(),
        lambda: answer(made.weights(state), one).block_until_ready(),
        lambda: jax.block_until_ready(state),
    )
