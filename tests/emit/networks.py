"""Small networks, one for each layer, function, loss, metric and optimizer, for what every planned step has to keep."""

from __future__ import annotations

IMAGE, SERIES, ROW, WORDS = (6, 6, 3), (6, 5), (5,), (6,)


def literal(shape: tuple[int, ...], number: str = "0.5") -> str:
    """A list of lists of one number."""
    return f"[{', '.join([literal(shape[1:], number)] * shape[0])}]" if shape else number


def network(
    *steps: str,
    of: tuple[int, ...] = ROW,
    loss: str = "mean(y ^ 2)",
    using: str = "SGD(learning_rate=0.1)",
    settings: str = "",
    metric: str = "",
    definitions: str = "",
) -> str:
    """A program whose model has these steps, on samples of a shape. `target` is [3], `label` a class of 3."""
    lines = "\n  ".join(steps)
    return f"""data given {{
  x = {literal((2, *of), "1" if of is WORDS else "0.5")}
  target = [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]
  label = [0, 2]
}}
{definitions}
model Net {{
  input x
  {lines}
}}

train Net on given {{
  {settings}
  y = Net(x)
  minimize {loss} using {using}
  {f"metric m = {metric}" if metric else ""}
  predict y
}}
"""


def function(text: str) -> str:
    """A network that computes `text` from `x: [5]`, between two dense layers."""
    return network(
        "Dense(5)",
        "Computed",
        "Flatten",
        "Dense(3)",
        definitions=f"layer Computed {{\n  input x: [d]\n  output {text}\n}}",
    )


DENSE = (
    *("relu", "tanh", "sigmoid", "gelu", "gelu(approximate=true)", "elu", "selu", "leaky_relu", "mish", "softplus"),
    *("softmax", "log_softmax", "softsign", "silu", "hard_sigmoid", "hard_silu", "relu6", "linear"),
)
ROWS = (
    *("Dropout(0.2)", "GaussianDropout(0.2)", "GaussianNoise(0.1)", "BatchNormalization()", "LayerNormalization()"),
    *("Rescaling(1 / 255)", "Activation(relu)", "Dense(4)"),
)
IMAGES = (
    *("Conv2D(4, 3, padding=same, activation=relu)", "Conv2D(4, 3, strides=2)", "Conv2D(4, 3, dilation_rate=2)"),
    *("Conv2D(3, 3, groups=3)", "Conv2D(4, 1)", "Conv2DTranspose(4, 3, strides=2, padding=same)"),
    *("DepthwiseConv2D(3, padding=same)", "SeparableConv2D(4, 3, padding=same)", "BatchNormalization()"),
    *("MaxPooling2D(2)", "MaxPooling2D(3, strides=2, padding=same)", "AveragePooling2D(2)"),
    *("AveragePooling2D(3, strides=1, padding=same)", "GlobalAveragePooling2D", "GlobalMaxPooling2D"),
    *("UpSampling2D(2)", "UpSampling2D(2, interpolation=bilinear)", "ZeroPadding2D(1)", "Cropping2D(1)"),
    *("LayerNormalization()", "Dropout(0.2)", "Reshape([12, 9])", "RandomBrightness(0.2, [0, 1])"),
    *("RandomContrast(0.2, [0, 1])", "RandomCrop(4, 4)", "RandomFlip", "RandomRotation(0.05)"),
    *("RandomRotation(0.05, interpolation=nearest)", "RandomTranslation(0.1, 0.1)", "RandomZoom(0.2)"),
)
SEQUENCES = (
    *("Conv1D(4, 3, padding=causal, activation=relu)", "Conv1DTranspose(4, 3, strides=2, padding=same)"),
    *("DepthwiseConv1D(3, padding=same)", "SeparableConv1D(4, 3, padding=same)", "MaxPooling1D(2)"),
    *("AveragePooling1D(2)", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "UpSampling1D(2)", "ZeroPadding1D(2)"),
    *("Cropping1D(1)", "PositionEmbedding", "BatchNormalization()", "SimpleRNN(4)", "LSTM(4)", "GRU(4)"),
    *("LSTM(4, return_sequences=true)", "GRU(4, return_sequences=true)", "Bidirectional(LSTM(4))"),
    *("Bidirectional(GRU(4, return_sequences=true), merge_mode=sum)", "MultiHeadAttention(2, 3, causal=true)"),
)
LOSSES = (
    *("mse(y, target)", "mae(y, target)", "huber(y, target)", "hinge(y, target)", "binary_cross_entropy(y, target)"),
    *("binary_cross_entropy(y, target, label_smoothing=0.1)", "kl_divergence(y, target)", "cross_entropy(y, label)"),
    *("cross_entropy(y, label, label_smoothing=0.1)", "cross_entropy(y, label) + l1(Net)"),
    *("cross_entropy(y, label) + l1_l2(Net)", "cross_entropy(y, label) + l2(Net)"),
)
METRICS = (
    *("accuracy(y, label)", "top_k_accuracy(y, label, k=2)", "binary_accuracy(y, target)", "r2(y, target)"),
    *("f1(y > 0, target > 0.5)", "precision(y > 0, target > 0.5)", "recall(y > 0, target > 0.5)", "rmse(y, target)"),
)
OPTIMIZERS = (
    *("SGD(learning_rate=0.1, momentum=0.9, nesterov=true, weight_decay=0.01)", "Adam", "AdamW", "Nadam", "Adagrad"),
    *("RMSprop(centered=true, momentum=0.9)", "Adam clip_value=0.5", "Adam clip_norm=0.5", "Adam clip_global_norm=0.5"),
    "SGD(cosine_decay(peak=0.1, steps=500, warm_up=20))",
    "SGD(cosine_decay_restarts(initial_learning_rate=0.1, first_decay_steps=100))",
    "SGD(exponential_decay(initial_learning_rate=0.1, decay_steps=100, decay_rate=0.9))",
    "SGD(inverse_time_decay(initial_learning_rate=0.1, decay_steps=100, decay_rate=0.5))",
    "SGD(piecewise_constant_decay(boundaries=[10, 20], values=[0.1, 0.01, 0.001]))",
    "SGD(polynomial_decay(initial_learning_rate=0.1, decay_steps=100))",
)
FUNCTIONS = (
    *(
        "erf(x)",
        "tan(x)",
        "sin(x) * cos(x)",
        "abs(x) ^ 1.7",
        "x ^ 2 + x ^ 3",
        "x % 2",
        "norm(x) * x",
        "1 / (1 + x * x)",
    ),
    *("float(argmin(x)) * x", "max(x) + min(x)", "x - batch_mean(x)", "x * batch_sum(x)", "clip(x, -1, 1)", "mean(x)"),
    *("concatenate([x[:2], x[1:]])", "stack([x, 2 * x])", "pad(x, [[1, 2]])", "reverse(x)", "x[1:4]", "x + floor(x)"),
    *(
        "one_hot(int(abs(x) % 3), 4) * norm(x)",
        'einsum("i,j->ij", x, x)',
        "sign(x) * x",
        "sqrt(abs(x))",
        "x + round(x)",
    ),
    *("gather([[1, 2], [3, 4], [5, 6]], int(abs(x) % 3)) * norm(x)", "x[0] * pick(x, int(abs(x[1]) % 3))"),
    *("windows(x, 3)", "fold_windows(windows(x, 3), 5)", "window_sum(x, 2)", "window_mean(x, 2, padding=1)"),
    *(
        "window_max(x, 2)",
        "x * uniform([5])",
        "x * normal([5])",
        "where(bernoulli([5], 0.3), x, 2 * x)",
        "x + x // 2",
        "x + round(x)",
    ),
    *("where(x > 0 and x < 1 or not x > 2, x, -x)", "expm1(x) + log1p(abs(x))", "float(int(3 * x) // 2) + x"),
)

RUNNING = """layer Running {
  input x: [time, d]
  scan x_t in x with h = zeros([d]) { h = tanh(x_t + h) }
  output last(h)
}"""

NETWORKS = {
    **{f"Dense, {each}": network(f"Dense(4, activation={each})", "Dense(3)") for each in DENSE},
    **{f"{each} of rows": network("Dense(6)", each, "Dense(3)") for each in ROWS},
    **{f"{each} of images": network("Conv2D(3, 1)", each, "Flatten", "Dense(3)", of=IMAGE) for each in IMAGES},
    **{f"{each} of series": network("Dense(4)", each, "Flatten", "Dense(3)", of=SERIES) for each in SEQUENCES},
    "Embedding": network("Embedding(2000, 4)", "LSTM(4)", "Dense(3)", of=WORDS),
    "scan": network("Dense(5)", "Running", "Dense(3)", of=SERIES, definitions=RUNNING),
    **{each: network("Dense(400)", "Dense(3)", loss=each) for each in LOSSES},
    **{each: network("Dense(3)", loss="cross_entropy(y, label)", metric=each) for each in METRICS},
    **{each: network("Dense(400)", "Dense(3)", using=each) for each in OPTIMIZERS},
    **{each: function(each) for each in FUNCTIONS},
    "accumulation": network("Dense(400)", using="Adam clip_norm=1", settings="gradient_accumulation_steps = 2"),
    "average": network("Dense(400)", using="Adam", settings="use_ema = true"),
}
"""By what they are there for."""
