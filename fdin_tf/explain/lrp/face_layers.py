"""Relevance through the layers of FDIN and SIAM."""

import tensorflow as tf
from keras import ops

from fdin_tf.explain.lrp.affine import AffineMap
from fdin_tf.explain.lrp.keras_layers import transposed
from fdin_tf.explain.lrp.registry import first_input
from fdin_tf.explain.lrp.registry import handles
from fdin_tf.explain.lrp.rules import per_example
from fdin_tf.explain.lrp.rules import stabilized
from layers import FaceStandardization
from layers import LocalResponseNormalization
from layers import LocationEmbed
from layers import NeutralDifference
from layers import PairwiseRelation
from layers import RegionSplit
from layers import SpatiallyIndexedAttention
from layers import TemporalAttention


@handles(
    FaceStandardization,
    LocalResponseNormalization,
    NeutralDifference,
    signals=first_input,
)
def scaled(setting):
    """R_in = R_out: what is scaled or shifted stays in its place.

    Of a difference to the neutral frames, the frame that shows it takes all:
    what the neutral frames add to every other frame is the person's looks.
    The divisors of response normalisation are gates.
    """
    return lambda call, relevances: ([relevances[0], *_none(call)], {})


@handles(SpatiallyIndexedAttention, signals=first_input)
def spatial_attention(setting):
    """R_in = R_out: the attention is a gate."""
    return lambda call, relevances: ([relevances[0], *_none(call)], {})


@handles(RegionSplit, signals=first_input)
def region_split(setting):
    """Every cell returns what it has to its place."""
    return lambda call, relevances: (
        transposed(call, [0], relevances) + _none(call),
        {},
    )


@handles(LocationEmbed, signals=first_input)
def location_embed(setting):
    """The dynamics keep theirs; what the location has is a sink."""

    def propagate(call, relevances):
        of_dynamics, of_location = tf.split(
            relevances[0], [call.inputs[0].shape[-1], -1], axis=-1
        )
        return [of_dynamics], {"location": per_example(of_location)}

    return propagate


@handles(PairwiseRelation, is_weighted=True, signals=first_input)
def pairwise_relation(setting):
    """The dense rule through `g`; a region has what its pairs return."""
    rule = setting.rule("dense")

    def propagate(call, relevances):
        layer = setting.step.operation
        regions, (relevance,) = call.inputs[0], relevances
        first, second = zip(*layer.pairs)
        activations = [
            tf.concat(
                [tf.gather(regions, first, axis=1),
                 tf.gather(regions, second, axis=1)],
                axis=-1,
            )
        ]  # fmt: skip
        maps = [
            AffineMap(tf.matmul, *(_as(w, regions.dtype) for w in weights))
            for weights in zip(layer.kernels, layer.biases)
        ]
        for dense in maps[:-1]:
            activations.append(tf.nn.relu(dense(activations[-1])))
        sinks = {}
        for dense, x in zip(reversed(maps), reversed(activations)):
            relevance, taken = rule(dense, x, relevance)
            for name, value in taken.items():
                sinks[name] = sinks.get(name, 0.0) + value
        of_first, of_second = tf.split(relevance, 2, axis=-1)
        # Transposed: all pairs that a region is in return their part to it.
        membership = [
            tf.one_hot(side, regions.shape[1], dtype=regions.dtype)
            for side in (first, second)
        ]
        of_regions = tf.einsum("bpf,pr->brf", of_first, membership[0])
        of_regions += tf.einsum("bpf,pr->brf", of_second, membership[1])
        return [of_regions], sinks

    return propagate


@handles(TemporalAttention, signals=first_input)
def temporal_attention(setting):
    """In proportion to `o_t p_t`: the weights `o_t` are gates."""
    epsilon = setting.epsilon("linear")

    def propagate(call, relevances):
        sequence = call.inputs[0]
        masks = [x for x in call.inputs[1:] if x.dtype == tf.bool]
        weights = setting.step.operation.attention(
            sequence, masks[0] if masks else call.mask
        )
        terms = tf.cast(weights, sequence.dtype)[..., None] * sequence
        z = tf.reduce_sum(terms, axis=1)
        divisor = stabilized(z, epsilon)
        s = relevances[0] / divisor
        return [terms * s[:, None], *_none(call)], {
            "stabilizer": per_example((divisor - z) * s)
        }

    return propagate


def _as(weight, dtype):
    return tf.cast(ops.convert_to_tensor(weight), dtype)


def _none(call):
    """No relevance for all inputs but the first."""
    return [None] * (len(call.inputs) - 1)
