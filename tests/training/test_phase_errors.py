"""Table II out of fold: which frames are shown to which network."""

import io

import keras
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy.stats import ttest_rel

from fdin_tf.data.crops import warp_frames
from fdin_tf.faces import find_phases
from fdin_tf.training.cross_validate import fold_dir
from fdin_tf.training.phase_errors import SHOWN
from fdin_tf.training.phase_errors import WHOLE
from fdin_tf.training.phase_errors import is_shown
from fdin_tf.training.phase_errors import phase_estimates
from fdin_tf.training.phase_errors import print_table_2
from fdin_tf.training.phase_errors import table_2
from tests.training.siam_folds import FRAMES
from tests.training.siam_folds import SmileCrops
from tests.training.siam_folds import finished_folds

KINDS = ("whole", "rise", "late", "rest", "whole", "late")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return finished_folds(tmp_path_factory.mktemp("phases"), KINDS)


@pytest.fixture(scope="module")
def estimates(prepared):
    return phase_estimates(prepared, "siam")


def random_estimates(left_out=()):
    """Twelve clips of as many subjects; whole clips are estimated best."""
    rng = np.random.default_rng(1)
    parts = []
    for shown in SHOWN:
        age = np.linspace(20, 60, 12)
        spread = 2 if shown == WHOLE else 9
        estimate = age + rng.normal(0, spread, 12)
        if shown in left_out:
            estimate[[2, 5]] = np.nan
        parts.append(
            pd.DataFrame(
                {
                    "shown": shown,
                    "clip_id": [f"c{i}" for i in range(12)],
                    "subject": [f"s{i}" for i in range(12)],
                    "age": age,
                    "frames": np.where(np.isnan(estimate), 0, 10),
                    "estimate": estimate,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_rows_are_phases_that_follow_each_other():
    assert list(SHOWN) == [
        "onset", "apex", "offset", "onset + apex", "apex + offset", WHOLE,
    ]  # fmt: skip
    assert SHOWN["apex + offset"] == ("apex", "offset")


def test_each_estimate_is_of_those_frames_by_the_network_of_its_fold(
    prepared, estimates
):
    assert len(estimates) == len(SHOWN) * len(KINDS)
    checked = 0
    for fold in prepared.folds:
        folder = fold_dir(prepared.network_dirs["siam"], fold)
        model = keras.saving.load_model(folder / "result" / "model.keras")
        warp = prepared.frontend.load(folder)
        for clip_id in fold.test:
            crops, landmarks = prepared.encoded.load(clip_id)
            frames = warp_frames(warp, crops, landmarks)
            of = find_phases(landmarks, smooth=False)
            borders = {
                "onset": (0, of.onset[1]),
                "apex": of.apex,
                "offset": (of.offset[0], FRAMES),
                "onset + apex": (0, of.apex[1]),
                "apex + offset": (of.apex[0], FRAMES),
                WHOLE: (0, FRAMES),
            }
            rows = estimates[estimates.clip_id == clip_id].set_index("shown")
            assert set(rows.fold) == {fold.number}
            for shown, (start, stop) in borders.items():
                if np.isnan(rows.estimate[shown]):
                    continue
                part = frames[None, start:stop]
                mask = np.ones(part.shape[:2], bool)
                answer = model({"frames": part, "mask": mask})["age"]
                assert rows.frames[shown] == stop - start
                assert rows.estimate[shown] == pytest.approx(
                    float(answer[0, 0]), rel=1e-4
                )
                checked += 1
    assert checked == 4 * 6 + 2 + 1


def test_a_clip_that_lacks_a_phase_is_left_out_there_only(estimates):
    known = estimates.dropna(subset="estimate")
    shown = known.groupby("clip_id").shown.agg(set)
    assert shown["c0"] == set(SHOWN)
    assert shown["c1"] == {"onset", WHOLE}  # rises only
    assert shown["c3"] == {WHOLE}  # at rest
    missing = estimates[estimates.estimate.isna()]
    assert (missing.frames == 0).all()


def test_the_apex_needs_a_rise_and_a_fall():
    crops = SmileCrops(["whole", "rise", "rest"])
    whole, rise, rest = (
        find_phases(crops.load(c)[1], smooth=False) for c in crops.clips.clip_id
    )
    assert all(is_shown(whole, names) for names in SHOWN.values())
    assert is_shown(rise, ("onset",))
    assert not is_shown(rise, ("apex",))
    assert not is_shown(rise, ("onset", "apex"))
    assert not is_shown(rest, ("onset",))
    assert is_shown(rest, ("onset", "apex", "offset"))


def test_errors_and_tests_are_those_of_the_clips_that_have_the_phase():
    estimates = random_estimates(left_out=("onset",))
    table = table_2(estimates).set_index("name")
    error = (
        estimates.assign(error=(estimates.estimate - estimates.age).abs())
        .pivot(index="clip_id", columns="shown", values="error")
    )  # fmt: skip
    for name in SHOWN:
        known = error[[name, WHOLE]].dropna()
        row = table.loc[name]
        assert row.clips == len(known) == (10 if name == "onset" else 12)
        assert row.left_out == 12 - len(known)
        assert row.mae_years == pytest.approx(known.iloc[:, 0].mean())
        assert row.sd_years == pytest.approx(known.iloc[:, 0].std())
        assert row.frames == 10
        if name == WHOLE:
            assert np.isnan(row.difference_years)
            assert np.isnan(row.p_value)
            continue
        test = ttest_rel(known[name], known[WHOLE])
        assert row.p_value == pytest.approx(test.pvalue)
        assert row.difference_years == pytest.approx(
            (known[name] - known[WHOLE]).mean()
        )
    assert table.paper_mae_years["apex"] == 5.91
    assert table.paper_sd_years[WHOLE] == 5.70


def test_without_one_complete_clip_there_is_no_number(estimates):
    rest = estimates[estimates.clip_id == "c3"]
    table = table_2(rest).set_index("name")
    assert table.clips.tolist() == [0, 0, 0, 0, 0, 1]
    assert table.left_out.tolist() == [1, 1, 1, 1, 1, 0]
    assert table.mae_years[:-1].isna().all()
    assert "0 clips complete" in printed(table.reset_index())


def printed(table):
    console = Console(width=80, file=io.StringIO())
    print_table_2(table, "drawn clips", console)
    return " ".join(console.file.getvalue().split())


def test_the_printed_table_is_whole_at_80_columns(estimates):
    table = table_2(random_estimates(left_out=("apex",)))
    text = printed(table)
    assert "…" not in text
    for row in table.itertuples():
        assert f"{row.mae_years:.2f} ± {row.sd_years:.2f}" in text
        assert f"{row.paper_mae_years:.2f} ± {row.paper_sd_years:.2f}" in text
    assert "drawn clips; 12 clips of 12 subjects, 10 clips complete" in text
