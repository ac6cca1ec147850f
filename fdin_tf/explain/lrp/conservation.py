"""Where the relevance of a score went, layer by layer."""

import dataclasses

import numpy as np
import pandas as pd
import tensorflow as tf

#: What a sink took that is no part of the explanation.
LOSSES = ("stabilizer", "lost")


class ConservationError(ValueError):
    """More relevance was lost than allowed."""


@dataclasses.dataclass(frozen=True)
class Conservation:
    """What every layer received, handed on and kept.

    Attributes:
        score: The relevance that there was, `(batch,)`.
        steps: Dict from the name of a layer, from the last to the first, to a
            dict of tensors `(batch,)`: `"received"`, `"handed_on"`, and what
            every sink took: `"bias"` (batch normalisation's shift included),
            `"location"`, `"stabilizer"`, `"lost"` (rounding, and what met no
            contribution), and `"renormalized"`, what was added again.
    """

    score: tf.Tensor
    steps: dict

    def sinks(self, before=None):
        """What the sinks took.

        Args:
            before: Name of a layer: what was taken on the way to its output;
                None: on the way to the inputs.

        Returns:
            Dict from the name of a sink to a tensor `(batch,)`.

        Raises:
            ValueError: If there is no such layer.
        """
        if before is not None and before not in self.steps:
            raise ValueError(
                "`before` must name a layer that relevance passed: "
                f"{', '.join(self.steps)}. Received: before={before!r}"
            )
        totals = {}
        for layer, step in self.steps.items():
            if layer == before:
                break
            if any(layer.startswith(f"{other}/") for other in self.steps):
                continue  # counted with the layer that it is inside of
            for name, taken in step.items():
                if name not in ("received", "handed_on"):
                    totals[name] = totals.get(name, 0.0) + taken
        return totals

    def losses(self):
        """Dict from a layer's name to the share of the score it lost.

        Returns:
            Of every layer `(batch,)`, at least 0: what neither the inputs nor
            a bias or location received, in shares of the score; after
            renormalisation, what the inputs did not.
        """
        size = tf.maximum(tf.abs(self.score), 1e-12)

        def lost(step):
            if "renormalized" in step:
                return step["received"] - step["handed_on"]
            return sum(step.get(loss, 0.0) for loss in LOSSES)

        return {
            name: tf.abs(lost(step)) / size for name, step in self.steps.items()
        }

    def table(self):
        """Mean of every number over the batch, as a table.

        Returns:
            DataFrame with a row per layer, in the order of propagation:
            `layer`, `received`, `handed_on` and one column per sink.
        """
        table = pd.DataFrame(self.steps.values())
        table = table.map(lambda taken: float(np.mean(taken)), "ignore")
        table.insert(0, "layer", list(self.steps))
        sinks = table.columns.difference(["layer", "received", "handed_on"])
        return table.fillna(dict.fromkeys(sinks, 0.0))

    def check(self, tolerance):
        """Raises unless every layer keeps what it should.

        Args:
            tolerance: Share of the score that a layer may lose.

        Raises:
            ConservationError: If a layer loses more; names the worst. Inside
                of a `tf.function`, `tf.errors.InvalidArgumentError`.
        """
        losses = self.losses()
        if not tf.executing_eagerly():
            for name, share in losses.items():
                tf.debugging.assert_less_equal(
                    share,
                    tf.cast(tolerance, share.dtype),
                    f"{name} loses relevance",
                )
            return
        worst = max(losses, key=lambda name: float(tf.reduce_max(losses[name])))
        share = float(tf.reduce_max(losses[worst]))
        if not share <= tolerance:
            raise ConservationError(
                f"The layer {worst!r} loses {share:.2g} of the score; a rule "
                "with a smaller stabiliser keeps more, and `renormalize=True` "
                f"makes up for it. Received: strict={tolerance}"
            )
