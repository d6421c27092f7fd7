"""ResNet-18, over images of three channels.

He, Zhang, Ren & Sun 2016, "Deep residual learning for image recognition".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.networks import in_pytorch
from benchmarks.networks.network import Network, Weights, classified, numbered, program

if TYPE_CHECKING:
    import torch

SMOOTH = 1e-3
"""Batch normalisation's epsilon, as nndsl has it."""

# Where a convolution moves by two, PyTorch's padding is the same on both sides: it is written out.
RESIDUAL = """
layer Residual(filters: int, strides: int) {
  input x: [height, width, channels]
  y = x -> ZeroPadding2D(1) -> Conv2D(filters, 3, strides=strides, use_bias=false) -> BatchNormalization
  y = relu(y) -> Conv2D(filters, 3, padding=same, use_bias=false) -> BatchNormalization
  if strides != 1 or channels != filters {
    x = x -> Conv2D(filters, 1, strides=strides, use_bias=false) -> BatchNormalization
  }
  output relu(x + y)
}
"""


def resnet(batch: int, size: int = 224, classes: int = 1000, widths: Sequence[int] = (64, 128, 256, 512)) -> Network:
    """The network over images of `size` by `size`: two residual blocks of each width."""
    blocks = [(width, 2 if stage and not second else 1) for stage, width in enumerate(widths) for second in (0, 1)]
    model = (
        f"ZeroPadding2D(3) -> Conv2D({widths[0]}, 7, strides=2, use_bias=false)",
        "BatchNormalization -> Activation(relu) -> ZeroPadding2D(1) -> MaxPooling2D(3, strides=2)",
        *(f"Residual({width}, {strides})" for width, strides in blocks),
        "GlobalAveragePooling2D",
        f"Dense({classes})",
    )

    def pytorch(weights: Weights) -> in_pytorch.InPytorch:
        import torch

        made = [
            _block(weights, numbered("Net/residual", number), strides) for number, (_, strides) in enumerate(blocks)
        ]
        features = torch.nn.Sequential(
            _convolution(weights, "Net/conv2d", 2, 3),
            _normalization(weights, "Net/batch_normalization"),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(3, 2, 1),
            *made,
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            in_pytorch.linear(weights, "Net/dense"),
        )
        return in_pytorch.supervised(_over_images(features), torch.nn.functional.cross_entropy)

    return Network(
        "ResNet-18",
        f"{size}x{size}, {widths[0]} to {widths[-1]} channels",
        batch,
        program(
            model,
            ('column("x")', 'int(column("target"))'),
            "cross_entropy(y, target)",
            batch,
            layers=RESIDUAL,
        ),
        classified((size, size, 3), classes),
        "x",
        pytorch,
    )


# ------------------------------------------------------------------------------------------------ in PyTorch


def _over_images(features: torch.nn.Module) -> torch.nn.Module:
    import torch

    class Images(torch.nn.Module):
        """A network of PyTorch over images whose channels come last, as they lie in the batch: the fastest on a GPU."""

        def __init__(self) -> None:
            super().__init__()
            self.features = features.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.features(x.permute(0, 3, 1, 2))

    return Images()


def _block(weights: Weights, place: str, strides: int) -> torch.nn.Module:
    import torch

    way = torch.nn.Sequential(
        _convolution(weights, f"{place}/conv2d", strides, 1),
        _normalization(weights, f"{place}/batch_normalization"),
        torch.nn.ReLU(),
        _convolution(weights, f"{place}/conv2d_1", 1, 1),
        _normalization(weights, f"{place}/batch_normalization_1"),
    )
    short = torch.nn.Sequential()
    if f"{place}/conv2d_2/kernel" in weights:
        short.append(_convolution(weights, f"{place}/conv2d_2", strides, 0))
        short.append(_normalization(weights, f"{place}/batch_normalization_2"))

    class Residual(torch.nn.Module):
        """Two convolutions beside what they read."""

        def __init__(self) -> None:
            super().__init__()
            self.way = way
            self.short = short

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.way(x) + self.short(x))

    return Residual()


def _convolution(weights: Weights, name: str, strides: int, padding: int) -> torch.nn.Conv2d:
    import torch

    kernel = weights[f"{name}/kernel"]
    size = (kernel.shape[0], kernel.shape[1])
    layer = torch.nn.Conv2d(kernel.shape[2], kernel.shape[3], size, strides, padding, bias=False)
    in_pytorch.put(layer.weight, kernel.transpose(3, 2, 0, 1))
    return layer


def _normalization(weights: Weights, name: str) -> torch.nn.BatchNorm2d:
    import torch

    layer = torch.nn.BatchNorm2d(len(weights[f"{name}/gamma"]), eps=SMOOTH)
    in_pytorch.put(layer.weight, weights[f"{name}/gamma"])
    in_pytorch.put(layer.bias, weights[f"{name}/beta"])
    return layer
