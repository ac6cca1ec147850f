"""Relevance of clips at every level: pairs, regions, frames, pixels."""

import dataclasses

import tensorflow as tf

from fdin_tf.explain.lrp.graph import read_graph
from fdin_tf.explain.lrp.propagate import Propagator
from layers import FrameEncoder
from layers import PairwiseRelation
from layers import RegionSplit


@dataclasses.dataclass(frozen=True)
class ClipRelevance:
    """Where the score of a clip comes from.

    At every level, the relevance of all and what the sinks took on the way
    there sum to the score.

    Attributes:
        score: `(batch,)`, in the unit of the target (a class: before the
            softmax).
        pairs: Of each pair of regions, in the order of
            `PairwiseRelation.pairs`: `(batch, pairs)`; None where the model
            has no relations.
        regions: Of each region in each frame: `(batch, regions, frames)`;
            None where the model has no regions.
        frames: Of each frame: `(batch, frames)`.
        pixels: Of each pixel of each frame, its channels summed:
            `(batch, frames, height, width)`; of a model on features, of each
            place of the maps: `(batch, frames, h, w)`.
        sinks: Dict from `"pairs"`, `"regions"`, `"frames"` and `"pixels"` to
            a dict from the name of a sink to what it took, `(batch,)`.
        conservation: `Conservation` of all layers.
    """

    score: tf.Tensor
    pairs: tf.Tensor | None
    regions: tf.Tensor | None
    frames: tf.Tensor
    pixels: tf.Tensor
    sinks: dict
    conservation: object


class ClipPropagator:
    """Relevance propagation through FDIN, SIAM, and what was built like them.

    Args:
        model: Model of clips: `{"frames" or "features": ..., "mask": ...}`.
        target: See `relevance`; None: the model's only target.
        composite: See `relevance`.

    Raises:
        ValueError: See `relevance`; also if the model takes no clips, or has
            more than one layer that gives a level.

    Example:

    >>> from fdin_tf.models import build_fdin
    >>> fdin = build_fdin(
    ...     "age", dense_units=8, lstm_units=(8,), relation_units=(8,),
    ...     head_units=(8,), feature_shape=(3, 3, 4),
    ... )
    >>> clips = {
    ...     "features": tf.random.normal((2, 5, 3, 3, 4)),
    ...     "mask": tf.ones((2, 5), "bool"),
    ... }
    >>> found = ClipPropagator(fdin)(clips)
    >>> found.pairs.shape, found.regions.shape, found.pixels.shape
    (TensorShape([2, 36]), TensorShape([2, 9, 5]), TensorShape([2, 5, 3, 3]))
    """  # fmt: skip

    def __init__(self, model, target=None, composite="epsilon_plus"):
        graph = read_graph(model)
        names = {"frames", "features"}
        if not isinstance(graph.inputs, dict) or not names & {*graph.inputs}:
            raise ValueError(
                "`model` must take a dict with 'frames' or 'features'. "
                f"Received: model={model.name!r}"
            )
        (self._input,) = names & {*graph.inputs}
        self._layers = {}  # of a level: the name of the layer that gives it
        for level, kind in (
            ("pairs", PairwiseRelation),
            ("regions", RegionSplit),
            ("frames", FrameEncoder),
        ):
            found = [
                step.name
                for step in graph.steps
                if isinstance(step.operation, kind)
            ]
            if len(found) > 1:
                raise ValueError(
                    f"`model` must have one {kind.__name__} at most, for the "
                    f"relevance of {level}. Received: {', '.join(found)}"
                )
            if found:
                self._layers[level] = found[0]
        self._propagator = Propagator(
            model, target, composite, keep=self._layers.values()
        )

    def __call__(self, clips):
        """Explains a batch of clips.

        Args:
            clips: What the model takes.

        Returns:
            `ClipRelevance`.
        """
        result = self._propagator(clips)
        pixels = tf.reduce_sum(result.inputs[self._input], axis=-1)
        levels = {"pixels": pixels, "pairs": None, "regions": None}
        sinks = {"pixels": result.conservation.sinks()}
        for level, layer in self._layers.items():
            levels[level] = _sum_beyond(
                result.layers[layer], axes=3 if level == "regions" else 2
            )
            sinks[level] = result.conservation.sinks(before=layer)
        if "frames" not in levels:
            levels["frames"] = _sum_beyond(pixels, axes=2)
            sinks["frames"] = sinks["pixels"]
        return ClipRelevance(
            score=result.score,
            sinks=sinks,
            conservation=result.conservation,
            **levels,
        )


def _sum_beyond(values, axes):
    """Sums over all axes but the first ones."""
    return tf.reduce_sum(values, axis=list(range(axes, values.shape.rank)))
