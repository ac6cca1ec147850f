"""Attention out of fold: whose network, which frames, which mean."""

import io

import keras
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.metrics import roc_auc_score

from fdin_tf.data.crops import warp_frames
from fdin_tf.explain.attention import upsample
from fdin_tf.explain.attention_tables import clustered_ratio
from fdin_tf.explain.explained import explained
from fdin_tf.faces import find_phases
from fdin_tf.statistics import clustered_mean
from fdin_tf.training.attention_folds import attention_table
from fdin_tf.training.attention_folds import measure_attention
from fdin_tf.training.attention_folds import print_attention
from fdin_tf.training.cross_validate import fold_dir
from tests.training.siam_folds import finished_folds

KINDS = ("whole", "rest", "late", "whole")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return finished_folds(tmp_path_factory.mktemp("attention"), KINDS)


@pytest.fixture
def runs():
    """Measures and predictions of two networks, two seeds, six clips."""
    rng = np.random.default_rng(0)
    measured, predictions = [], []
    for network in ("siam_spatially_agnostic", "siam"):
        for seed in (0, 1):
            ids = [f"c{i}" for i in range(6)]
            measured.append(
                pd.DataFrame(
                    {
                        "network": network,
                        "seed": seed,
                        "fold": 0,
                        "clip_id": ids,
                        "apex_weight": rng.uniform(2, 4, 6),
                        "neutral_weight": rng.uniform(0.2, 1, 6),
                        "face_auc": rng.uniform(0.5, 1, 6),
                    }
                )
            )
            predictions.append(
                pd.DataFrame(
                    {
                        "network": network,
                        "seed": seed,
                        "fold": 0,
                        "clip_id": ids,
                        "subject": [f"s{i // 2}" for i in range(6)],
                        "age": 30.0,
                        "estimate": 30 + rng.normal(0, 5, 6),
                    }
                )
            )
    return tuple(
        pd.concat(parts, ignore_index=True) for parts in (measured, predictions)
    )


def test_every_clip_is_measured_by_the_network_of_its_fold(prepared):
    found = measure_attention(prepared, "siam", prepared.folds)
    assert found.clip_id.tolist() == ["c0", "c1", "c2", "c3"]
    assert set(found.seed) == {7}
    for fold in prepared.folds:
        folder = fold_dir(prepared.network_dirs["siam"], fold)
        model = keras.saving.load_model(folder / "result" / "model.keras")
        warp = prepared.frontend.load(folder)
        for clip_id in fold.test:
            crops, landmarks = prepared.encoded.load(clip_id)
            frames = warp_frames(warp, crops, landmarks)[None]
            mask = np.ones(frames.shape[:2], bool)
            out = explained(model)({"frames": frames, "mask": mask})
            weights = np.ravel(out["temporal_attention"])
            phases = find_phases(landmarks, smooth=False)
            row = found.set_index("clip_id").loc[clip_id]
            assert row.fold == fold.number
            if clip_id == "c1":  # at rest: no neutral frame beside an apex
                assert np.isnan(row.neutral_weight)
            else:
                weights = len(weights) * weights
                apex = weights[slice(*phases.apex)].mean()
                before = weights[: phases.onset_begins]
                after = weights[phases.offset_ends + 1 :]
                neutral = np.concatenate([before, after]).mean()
                assert len(before) >= 4
                assert len(after) >= 4
                assert row.apex_weight == pytest.approx(apex, rel=1e-4)
                assert row.neutral_weight == pytest.approx(neutral, rel=1e-4)
            mean = np.mean(out["spatial_attention"][0], axis=0)
            area = roc_auc_score(
                warp.mask.ravel(), upsample(mean, len(warp.mask)).ravel()
            )
            assert row.face_auc == pytest.approx(area, abs=1e-3)


def test_some_folds_alone_can_be_measured(prepared):
    found = measure_attention(prepared, "siam", prepared.folds[1:])
    assert found.clip_id.tolist() == ["c2", "c3"]


@pytest.mark.parametrize(
    "missing", [{"spatial_attention": None}, {"temporal_attention": False}]
)
def test_a_network_without_either_attention_is_refused(tmp_path, missing):
    prepared = finished_folds(tmp_path, ("whole", "late"), **missing)
    with pytest.raises(
        ValueError, match=r"spatial and temporal attention.*network='siam'"
    ):
        measure_attention(prepared, "siam", prepared.folds)


def test_means_are_over_clips_and_errors_clustered_by_subject(runs):
    measured, predictions = runs
    table = attention_table(measured, predictions)
    assert table.seed.tolist() == ["all", "0", "1", "all", "0", "1"]
    assert table.title[0] == "Spatially-agnostic"
    assert table.title[3] == "Spatially-indexed"
    assert table.paper_mae_years[0] == 4.95
    assert table.paper_mae_years[3] == 4.74
    for row in table.itertuples():
        is_row = predictions.network == row.network
        if row.seed != "all":
            is_row &= predictions.seed == int(row.seed)
        subject = predictions.subject[is_row]
        assert row.clips == is_row.sum() == (12 if row.seed == "all" else 6)
        assert row.subjects == 3
        error = (predictions.estimate - predictions.age).abs()[is_row]
        columns = {
            "mae_years": error,
            "face_auc": measured.face_auc[is_row],
        }
        for name, values in columns.items():
            expected = clustered_mean(values, subject)
            found = (
                getattr(row, name),
                getattr(row, f"{name}_standard_error"),
            )
            assert found == pytest.approx(expected)
        of = measured[is_row]
        ratio = of.apex_weight.mean() / of.neutral_weight.mean()
        assert row.apex_to_neutral == pytest.approx(ratio)
        low, high = row.apex_to_neutral_low, row.apex_to_neutral_high
        assert low < ratio < high
        assert (low, high) == pytest.approx(
            clustered_ratio(of.apex_weight, of.neutral_weight, subject)[1:]
        )


def test_clips_without_neutral_frames_count_for_the_rest(runs):
    measured, predictions = runs
    measured.loc[0, "neutral_weight"] = np.nan
    row = attention_table(measured, predictions).iloc[1]
    assert (row.clips, row.phase_clips) == (6, 5)
    of = measured[1:6]
    assert row.apex_to_neutral == pytest.approx(
        of.apex_weight.mean() / of.neutral_weight.mean()
    )
    measured.loc[:5, "neutral_weight"] = np.nan
    row = attention_table(measured, predictions).iloc[1]
    assert np.isnan(row.apex_to_neutral)
    assert row.face_auc == pytest.approx(measured.face_auc[:6].mean())


def test_neutral_frames_without_any_weight_make_the_ratio_infinite(runs):
    measured, predictions = runs
    measured.loc[:5, "neutral_weight"] = 0.0
    row = attention_table(measured, predictions).iloc[1]
    assert np.isinf(row.apex_to_neutral)
    assert np.isnan(row.apex_to_neutral_low)


def test_other_clips_than_were_tested_are_refused(runs):
    measured, predictions = runs
    with pytest.raises(
        ValueError, match=r"tested and measured.*1 that were not.*'c0'"
    ):
        attention_table(measured[1:], predictions)


def test_the_printed_table_is_whole_at_80_columns(runs):
    measured, predictions = runs
    measured.loc[0, "neutral_weight"] = np.nan
    table = attention_table(measured, predictions)
    console = Console(width=80, file=io.StringIO())
    print_attention(table, "drawn clips", console)
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    words = text.split()
    for row in table.itertuples():
        assert f"{row.mae_years:.2f}" in words
        assert f"{row.face_auc:.3f}" in words
        assert f"{row.apex_to_neutral:.2f}" in words
    assert words.count("4.95") == 1
    assert "both kinds of frames: 11 of 12" in " ".join(words)
