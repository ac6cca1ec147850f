"""How a network is trained: options, loss and optimizer."""

import dataclasses
import functools
import math
from typing import Literal

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.training.optimizers import FusedAdam
from fdin_tf.training.optimizers import FusedRMSprop

OPTIMIZERS = {
    "adam": FusedAdam,
    # Its epsilon stands under the square root: the one of Adam, squared.
    # With Keras' own, gradients below 3e-4 would hardly count.
    "rmsprop": functools.partial(FusedRMSprop, epsilon=1e-14),
}
LOSSES = {"squared": "mse", "absolute": "mae"}


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """How a network is trained.

    Attributes:
        epochs: Number of epochs at most.
        batch_size: Clips per batch.
        learning_rate: Learning rate in the first epoch; from epoch to epoch
            it falls towards zero along half a cosine.
        patience: Epochs without a better validation before training stops.
        precision: `auto` (by the hardware), `float32`, `mixed_bfloat16` or
            `mixed_float16`.
        optimizer: `adam`, or `rmsprop` (Pei et al., section IV-C).
        loss: Of targets that are numbers: `squared` (Kim and Ro) or
            `absolute` (Pei et al., equation 8) error.
        clip_value: Every gradient is cut to plus or minus this; None: not.

    Raises:
        ValueError: If a number is out of its range.
    """

    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 1e-3
    patience: int = 10
    precision: str = "auto"
    optimizer: Literal["adam", "rmsprop"] = "adam"
    loss: Literal["squared", "absolute"] = "squared"
    clip_value: float | None = None

    def __post_init__(self):
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"Expected `{name}` of the training to be at least 1. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(
                "Expected a positive learning rate. Received: learning_rate="
                f"{self.learning_rate}"
            )
        for name, choices in (("optimizer", OPTIMIZERS), ("loss", LOSSES)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"Expected `{name}` of the training to be one of "
                    f"{', '.join(choices)}. Received: "
                    f"{name}={getattr(self, name)!r}"
                )
        if self.clip_value is not None and not self.clip_value > 0:
            raise ValueError(
                "Expected `clip_value` of the training to be positive or None. "
                f"Received: clip_value={self.clip_value}"
            )


def compile_model(model, target, config=FitConfig()):
    """Gives a model the loss of its target, and a fresh optimizer.

    Args:
        model: A model with the output `target`.
        target: `age` or `planted` (the error of `config.loss`), or a class
            target (cross-entropy).
        config: `FitConfig`.

    Raises:
        ValueError: If the model does not estimate the target.
    """
    if target not in model.output_names:
        raise ValueError(
            f"Expected a model that estimates {target!r}. Received: outputs="
            f"{model.output_names}"
        )
    is_class = target in TARGET_CLASSES
    loss = LOSSES[config.loss]
    if is_class:
        loss = "sparse_categorical_crossentropy"
    optimizer = OPTIMIZERS[config.optimizer](clipvalue=config.clip_value)
    model.compile(
        optimizer,
        loss={target: loss},
        metrics={target: ["accuracy"] if is_class else ["mae"]},
    )
    model.optimizer.build(model.trainable_variables)
