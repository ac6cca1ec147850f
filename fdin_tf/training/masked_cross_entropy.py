"""Cross-entropy of several attributes, of which some may be unknown."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fdin_tf")
class MaskedCrossEntropy(keras.losses.Loss):
    """Sum of the cross-entropies of the attributes that are known.

    For the label `y_ik` of attribute `k` on image `i`, and the probability
    `p_ik` that the network gives it,

        L_i = - sum_k m_ik (y_ik log p_ik + (1 - y_ik) log(1 - p_ik))

    where `m_ik` is 0 for an unknown label and 1 otherwise. This is equation 1
    of the paper with the logarithm of `1 - p` that its print has as
    `1 - log p`; equation 2 sums it over the attributes. The sum over images
    is left to `reduction`, by default their mean. An unknown label has no
    gradient; an image without any known label counts as 0.

    Probabilities are kept `keras.config.epsilon()` (1e-7) away from 0 and 1,
    except where Keras finds the scores behind their sigmoid and computes from
    these. Loss and gradients are finite in both cases.

    Args:
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype to compute in; None: float32, under every precision
            policy.

    Call arguments:
        y_true: Labels, shape `(batch, attributes)`: 1, 0, or -1 (unknown).
        y_pred: Probabilities, the same shape, 0..1.

    Returns:
        Loss in nats: a scalar, or with `reduction=None` shape `(batch,)`.

    Raises:
        ValueError: If the two shapes differ.

    Example:

    >>> labels = ops.array([[1, -1, 0]])
    >>> probabilities = ops.array([[0.5, 0.9, 0.5]])
    >>> round(float(MaskedCrossEntropy()(labels, probabilities)), 4)
    1.3863

    Reference:
    - Zhang et al., CVPR workshops 2016, equations 1 and 2.
    """

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="masked_cross_entropy",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        """Returns the loss of every image."""
        _check_shapes(y_true, y_pred)
        known = y_true >= 0
        labels = ops.where(known, y_true, 0.0)
        each = ops.binary_crossentropy(labels, y_pred)
        return ops.sum(ops.where(known, each, 0.0), axis=-1)


@keras.saving.register_keras_serializable(package="fdin_tf")
class MaskedAccuracy(keras.metrics.Mean):
    """Share of the known labels that the probabilities answer rightly.

    The answer is 1 from a probability of `threshold` on. Every known label
    counts the same, whichever image and attribute it is of; without any, the
    share is 0.

    Args:
        threshold: Probability, 0..1.
        name: Name of the metric.
        dtype: Dtype to count in; None: float32, under every precision policy.

    Call arguments (of `update_state`):
        y_true: Labels, shape `(batch, attributes)`: 1, 0, or -1 (unknown).
        y_pred: Probabilities, the same shape, 0..1.
        sample_weight: Optional weight of every image, shape `(batch,)`.

    Returns:
        Scalar, 0..1.

    Raises:
        ValueError: If the two shapes differ.

    Example:

    >>> accuracy = MaskedAccuracy()
    >>> accuracy.update_state([[1, -1], [0, 1]], [[0.9, 0.9], [0.6, 0.5]])
    >>> round(float(accuracy.result()), 4)
    0.6667
    """

    def __init__(self, threshold=0.5, name="masked_accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts the labels of a batch."""
        labels = ops.convert_to_tensor(y_true, self.dtype)
        probabilities = ops.convert_to_tensor(y_pred, self.dtype)
        _check_shapes(labels, probabilities)
        right = ops.equal(probabilities >= self.threshold, labels > 0)
        weight = ops.cast(labels >= 0, self.dtype)
        if sample_weight is not None:
            weight *= ops.cast(sample_weight, self.dtype)[:, None]
        super().update_state(right, sample_weight=weight)

    def get_config(self):
        """Returns the arguments."""
        return {**super().get_config(), "threshold": self.threshold}


def _check_shapes(labels, probabilities):
    """Refuses shapes that would be stretched to one another."""
    ours, theirs = tuple(labels.shape), tuple(probabilities.shape)
    if len(ours) != len(theirs) or any(
        a != b and None not in (a, b) for a, b in zip(ours, theirs)
    ):
        raise ValueError(
            "Labels must have the shape of the probabilities, `(batch, "
            f"attributes)`. Received: y_true.shape={ours}, y_pred.shape="
            f"{theirs}"
        )
