"""One epoch of `examples/digits.nn` in Keras 3: `python digits_keras.py DATA.npz WEIGHTS`."""

from __future__ import annotations

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers

with np.load(sys.argv[1]) as data:
    image, label = data["image"].astype(np.float32) / 16, data["label"]
order = np.random.default_rng(0).permutation(len(image))
train, validation, test = np.split(order, [int(0.8 * len(order)), int(0.9 * len(order))])

model = keras.Sequential(
    [
        keras.Input((8, 8)),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(image[train], label[train], batch_size=32, epochs=1, validation_data=(image[validation], label[validation]))
print(model.evaluate(image[test], label[test]))
model.save_weights(f"{sys.argv[2]}.weights.h5")
