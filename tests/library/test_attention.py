"""MultiHeadAttention and PositionEmbedding against PyTorch: outputs, and gradients by inputs and weights."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tests.library.test_layers import PRECISIONS, check, normal  # noqa: E402

D, HEADS, SIZE, TIMES = 6, 2, 3, 5


NOTHING = torch.zeros(HEADS, SIZE)


def made_weights(*, bias):
    weights = {f"{name}_kernel": normal(D, HEADS, SIZE, seed=7 + i) for i, name in enumerate(("query", "key", "value"))}
    weights["output_kernel"] = normal(HEADS, SIZE, D, seed=10)
    if not bias:
        return weights
    weights |= {f"{name}_bias": normal(HEADS, SIZE, seed=11 + i) for i, name in enumerate(("query", "key", "value"))}
    weights["output_bias"] = normal(D, seed=14)
    return weights


def attention(x, w, *, causal):
    """PyTorch's own attention between the projections."""
    q, k, v = (
        torch.einsum("ntd,dhk->nhtk", x, w[f"{name}_kernel"]) + w.get(f"{name}_bias", NOTHING)[:, None]
        for name in ("query", "key", "value")
    )
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return torch.einsum("nhtk,hkd->ntd", heads, w["output_kernel"]) + w.get("output_bias", 0)


@PRECISIONS
@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_is_pytorchs(causal, precision, probe, close):
    values, direction = normal(4, TIMES, D), normal(4, TIMES, D, seed=6)
    # What a bias of the keys adds is the same for all of them: its gradient is 0, and in float32 nothing but rounding.
    bias = precision == "float64"
    words = ", ".join(f"{name}={str(value).lower()}" for name, value in (("causal", causal), ("use_bias", bias)))
    made = probe(f"MultiHeadAttention({HEADS}, {SIZE}, {words})", values, direction, precision=precision)
    weights = made_weights(bias=bias)
    check(made, lambda x, w: attention(x, w, causal=causal), values, direction, weights, precision, close)


@PRECISIONS
def test_position_embedding_adds_a_vector_for_each_time(precision, probe, close):
    values, direction = normal(4, TIMES, D), normal(4, TIMES, D, seed=6)
    made = probe("PositionEmbedding()", values, direction, precision=precision)
    weights = {"embeddings": normal(TIMES, D, seed=7)}
    check(made, lambda x, w: x + w["embeddings"], values, direction, weights, precision, close)
