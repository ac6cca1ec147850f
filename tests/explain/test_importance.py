"""Importance: equations 3 to 6 and Algorithm 1, slowly and literally."""

import keras
import numpy as np
import pandas as pd
import pytest

from fdin_tf.explain import explained
from fdin_tf.explain import importance_table
from fdin_tf.explain import predict_importance
from fdin_tf.explain import rank_relations
from fdin_tf.explain import relation_importance
from fdin_tf.explain import relation_name
from fdin_tf.explain import relations
from fdin_tf.explain import symmetry
from fdin_tf.models.baselines import build_regional
from fdin_tf.regions import MIRRORED
from fdin_tf.regions import REGIONS
from layers import PairwiseRelation
from layers import RelationalImportance
from tests.models.test_fdin import SHAPE
from tests.models.test_fdin import build_tiny
from tests.models.test_fdin import make_clips
from tests.models.test_fdin import randomize

PAIRS = [(i, j) for i in range(9) for j in range(i + 1, 9)]


@pytest.fixture
def table():
    """Importance of five clips."""
    rng = np.random.default_rng(0)
    return importance_table(rng.dirichlet(np.ones(36), 5), "abcde")


@pytest.fixture(scope="module")
def trained():
    """An FDIN after a few steps of training, dropout and all."""
    keras.utils.set_random_seed(0)
    model = randomize(build_tiny())
    model.compile(keras.optimizers.Adam(0.05), loss="mse")
    clips = make_clips(16)
    model.fit(clips, {"age": np.linspace(-1, 1, 16)}, epochs=4, verbose=0)
    return model


class Clips:
    """Encoded clips in memory, of different lengths."""

    shape = SHAPE
    name = "features"

    def __init__(self, lengths, seed=0):
        rng = np.random.default_rng(seed)
        self.features = {
            f"c{k}": rng.normal(size=(length, *SHAPE)).astype("float32")
            for k, length in enumerate(lengths)
        }
        self.clips = pd.DataFrame(
            {"clip_id": list(self.features), "num_frames": lengths}
        )

    def load(self, clip_id):
        return self.features[clip_id]


def literal_importance(model, dynamics):
    """Equations 2 to 6, one clip and one pair at a time.

    Returns the importance and the aggregated relations.
    """
    relation = model.get_layer("relations").get_weights()
    kernel, bias = model.get_layer("importance").get_weights()
    importance, aggregates = [], []
    for d in dynamics:
        o = [
            np.concatenate([d[i], [(i % 3 + 0.5) / 3, (i // 3 + 0.5) / 3]])
            for i in range(9)
        ]
        r, scores = [], []
        for p, (i, j) in enumerate(PAIRS):
            hidden = np.concatenate([o[i], o[j]])
            for w, b in zip(relation[::2], relation[1::2]):
                hidden = np.maximum(hidden @ w + b, 0)
            r.append(hidden)
            scores.append(np.exp(kernel[:, p] @ hidden + bias[p]))
        importance.append([score / sum(scores) for score in scores])
        aggregates.append(sum(w * x for w, x in zip(importance[-1], r)))
    return np.array(importance), np.array(aggregates)


def test_the_importance_of_a_trained_network_is_the_published_one(trained):
    clips = make_clips(4, seed=1)
    parts = keras.Model(
        trained.input,
        {name: trained.get_layer(name).output
         for name in ("lstm_2", "aggregate")},
    )(clips)  # fmt: skip
    importance, aggregate = literal_importance(
        trained, np.asarray(parts["lstm_2"], np.float64)
    )
    found = np.asarray(explained(trained)(clips)["importance"])
    np.testing.assert_allclose(found, importance, rtol=2e-5)
    np.testing.assert_allclose(parts["aggregate"], aggregate, rtol=2e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert np.ptp(found, axis=1).min() > 0.01


def objects_and_layers():
    """Three clips' regions; g and the importance, randomly weighted."""
    rng = np.random.default_rng(0)
    objects = rng.normal(size=(3, 9, 4)).astype("float32")
    layers = PairwiseRelation((6, 5), dropout=0), RelationalImportance()
    layers[1](layers[0](objects))  # makes the weights
    for layer in layers:
        layer.set_weights(
            [rng.normal(size=w.shape) for w in layer.get_weights()]
        )
    return objects, *layers


def relabelled(importance_layer, relabelling):
    """Moves W_ij and b_ij to the pair that regions i and j have become."""
    moved = [
        PAIRS.index(tuple(sorted((relabelling[i], relabelling[j]))))
        for i, j in PAIRS
    ]
    kernel, bias = importance_layer.get_weights()
    importance_layer.set_weights([kernel[:, moved], bias[moved]])
    return moved


def test_relabelled_regions_relabel_pairs_where_g_knows_no_order():
    """Any relabelling: region k becomes what region `relabelling[k]` was.

    Equation 3 gives `g` its two regions in order, and a relabelling may turn
    that of a pair. So this holds as it stands for a `g` that weighs the first
    and the second region alike, and no location.
    """
    objects, relation, importance = objects_and_layers()
    kernel, *others = relation.get_weights()
    kernel[4:] = kernel[:4]
    relation.set_weights([kernel, *others])
    before = np.asarray(importance(relation(objects)))
    relabelling = np.random.default_rng(1).permutation(9)
    moved = relabelled(importance, relabelling)
    after = np.asarray(importance(relation(objects[:, relabelling])))
    np.testing.assert_allclose(after, before[:, moved], rtol=1e-5)
    assert not np.allclose(after, before, rtol=0.1)


def test_reversed_regions_relabel_pairs_with_the_halves_of_g_exchanged():
    """The one relabelling that turns every pair: it holds for any `g`."""
    objects, relation, importance = objects_and_layers()
    before = np.asarray(importance(relation(objects)))
    moved = relabelled(importance, range(8, -1, -1))
    kernel, *others = relation.get_weights()
    relation.set_weights([np.concatenate([kernel[4:], kernel[:4]]), *others])
    after = np.asarray(importance(relation(objects[:, ::-1])))
    np.testing.assert_allclose(after, before[:, moved], rtol=1e-5)
    assert not np.allclose(after, before, rtol=0.1)


@pytest.mark.parametrize("num_regions", range(2, 10))
def test_relations_are_ranked_as_by_algorithm_1(table, num_regions):
    found = relation_importance(table, num_regions)
    chosen = relations(num_regions)
    assert found.shape == (5, len(chosen))
    for clip_id in table.index:
        importance = {}
        for i, j in PAIRS:
            name = f"{REGIONS[i]}-{REGIONS[j]}"
            importance[i, j] = table.loc[clip_id, name]
        for number, regions in enumerate(chosen):
            total = 0
            for first in range(num_regions):
                for second in range(first + 1, num_regions):
                    total += importance[regions[first], regions[second]]
            name = "-".join(REGIONS[region] for region in regions)
            assert found.columns[number] == name
            assert found.loc[clip_id, name] == pytest.approx(total)


def test_there_are_as_many_relations_as_choices_of_regions():
    counts = [len(relations(number)) for number in range(2, 10)]
    assert counts == [36, 84, 126, 126, 84, 36, 9, 1]
    assert list(relations(2)) == PAIRS
    assert relation_name((3, 4, 8)) == "left_cheek-nose-right_mouth"


def test_pairs_are_the_table_itself(table):
    pd.testing.assert_frame_equal(relation_importance(table, 2), table)


@pytest.mark.parametrize("number", [1, 10, 2.5, "3", None])
def test_a_number_of_regions_out_of_range_is_an_error(table, number):
    for ranked in (relation_importance, rank_relations):
        with pytest.raises(
            ValueError, match=r"must be 2 to 9\. Received: num_regions="
        ):
            ranked(table, number)


def test_the_most_important_relation_comes_first(table):
    ranking = rank_relations(table, 3)
    assert list(ranking.columns) == ["rank", "relation", "importance"]
    assert ranking["rank"].tolist() == list(range(1, 85))
    assert ranking.importance.is_monotonic_decreasing
    mean = relation_importance(table, 3).mean()
    np.testing.assert_allclose(
        ranking.importance, mean[ranking.relation], rtol=1e-12
    )
    assert ranking.relation[0] == mean.idxmax()


@pytest.mark.parametrize("number", range(2, 10))
def test_equal_relations_keep_their_order(number):
    even = importance_table(np.full((7, 36), 1 / 36), "abcdefg")
    names = [relation_name(regions) for regions in relations(number)]
    assert rank_relations(even, number).relation.tolist() == names


def mirrored_table(table):
    columns = [
        relation_name(sorted((MIRRORED[i], MIRRORED[j]))) for i, j in PAIRS
    ]
    return table[columns].set_axis(table.columns, axis=1)


def test_a_symmetric_face_has_symmetry_1(table):
    both = (table + mirrored_table(table)) / 2
    assert symmetry(both) == pytest.approx(1)
    # A pair that is its own mirror image says nothing about symmetry.
    both["left_eye-right_eye"] += 9
    assert symmetry(both.mean()) == pytest.approx(1)


def test_symmetry_has_no_preferred_side(table):
    assert symmetry(mirrored_table(table)) == pytest.approx(symmetry(table))
    assert abs(symmetry(table)) < 0.9


def test_a_face_of_which_one_side_counts_is_not_symmetric():
    """Pairs with more regions on the left, all above those on the right."""
    rng = np.random.default_rng(0)
    side = np.array([2 - i % 3 - j % 3 for i, j in PAIRS])
    assert symmetry(10 * side + rng.uniform(size=36)) < -0.8


def test_symmetry_is_the_rank_correlation_of_thirty_pairs(table):
    """Ranks without ties: 1 - 6 sum of squared differences / (n^3 - n)."""
    mean = table.mean()
    values = {pair: mean[relation_name(pair)] for pair in PAIRS}
    images = {
        (i, j): tuple(sorted((MIRRORED[i], MIRRORED[j]))) for i, j in PAIRS
    }
    sided = [pair for pair in PAIRS if images[pair] != pair]
    assert len(sided) == 30
    order = sorted(sided, key=values.get)
    squares = sum(
        (order.index(pair) - order.index(images[pair])) ** 2 for pair in sided
    )
    expected = 1 - 6 * squares / (30**3 - 30)
    assert symmetry(table) == pytest.approx(expected)
    assert symmetry(mean.to_numpy()) == pytest.approx(expected)


def test_chance_has_the_symmetry_that_the_documentation_says():
    rng = np.random.default_rng(0)
    found = [symmetry(rng.permutation(36)) for _ in range(500)]
    assert np.mean(found) == pytest.approx(-1 / 29, abs=0.035)
    assert np.std(found) == pytest.approx(0.26, abs=0.03)


def test_constant_importance_has_no_symmetry():
    assert np.isnan(symmetry(np.full(36, 1 / 36)))
    noise = np.random.default_rng(0).normal(scale=1e-9, size=36)
    assert np.isnan(symmetry(np.full(36, 1 / 36) + noise))


@pytest.mark.parametrize("shape", [(9,), (3, 36)])
def test_symmetry_of_anything_else_is_an_error(shape):
    with pytest.raises(ValueError, match=r"36 pairs .* shape \("):
        symmetry(np.zeros(shape))


def test_predictions_come_in_the_order_of_the_clips(trained):
    data = Clips([18, 5, 33, 6, 17, 7])
    order = ["c3", "c2", "c0", "c5", "c1"]
    found = predict_importance(trained, data, order, batch_size=2)
    assert found.index.tolist() == order
    assert found.index.name == "clip_id"
    network = explained(trained)
    for clip_id in order:
        features = data.load(clip_id)[None]
        mask = np.ones(features.shape[:2], bool)
        alone = network({"features": features, "mask": mask})["importance"]
        np.testing.assert_allclose(
            found.loc[clip_id], np.ravel(alone), rtol=1e-4
        )


def test_a_model_without_importance_is_an_error():
    model = build_tiny(use_importance=False)
    with pytest.raises(ValueError, match="one `RelationalImportance`"):
        predict_importance(model, Clips([5]), ["c0"])


def test_importance_of_single_regions_is_an_error():
    model = build_regional(
        dense_units=3,
        lstm_units=(3,),
        region_units=(4,),
        head_units=(3,),
        feature_shape=SHAPE,
    )
    with pytest.raises(
        ValueError, match=r"regional model.* of 9 .*relations.*shape \(2, 9\)"
    ):
        predict_importance(model, Clips([5, 6]), ["c0", "c1"])


def test_rows_that_do_not_sum_to_1_are_an_error():
    importance = np.full((2, 36), 1 / 36)
    importance[1] *= 1.01
    with pytest.raises(
        ValueError, match=r"sums to 1.*Received: 1\.0100 for clip_id='b'"
    ):
        importance_table(importance, "ab")
    importance[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"sums to 1.*nan for clip_id='b'"):
        importance_table(importance, "ab")


def test_clip_ids_that_do_not_fit_are_an_error():
    importance = np.full((2, 36), 1 / 36)
    with pytest.raises(ValueError, match="3 ids for 2 rows"):
        importance_table(importance, "abc")
    with pytest.raises(ValueError, match=r"no two are alike.*'a' twice"):
        importance_table(importance, "aa")


def test_another_table_is_an_error(table):
    with_ids = table.reset_index()
    with pytest.raises(
        ValueError, match=r"`importance_table` makes.*37 columns, clip_id, left"
    ):
        relation_importance(with_ids)
    with pytest.raises(ValueError, match=r"at least one clip.*without rows"):
        rank_relations(table[:0])
