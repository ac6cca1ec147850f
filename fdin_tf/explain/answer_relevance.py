"""Which pixels speak for the answer of a network of two classes."""

import keras
import numpy as np

from fdin_tf.explain.lrp import relevance

#: Composite that shows most clearly what such answers rest on.
COMPOSITE = "epsilon_alpha2_beta1_plus_flat"


def answer_relevance(network, images, answers, composite=COMPOSITE):
    """Relevance of pixels to the answers of a network of two classes.

    What is shared among the pixels are the log-odds of the answer, the score
    of one class less that of the other before the softmax, for both alone
    say nothing:

        ln(p_answer / p_other) = z_answer - z_other

    Args:
        network: Model of `build_face_network` with the head `gender` or
            `smile`.
        images: `(n, height, width, 3)`, as the network takes them.
        answers: `(n,)`: the number of a class, 0 or 1, for each image.
        composite: Name of a composite, see `fdin_tf.explain.lrp`.

    Returns:
        Float32 array `(n, height, width)`: relevance, summed over the
        colours. In sum it is above 0 where the network gives that answer.

    Raises:
        ValueError: If the network has not two classes, or an answer is
            neither 0 nor 1 or missing.
    """
    (head,) = network.output
    answers = np.asarray(answers)
    if network.output[head].shape[-1] != 2:
        raise ValueError(
            "Expected a network of two classes. Received: "
            f"{head} of shape {tuple(network.output[head].shape)}"
        )
    if answers.shape != (len(images),) or not np.isin(answers, (0, 1)).all():
        raise ValueError(
            "Expected the number of a class, 0 or 1, for each image. "
            f"Received: {len(images)} images, answers={answers.tolist()}"
        )
    heatmaps = np.empty(np.shape(images)[:3], np.float32)
    for answer in np.unique(answers):
        of = answers == answer
        found = relevance(
            _log_odds(network, head, int(answer)),
            {"images": np.asarray(images)[of]},
            composite=composite,
        )
        heatmaps[of] = found.inputs["images"].numpy().sum(axis=-1)
    return heatmaps


def _log_odds(network, head, answer):
    """The network up to one score: the log-odds of one of its two classes."""
    score = keras.layers.Dense(1, dtype="float32", name="log_odds")
    hidden = network.get_layer(head).input
    model = keras.Model(network.input, score(hidden))
    score.set_weights(
        [
            array[..., [answer]] - array[..., [1 - answer]]
            for array in network.get_layer(head).get_weights()
        ]
    )
    return model
