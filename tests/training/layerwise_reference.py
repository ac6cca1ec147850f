"""Numbers of TensorFlow Addons that per-layer learning rates must match.

Runs where TensorFlow Addons does, Python 3.11 with `tensorflow==2.15.1` and
`tensorflow-addons==0.23.0` (`make parity` makes that environment):

    python tests/training/layerwise_reference.py OUTPUT.npz

OUTPUT.npz is `layerwise_reference.npz` beside this file, or any other.
Trains one small network for 50 steps with every optimizer of `CASES`, always
from the same weights on the same batches, and writes to the file

    images, labels                what it is trained on, made from SEED
    initial/LAYER/kernel, bias    the weights at first
    CASE/LAYER/kernel, bias       the weights after the last step
    CASE/losses                   the loss before every step

all float32, labels int64. The settings below are read by the test, too; after
a change of them, the file is written anew.
"""

import sys

import numpy as np

SEED = 2016
STEPS = 50
BATCH_SIZE = 8
IMAGE_SHAPE = (10, 10, 2)
CLASSES = 3
MOMENTUM = 0.9
EPSILON = 1e-7
# The learning rate falls from the first to the last within the run.
RATE, LAST_RATE, DECAY_STEPS, POWER = 0.02, 0.001, 40, 0.5
MULTIPLIERS = {"conv1": 0.1, "conv2": 0.1, "fc7": 0.5, "last": 1.0}
FROZEN = {"conv1": 0.0, "conv2": 0.0, "fc7": 0.5, "last": 1.0}
# Name: optimizer, factor of RATE, decoupled weight decay, multipliers.
CASES = {
    "sgd": ("SGD", 1.0, None, MULTIPLIERS),
    "sgdw": ("SGDW", 1.0, 0.2, MULTIPLIERS),
    "adamw": ("AdamW", 0.1, 0.2, MULTIPLIERS),
    "frozen": ("SGDW", 1.0, 0.2, FROZEN),
}


def make_data():
    """Images, labels and first weights by name, the same everywhere."""
    rng = np.random.default_rng(SEED)
    labels = rng.integers(CLASSES, size=32)
    patterns = rng.normal(size=(CLASSES, *IMAGE_SHAPE))
    images = patterns[labels] / 2 + rng.normal(size=(len(labels), *IMAGE_SHAPE))
    shapes = {
        "conv1": (3, 3, 2, 4),
        "conv2": (3, 3, 4, 6),
        "fc7": (6 * 6 * 6, 12),
        "last": (12, CLASSES),
    }
    data = {"images": images.astype("float32"), "labels": labels}
    for layer, shape in shapes.items():
        kernel = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        bias = rng.normal(scale=0.1, size=shape[-1])
        data[f"initial/{layer}/kernel"] = kernel.astype("float32")
        data[f"initial/{layer}/bias"] = bias.astype("float32")
    return data


def build_network(keras):
    """The network, with whichever Keras; smooth, so that it forgives.

    With kinks, a difference in the last digit could send a unit to the other
    side of one, and the optimizers would be compared on different networks.
    """
    layers = keras.layers
    images = keras.Input(IMAGE_SHAPE)
    maps = layers.Conv2D(4, 3, activation="tanh", name="conv1")(images)
    maps = layers.Conv2D(6, 3, activation="tanh", name="conv2")(maps)
    features = layers.Flatten()(maps)
    features = layers.Dense(12, activation="tanh", name="fc7")(features)
    return keras.Model(images, layers.Dense(CLASSES, name="last")(features))


def batch_rows(step):
    """Rows of the batch of a step: one after the other, round and round."""
    return (np.arange(BATCH_SIZE) + step * BATCH_SIZE) % 32


def set_initial_weights(model, data):
    """Gives the network its first weights."""
    for layer in MULTIPLIERS:
        names = ("kernel", "bias")
        model.get_layer(layer).set_weights(
            [data[f"initial/{layer}/{name}"] for name in names]
        )


def train_with_addons(case, data):
    """Losses and last weights of a case, by TensorFlow Addons."""
    import tensorflow as tf
    import tensorflow_addons as tfa

    kind, factor, weight_decay, multipliers = CASES[case]
    model = build_network(tf.keras)
    set_initial_weights(model, data)

    def schedule(scale):
        return tf.keras.optimizers.schedules.PolynomialDecay(
            scale * RATE, DECAY_STEPS, scale * LAST_RATE, POWER
        )

    def optimizer(multiplier):
        rate = schedule(factor * multiplier)
        if kind == "SGD":
            legacy = tf.keras.optimizers.legacy
            return legacy.SGD(rate, momentum=MOMENTUM)
        # Addons take the decay as it is, not times the learning rate.
        decay = schedule(factor * multiplier * weight_decay)
        if kind == "SGDW":
            return tfa.optimizers.SGDW(decay, rate, momentum=MOMENTUM)
        return tfa.optimizers.AdamW(decay, rate, epsilon=EPSILON)

    multi = tfa.optimizers.MultiOptimizer(
        [
            (optimizer(multiplier), model.get_layer(layer))
            for layer, multiplier in multipliers.items()
        ]
    )
    cross_entropy = tf.keras.losses.SparseCategoricalCrossentropy(
        from_logits=True
    )
    losses = []
    for step in range(STEPS):
        rows = batch_rows(step)
        with tf.GradientTape() as tape:
            scores = model(data["images"][rows], training=True)
            loss = cross_entropy(data["labels"][rows], scores)
        gradients = tape.gradient(loss, model.trainable_variables)
        multi.apply_gradients(zip(gradients, model.trainable_variables))
        losses.append(loss.numpy())
    result = {f"{case}/losses": np.array(losses, "float32")}
    for layer in MULTIPLIERS:
        kernel, bias = model.get_layer(layer).get_weights()
        result |= {f"{case}/{layer}/kernel": kernel}
        result |= {f"{case}/{layer}/bias": bias}
    return result


def main(path):
    """Trains on the processor, and writes the file."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    data = make_data()
    results = dict(data)
    for case in CASES:
        results |= train_with_addons(case, data)
    np.savez_compressed(path, **results)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"Expected the file to write. Received: {sys.argv[1:]}")
    main(sys.argv[1])
