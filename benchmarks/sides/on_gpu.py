"""The sides of the comparison on a GPU: nndsl there, and PyTorch eager and compiled, all in one precision."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.networks.network import Columns, Network, Weights
from benchmarks.sides.ours import ours
from benchmarks.sides.side import Side

if TYPE_CHECKING:
    import torch

PRECISIONS = ("float32", "tf32", "bfloat16")
"""As `nndsl run --precision` has them: weights and sums are of float32 in all."""

WAYS: dict[str, dict[str, Any] | None] = {
    "PyTorch": None,
    "torch.compile": {"dynamic": False},
    "torch.compile, CUDA graphs": {"dynamic": False, "mode": "reduce-overhead"},
}
"""The peers: what `torch.compile` is given, None for eager."""


def sides(network: Network, precision: str, folder: Path) -> list[Side]:
    """All sides on a network, ours first, from the same weights."""
    first, weights, columns = ours(network, folder, f"--device gpu --precision {precision}")
    return [first, *(in_pytorch(name, network, weights, columns, precision) for name in WAYS)]


def in_pytorch(
    name: str, network: Network, weights: Weights, columns: Columns, precision: str, device: str = "cuda"
) -> Side:
    """PyTorch in one of WAYS. The precision is the process's: sides of one precision only are run beside each other."""
    import torch

    use_precision(precision)
    made = network.pytorch(weights)
    made.model.to(device)
    batch = {key: torch.from_numpy(values).to(device) for key, values in columns.items()}
    samples = batch[network.asked]
    one = samples[:1].clone()

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        options = WAYS[name]
        return lowered(function) if options is None else torch.compile(lowered(function), **options)

    def lowered(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            with _lower(precision, device):
                return function(*given)

        return call

    step, many, single = made.step(batch, compiled), compiled(made.model.forward), compiled(made.model.forward)

    @torch.inference_mode()
    def infer() -> torch.Tensor:
        return many(samples)

    @torch.inference_mode()
    def infer_one() -> torch.Tensor:
        return single(one)

    settled = torch.cuda.synchronize if device == "cuda" else _settled
    return Side(name, step, lambda: tuple(float(each.item()) for each in step()), infer, infer_one, settled)


def _settled() -> None:
    """Nothing to wait for."""


def use_precision(precision: str) -> None:
    """What PyTorch's products and convolutions are done in; left alone, only its convolutions are of TF32."""
    import torch

    lower = precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = lower
    torch.backends.cudnn.allow_tf32 = lower


def _lower(precision: str, device: str) -> AbstractContextManager[object]:
    import torch

    return torch.autocast(device, torch.bfloat16) if precision == "bfloat16" else nullcontext()
