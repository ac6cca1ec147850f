"""General-to-specific fine-tuning: one description of its four steps.

Zhang, Tan, Li and Qiao, "Gender and Smile Classification using Deep
Convolutional Neural Networks", CVPR workshops 2016, section 3.1:

    step 1   persons                     VGG-Face
    step 2   forty attributes            on a large set (CelebA)
    step 3   gender, or smile            on the large set
    step 4   gender, or smile            on a small, hard set (FotW)

Each step begins with the network of the one before; one with another task
gets a new last layer. Table 2 leaves steps out.
"""

import dataclasses
import math

import keras

from fdin_tf.data.augmentation import Alteration

#: What the steps learn from, and what: by the number of the step.
STEPS = {
    1: ("large", "identity"),
    2: ("large", "attributes"),
    3: ("large", "target"),
    4: ("small", "target"),
}

#: Rows of Table 2: which steps are taken.
TABLE_2_ROWS = {
    "without step 1, 2 and 3": (4,),
    "without step 2, 3": (1, 4),
    "without step 2": (1, 3, 4),
    "without step 3": (1, 2, 4),
    "with all steps": (1, 2, 3, 4),
}

#: Shares of the learning rate, section 3.4. The paper names no share of fc6:
#: it gets that of fc7.
MULTIPLIERS = (("conv*", 0.1), ("fc6", 0.5), ("fc7", 0.5))


@dataclasses.dataclass(frozen=True)
class Stage:
    """How one step of the fine-tuning is trained.

    Gradient descent with momentum on the cross-entropy, with weight decay as
    in Caffe (a gradient of its own, before momentum), for a fixed number of
    iterations; the last weights are taken, so that nothing is chosen. The
    paper has its rate "reduced by polynomial with gamma value equals to 0.1".
    Caffe's polynomial policy has no gamma; here the rate falls evenly to
    `gamma` of what it was.

    Attributes:
        iterations: Number of batches.
        batch_size: Photographs per batch.
        learning_rate: Learning rate of the first iteration.
        gamma: The last learning rate as a share of the first, 0 to 1.
        power: Power of the polynomial; 1: a straight line.
        momentum: Momentum, in [0, 1).
        weight_decay: Share of a weight that is added to its gradient; not of
            biases.
        multipliers: Shares of the learning rate by layer, see
            `LayerwiseOptimizer`; layers that are not named have 1.
        alteration: How photographs are altered, see `Alteration`.

    Raises:
        ValueError: If a number is out of its range.

    Example:

    >>> Stage(iterations=100, learning_rate=0.01).rate(50)
    0.0055
    """

    iterations: int = 110_000
    batch_size: int = 120
    learning_rate: float = 0.01
    gamma: float = 0.1
    power: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    multipliers: tuple[tuple[str, float], ...] = MULTIPLIERS
    alteration: Alteration = Alteration()

    def __post_init__(self):
        checks = {
            **{
                name: (getattr(self, name) >= 1, "at least 1")
                for name in ("iterations", "batch_size")
            },
            **{
                name: (0 < getattr(self, name) < math.inf, "above 0")
                for name in ("learning_rate", "power")
            },
            "gamma": (0 <= self.gamma <= 1, "from 0 to 1"),
            "momentum": (0 <= self.momentum < 1, "in [0, 1)"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "0 or more"),
        }
        for name, (holds, expected) in checks.items():
            if not holds:
                raise ValueError(
                    f"Expected `{name}` of a stage to be {expected}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )

    def schedule(self):
        """The learning rate as Keras takes it.

        rate(i) = r (gamma + (1 - gamma) (1 - i / iterations)^power)
        """
        return keras.optimizers.schedules.PolynomialDecay(
            self.learning_rate,
            self.iterations,
            self.gamma * self.learning_rate,
            self.power,
        )

    def rate(self, iteration):
        """Learning rate of an iteration, from 0."""
        left = max(1 - iteration / self.iterations, 0.0)
        share = self.gamma + (1 - self.gamma) * left**self.power
        return round(self.learning_rate * share, 12)


def check_steps(steps):
    """Checks which steps are taken.

    Args:
        steps: Numbers of `STEPS`.

    Returns:
        The steps as a tuple.

    Raises:
        ValueError: If they do not ascend, are unknown, or the last is not 4
            (what is compared is learnt on the small set).

    Example:

    >>> check_steps([1, 3, 4])
    (1, 3, 4)
    """
    steps = tuple(steps)
    if (
        not steps
        or sorted(set(steps)) != list(steps)
        or not set(steps) <= set(STEPS)
        or steps[-1] != 4
    ):
        raise ValueError(
            "Expected ascending numbers of steps 1 to 4, the last of them 4. "
            f"Received: steps={steps}"
        )
    return steps
