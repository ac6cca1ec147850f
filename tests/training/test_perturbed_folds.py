"""Table 1 out of fold: whose regions, whose estimates, whose numbers."""

import io
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fdin_tf import build_fdin
from fdin_tf.data.folds import Fold
from fdin_tf.explain.explained import explained
from fdin_tf.regions import REGIONS
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.encoder_frontend import EncoderFrontend
from fdin_tf.training.perturbed_folds import check_ages
from fdin_tf.training.perturbed_folds import perturb_folds
from fdin_tf.training.perturbed_folds import perturbed_table
from fdin_tf.training.perturbed_folds import print_perturbed
from layers.pairwise_relation import region_pairs

NETWORKS = ("fdin", "fdin_no_importance")


class Clips:
    """Ten clips of random features, of people from 10 to 100 years."""

    shape = (3, 3, 2)
    name = "features"

    def __init__(self):
        rng = np.random.default_rng(0)
        self.arrays = {
            f"c{i}": rng.normal(size=(5 + i, *self.shape)) for i in range(10)
        }
        self.clips = pd.DataFrame(
            {
                "clip_id": list(self.arrays),
                "subject": [f"s{i // 2}" for i in range(10)],
                "age": [10.0 * (i + 1) for i in range(10)],
                "num_frames": [5 + i for i in range(10)],
            }
        )

    def load(self, clip_id):
        return self.arrays[clip_id].astype(np.float32)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two finished folds of both networks, with random weights."""
    root = tmp_path_factory.mktemp("runs")
    ids = [f"c{i}" for i in range(10)]
    folds = [
        Fold(0, tuple(ids[4:8]), tuple(ids[8:]), tuple(ids[:4])),
        Fold(1, tuple(ids[:2]), tuple(ids[2:4]), tuple(ids[4:])),
    ]
    for seed, fold in enumerate(folds):
        for network in NETWORKS:
            keras.utils.set_random_seed(seed)
            model = build_fdin(
                "age", dense_units=4, lstm_units=(6,), relation_units=(6,),
                head_units=(4,), feature_shape=Clips.shape,
                use_importance=network == "fdin",
            )  # fmt: skip
            if network == "fdin":  # so that pairs differ much
                importance = model.get_layer("importance")
                rng = np.random.default_rng(seed)
                importance.bias.assign(rng.normal(0, 2, 36))
            folder = fold_dir(root / network, fold) / "result"
            folder.mkdir(parents=True)
            model.save(folder / "model.keras")
    frames = keras.Input(Clips.shape)
    same = keras.Model(frames, keras.layers.Identity()(frames))
    return SimpleNamespace(
        encoded=Clips(),
        folds=folds,
        frontend=EncoderFrontend(same),
        target="age",
        network_dirs={network: root / network for network in NETWORKS},
    )


def inputs_of(prepared, clip_id):
    features = prepared.encoded.load(clip_id)[None]
    return {"features": features, "mask": np.ones(features.shape[:2], bool)}


def regions_by_hand(prepared, fold, clip_ids):
    """Regions by the sum of their pairs' importance, clip after clip."""
    path = fold_dir(prepared.network_dirs["fdin"], fold) / "result/model.keras"
    network = explained(keras.saving.load_model(path))
    score = np.zeros(9)
    for clip_id in clip_ids:
        importance = np.ravel(
            network(inputs_of(prepared, clip_id))["importance"]
        )
        for (i, j), share in zip(region_pairs(9), importance):
            score[i] += share
            score[j] += share
    return [REGIONS[i] for i in np.argsort(score)]


def test_regions_come_from_clips_that_are_not_tested(prepared):
    found = perturb_folds(prepared, NETWORKS, ages=(30, 70))
    # Of these ages: c2 to c6. Fold 0 knows c4, c5, c6; fold 1 c2, c3.
    for fold, known in zip(prepared.folds, (["c4", "c5", "c6"], ["c2", "c3"])):
        *least, most = regions_by_hand(prepared, fold, known)
        of = found[found.fold == fold.number]
        assert set(of.important) == {most}
        assert set(of.less_important) == {", ".join(least[:3])}
    assert set(found.network) == set(NETWORKS)


def test_all_known_clips_count_where_none_is_of_these_ages(prepared):
    found = perturb_folds(prepared, ["fdin"], ages=(50, 100))
    # Fold 0 tests nobody of these ages; fold 1 knows nobody of them.
    assert set(found.fold) == {1}
    *_, most = regions_by_hand(
        prepared, prepared.folds[1], ["c0", "c1", "c2", "c3"]
    )
    assert set(found.important) == {most}


def test_estimates_are_those_of_the_fold_that_tests_the_clip(prepared):
    found = perturb_folds(prepared, NETWORKS, ages=(30, 70))
    assert sorted(found.clip_id) == sorted(2 * ["c2", "c3", "c4", "c5", "c6"])
    for row in found.itertuples(index=False):
        fold = prepared.folds[row.fold]
        assert row.clip_id in fold.test
        folder = fold_dir(prepared.network_dirs[row.network], fold)
        model = keras.saving.load_model(folder / "result" / "model.keras")
        answer = model(inputs_of(prepared, row.clip_id))["age"]
        of = found[
            (found.network == row.network) & (found.clip_id == row.clip_id)
        ].iloc[0]
        assert of["not contaminated"] == pytest.approx(
            float(answer[0, 0]), rel=1e-4, abs=1e-5
        )
        assert of["important part"] != of["not contaminated"]


def test_the_table_holds_errors_and_the_papers_numbers(prepared):
    estimates = perturb_folds(prepared, NETWORKS, ages=(30, 70))
    clips = prepared.encoded.clips
    table = perturbed_table(estimates, clips)
    age = clips.set_index("clip_id").age
    for row in table.itertuples():
        of = estimates[estimates.network == row.network]
        error = np.abs(of[row.perturbation] - age[of.clip_id].to_numpy())
        assert row.error == pytest.approx(error.mean())
        assert row.clips == 5
    fdin = table[table.network == "fdin"]
    assert fdin.paper_mae_years.tolist() == [5.05, 7.56, 9.0]
    assert table[table.network != "fdin"].paper_mae_years.isna().all()
    elsewhere = perturbed_table(estimates, clips, ages=(30, 70))
    assert elsewhere.paper_mae_years.isna().all()

    console = Console(width=80, file=io.StringIO())
    print_perturbed(table, estimates, (30, 70), "drawn clips", console)
    text = console.file.getvalue()
    assert "…" not in text
    assert "9.00 ± 0.41" in text
    assert "FDIN, no importance" in text
    in_one_line = " ".join(text.split())
    assert "subjects of 30 to 70" in in_one_line
    assert "drawn clips; 5 clips of 3 subjects" in in_one_line
    region = estimates.important[0].replace("_", " ")
    assert f"Important part (folds): {region}" in in_one_line


def test_ages_of_nobody_are_refused(prepared):
    with pytest.raises(ValueError, match=r"perturb_ages=101 110"):
        perturb_folds(prepared, NETWORKS, ages=(101, 110))
    check_ages(prepared.encoded.clips, (100, 110))
