"""Relevance through the layers of FDIN and SIAM, against literal rules."""

import keras
import numpy as np
import pytest

from fdin_tf.explain.lrp import AlphaBeta
from fdin_tf.explain.lrp import Composite
from fdin_tf.explain.lrp import Epsilon
from fdin_tf.explain.lrp import ZPlus
from fdin_tf.explain.lrp import relevance
from layers import FaceStandardization
from layers import LocalResponseNormalization
from layers import LocationEmbed
from layers import NeutralDifference
from layers import PairwiseRelation
from layers import RegionSplit
from layers import RelationalImportance
from layers import SpatiallyIndexedAttention
from layers import TemporalAttention
from layers.spatially_indexed_attention import MECHANISMS
from tests.explain.lrp.literal_rules import literal
from tests.explain.lrp.literal_rules import stabilized
from tests.explain.lrp.networks import random_weights
from tests.layers.test_relational_importance import reference_importance
from tests.layers.test_temporal_attention import reference_temporal_attention

EPSILON = 1e-3  # large enough to be seen in the sinks


def score_of(x, dtype="float64"):
    """Weighs all values of a tensor."""
    x = keras.layers.Flatten(dtype=dtype)(x)
    return keras.layers.Dense(1, dtype=dtype, name="score")(x)


def literal_score(model, x):
    """Relevance of what `score_of` weighs, of one example."""
    kernel, bias = model.get_layer("score").get_weights()
    score = x.ravel() @ kernel + bias
    shares, *_ = literal(Epsilon(), x.ravel(), kernel, bias, score)
    return shares.reshape(x.shape)


def assert_close(found, expected, rtol=1e-9):
    largest = np.max(np.abs(expected))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * largest)


def assert_stays_in_place(layer, inputs, rtol, **call_options):
    """Inputs receive what the outputs of the same place have."""
    x = keras.Input(inputs.shape[1:], dtype="float32")
    outputs = keras.tree.flatten(layer(x, **call_options))
    model = random_weights(keras.Model(x, score_of(outputs[0], "float32")))
    found = relevance(model, inputs, composite="epsilon")
    given = keras.tree.flatten(layer(inputs, **call_options))[0].numpy()
    for share, outputs in zip(found.inputs.numpy(), given):
        assert_close(
            share, literal_score(model, outputs.astype("float64")), rtol
        )
    assert not np.any(found.conservation.steps[layer.name]["lost"])
    return found.inputs.numpy(), given


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("return_attention", [False, True])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_attention_over_places_is_a_gate(mechanism, return_attention):
    assert_stays_in_place(
        SpatiallyIndexedAttention(3, mechanism, return_attention),
        normal(2, 3, 2, 4).astype("float32"),
        rtol=1e-4,
    )


def test_attention_over_places_of_every_frame_is_a_gate():
    assert_stays_in_place(
        SpatiallyIndexedAttention(3),
        normal(2, 3, 3, 2, 4).astype("float32"),
        rtol=1e-4,
    )


def test_response_normalisation_hands_all_on_in_its_place():
    assert_stays_in_place(
        LocalResponseNormalization(2, 2.0, alpha=0.1),
        normal(2, 3, 2, 6).astype("float32"),
        rtol=1e-4,
    )


def test_standardisation_hands_all_on_in_its_place():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3))
    images[:, 0] = 0  # around the face
    found, _ = assert_stays_in_place(
        FaceStandardization(), images.astype("float32"), rtol=1e-4
    )
    assert not np.any(found[:, 0])


@pytest.mark.parametrize("normalize", [False, True])
def test_a_difference_belongs_to_the_frame_that_shows_it(normalize):
    mask = np.array([[True] * 6, [False, True, True, True, False, False]])
    found, differences = assert_stays_in_place(
        NeutralDifference(2, normalize),
        normal(2, 6, 3, 2).astype("float32"),
        rtol=1e-4,
        mask=mask,
    )
    assert not np.any(differences[~mask])
    assert not np.any(found[~mask])


def test_cells_return_what_they_have_to_their_places():
    maps = normal(2, 3, 4, 6, 2)
    x = keras.Input(maps.shape[1:], dtype="float64")
    model = random_weights(
        keras.Model(
            x, score_of(RegionSplit((2, 3), dtype="float64", name="cells")(x))
        )
    )
    found = relevance(model, maps, composite="epsilon", keep=["cells"])
    for clip in range(2):
        cells = np.empty((6, 3, 2 * 2 * 2))
        for i, t in np.ndindex(6, 3):
            top, left = 2 * (i // 3), 2 * (i % 3)
            cells[i, t] = maps[clip, t, top : top + 2, left : left + 2].ravel()
        of_cells = literal_score(model, cells)
        assert_close(found.layers["cells"][clip], of_cells)
        expected = np.empty(maps.shape[1:])
        for i, t in np.ndindex(6, 3):
            top, left = 2 * (i // 3), 2 * (i % 3)
            expected[t, top : top + 2, left : left + 2] = of_cells[
                i, t
            ].reshape(2, 2, 2)
        assert_close(found.inputs[clip], expected)


def test_what_the_location_has_is_a_sink():
    dynamics = normal(3, 4, 5)
    x = keras.Input(dynamics.shape[1:], dtype="float64")
    model = random_weights(
        keras.Model(x, score_of(LocationEmbed(dtype="float64")(x)))
    )
    found = relevance(model, dynamics, composite="epsilon")
    centers = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    sinks = found.conservation.sinks()
    for clip in range(3):
        expected = literal_score(
            model, np.concatenate([dynamics[clip], centers], axis=1)
        )
        assert_close(found.inputs[clip], expected[:, :5])
        assert_close(sinks["location"][clip], expected[:, 5:].sum())


class LiteralRelations:
    """Equations 3 to 6 of FDIN, forward and backward, one pair at a time."""

    def __init__(self, relation_weights, importance_weights):
        self.kernels = relation_weights[::2]
        self.biases = relation_weights[1::2]
        self.importance_weights = importance_weights

    def forward(self, regions):
        """`f_agg`; keeps the activations of `g` of every pair."""
        self.shape = regions.shape
        self.pairs = [
            (i, j)
            for i in range(len(regions))
            for j in range(i + 1, len(regions))
        ]
        self.activations = []
        for i, j in self.pairs:
            hidden = [np.concatenate([regions[i], regions[j]])]
            for kernel, bias in zip(self.kernels, self.biases):
                hidden.append(np.maximum(hidden[-1] @ kernel + bias, 0))
            self.activations.append(hidden)
        self.relations = np.array([hidden[-1] for hidden in self.activations])
        self.importance = reference_importance(
            self.relations[None], *self.importance_weights
        )[0]
        return self.importance @ self.relations

    def backward(self, relevance, rule, epsilon):
        """Relevance of regions and pairs; of the biases of `g`."""
        aggregate = self.importance @ self.relations
        of_regions, of_pairs, of_biases = np.zeros(self.shape), [], 0.0
        for p, (i, j) in enumerate(self.pairs):
            # f_agg = sum_p lambda_p r_p: lambda is a gate.
            r = np.array(
                [
                    self.importance[p] * self.relations[p, k]
                    / stabilized(aggregate[k], epsilon) * relevance[k]
                    for k in range(len(aggregate))
                ]
            )  # fmt: skip
            of_pairs.append(r.sum())
            layers = zip(self.kernels, self.biases, self.activations[p])
            for kernel, bias, x in reversed(list(layers)):
                r, of_bias, _ = literal(rule, x, kernel, bias, r)
                of_biases += of_bias
            of_i, of_j = np.split(r, 2)
            of_regions[i] += of_i
            of_regions[j] += of_j
        return of_regions, np.array(of_pairs), of_biases


def build_relations(dtype="float64", seed=0):
    x = keras.Input((4, 3), dtype=dtype)
    relations = PairwiseRelation((6, 5), name="relations", dtype=dtype)(x)
    importance = RelationalImportance(name="importance", dtype=dtype)(relations)
    aggregate = keras.layers.Dot((1, 1), name="aggregate", dtype=dtype)(
        [importance, relations]
    )
    return random_weights(keras.Model(x, score_of(aggregate, dtype)), seed)


@pytest.mark.parametrize(
    "rule", [Epsilon(EPSILON), AlphaBeta(), ZPlus()], ids=repr
)
def test_relations_equal_the_literal_rules_of_every_pair(rule):
    model, regions = build_relations(), normal(3, 4, 3)
    composite = Composite(
        dense=rule, linear=Epsilon(EPSILON), layers={"score": Epsilon()}
    )
    found = relevance(model, regions, composite=composite, keep=["relations"])
    sinks = found.conservation.steps["relations"]
    lit = LiteralRelations(
        model.get_layer("relations").get_weights(),
        model.get_layer("importance").get_weights(),
    )
    for clip in range(3):
        of_aggregate = literal_score(model, lit.forward(regions[clip]))
        expected = lit.backward(of_aggregate, rule, EPSILON)
        # The importance is a float32 softmax.
        assert_close(found.inputs[clip], expected[0], rtol=1e-5)
        of_pairs = np.sum(found.layers["relations"][clip], axis=-1)
        assert_close(of_pairs, expected[1], rtol=1e-5)
        assert_close(sinks["bias"][clip], expected[2], rtol=1e-5)


def test_relations_in_float32_are_close_to_those_in_float64():
    model, single = build_relations(), build_relations("float32")
    single.set_weights(model.get_weights())
    regions = normal(3, 4, 3)
    for composite in ("alpha_beta", "epsilon_plus"):
        expected = relevance(model, regions, composite=composite).inputs
        found = relevance(single, regions, composite=composite).inputs
        assert found.dtype == "float32"
        assert_close(found, expected, rtol=1e-4)


def test_importance_is_a_gate():
    """Features that change the importance alone receive nothing."""
    model, regions = build_relations(), normal(3, 4, 3)
    *weights, importance, bias, score, score_bias = model.get_weights()
    score[0] = 0  # of the relations, the first is read by importance alone
    importance *= 0.1
    model.set_weights([*weights, importance, bias, score, score_bias])
    before = relevance(model, regions, composite="epsilon", keep=["relations"])
    importance[0] = np.linspace(-1, 1, 6)
    model.set_weights([*weights, importance, bias, score, score_bias])
    after = relevance(model, regions, composite="epsilon", keep=["relations"])
    assert np.all(np.abs(after.score - before.score) > 1e-3)
    assert not np.any(after.layers["relations"][..., 0])


def build_summary(return_attention):
    sequence = keras.Input((None, 3), name="sequence")
    mask = keras.Input((None,), name="mask", dtype="bool")
    layer = TemporalAttention(2, return_attention, name="attention")
    summary, *_ = keras.tree.flatten(layer(sequence, mask=mask))
    return random_weights(
        keras.Model(
            {"sequence": sequence, "mask": mask}, score_of(summary, "float32")
        )
    )


@pytest.mark.parametrize("return_attention", [False, True])
def test_attention_over_frames_is_a_gate(return_attention):
    model = build_summary(return_attention)
    mask = np.random.default_rng(1).uniform(size=(3, 6)) < 0.7
    sequence = normal(3, 6, 3)
    composite = Composite(linear=Epsilon(EPSILON), dense=Epsilon())
    found = relevance(
        model, {"sequence": sequence, "mask": mask}, composite=composite
    )
    summary, attention = reference_temporal_attention(
        sequence, mask, *model.get_layer("attention").get_weights()
    )
    stabilizer = found.conservation.steps["attention"]["stabilizer"]
    for clip in range(3):
        of_summary = literal_score(model, summary[clip])
        expected, kept = np.zeros((6, 3)), of_summary.sum()
        for t, k in np.ndindex(6, 3):
            expected[t, k] = (
                attention[clip, t] * sequence[clip, t, k]
                / stabilized(summary[clip, k], EPSILON) * of_summary[k]
            )  # fmt: skip
            kept -= expected[t, k]
        share = found.inputs["sequence"].numpy()[clip]
        assert_close(share, expected, rtol=1e-5)
        np.testing.assert_allclose(stabilizer[clip], kept, rtol=1e-3)
        assert not np.any(share[~mask[clip]])
