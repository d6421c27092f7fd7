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


def cross_attention(x, other, w, seen):
    """As above, of `x` to `other`; seen: bool [n, keys]."""
    q = torch.einsum("ntd,dhk->nhtk", x, w["inner/query_kernel"]) + w["inner/query_bias"][:, None]
    k, v = (
        torch.einsum("nte,ehk->nhtk", other, w[f"inner/{name}_kernel"]) + w[f"inner/{name}_bias"][:, None]
        for name in ("key", "value")
    )
    heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None])
    return torch.einsum("nhtk,hkd->ntd", heads, w["inner/output_kernel"]) + w["inner/output_bias"]


@pytest.mark.parametrize("level", [0, 1])
def test_attention_to_another_sequence_of_odd_sizes_with_a_mask_is_pytorchs(level, probe, close):
    # Of 7 times by 5 numbers the first 4 times ask, and all 7 answer with their first 3 numbers, but for padding.
    definitions = """layer Asks {
  input x: [time, d]
  inner = MultiHeadAttention(3, 2, value_dim=4)
  output inner(x[0:4], value=x[:, 0:3], mask=x[:, 4] > -0.5)
}"""
    values, direction = normal(4, 7, 5), normal(4, 4, 5, seed=6)
    seen = torch.tensor(values[..., 4] > -0.5)
    assert seen.any(1).all()
    assert not seen.all()
    shapes = {"query": (5, 3, 2), "key": (3, 3, 2), "value": (3, 3, 4), "output": (3, 4, 5)}
    weights = {f"inner/{name}_kernel": normal(*shape, seed=7) for name, shape in shapes.items()}
    weights |= {f"inner/{name}_bias": normal(*shape[1:], seed=8) for name, shape in shapes.items() if name != "output"}
    weights["inner/output_bias"] = normal(5, seed=9)
    made = probe("Asks", values, direction, definitions=definitions, level=level)

    def wanted(x, w):
        return cross_attention(x[:, :4], x[..., :3], w, seen)

    check(made, wanted, values, direction, weights, "float64", close)


@PRECISIONS
def test_position_embedding_adds_a_vector_for_each_time(precision, probe, close):
    values, direction = normal(4, TIMES, D), normal(4, TIMES, D, seed=6)
    made = probe("PositionEmbedding()", values, direction, precision=precision)
    weights = {"embeddings": normal(TIMES, D, seed=7)}
    check(made, lambda x, w: x + w["embeddings"], values, direction, weights, precision, close)
