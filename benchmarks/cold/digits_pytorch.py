"""One epoch of `examples/digits.nn` in PyTorch: `python digits_pytorch.py DATA.npz WEIGHTS`."""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn

with np.load(sys.argv[1]) as data:
    image = torch.from_numpy(data["image"].astype(np.float32) / 16)
    label = torch.from_numpy(data["label"])
order = torch.randperm(len(image), generator=torch.Generator().manual_seed(0))
train, validation, test = torch.tensor_split(order, [int(0.8 * len(order)), int(0.9 * len(order))])

model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()


@torch.inference_mode()
def evaluated(rows: torch.Tensor) -> tuple[float, float]:
    """(loss, accuracy) over these rows."""
    model.eval()
    scores = model(image[rows])
    return criterion(scores, label[rows]).item(), (scores.argmax(1) == label[rows]).float().mean().item()


model.train()
for rows in train[torch.randperm(len(train))].split(32):
    optimizer.zero_grad()
    criterion(model(image[rows]), label[rows]).backward()
    optimizer.step()
print(evaluated(train), evaluated(validation), evaluated(test))
torch.save(model.state_dict(), f"{sys.argv[2]}.pt")
