"""kill -9 at any point of the main job: the same command ends it the same."""

import itertools
import os
import re
import shutil

import pytest

from tests.faults.results import differences
from tests.faults.results import leftovers
from tests.faults.results import read_results

# What tells points of one kind apart: keys, numbers, names of tables and
# pictures.
_WHICH = re.compile(
    r"[0-9a-f]{12,}|\d+|(?<=/)[0-9a-f]{2}(?=/|$)|\w+(?=\.(?:csv|png|svg)\b)"
)
_IN_CI = 8


def points_of(undisturbed):
    """Points of an undisturbed run in their order, each once."""
    lines = (undisturbed / "points.txt").read_text().splitlines()
    return list(dict.fromkeys(lines))


def sample(points, number):
    """So many points of different kinds, evenly spread over the job."""
    kinds = {}
    for point in points:
        kinds.setdefault(_WHICH.sub("#", point), []).append(point)
    chosen = [of[len(of) // 2] for of in kinds.values()]
    chosen = sorted(chosen, key=points.index)
    places = [int((i + 0.5) * len(chosen) / number) for i in range(number)]
    return [chosen[place] for place in places]


def test_points_are_of_all_stages(undisturbed):
    points = points_of(undisturbed)
    for stage in (
        "os.rename cache/embedded/tiny-1/videos/",
        "os.rename cache/tracks/",
        "os.rename cache/features/",
        "os.rename cache/runs/age-fdin-.*/fold_00/encoder.keras",
        "os.rename cache/runs/age-fdin-.*/fold_01/checkpoints/epoch_00002",
        "os.remove cache/runs/age-fdin-.*/fold_01/checkpoints/epoch_00001/",
        "os.rename cache/runs/age-fdin-.*/fold_01/result",
        "os.remove cache/runs/age-fdin-.*/fold_01/checkpoints/",
        "os.rename cache/runs/age_cv-.*/errors.csv",
        "os.rename cache/runs/age_cv-.*/figures/learning_curves.png",
        "os.rename cache/runs/age-fdin-.*/final/checkpoints/epoch_00001",
        "os.rename saved_models/smoke_age/1$",
        "os.rename cache/runs/age_cv-.*/finished.json",
        "os.rename mlruns/",
        "commit mlflow.db",
    ):
        assert any(re.match(stage, point) for point in points), stage


def test_killed_again_and_again_the_job_ends_the_same(
    recipes, undisturbed, expected, tmp_path
):
    points = sample(points_of(undisturbed), _IN_CI)
    assert kill_at(points, recipes, expected, tmp_path) == _IN_CI


@pytest.mark.skipif(
    "FDIN_TF_NIGHTLY" not in os.environ,
    reason="takes an hour; FDIN_TF_NIGHTLY=1 runs it",
)
def test_killed_at_every_point_the_job_ends_the_same(
    recipes, undisturbed, expected, tmp_path
):
    points = points_of(undisturbed)
    assert kill_at(points, recipes, expected, tmp_path) > 0.8 * len(points)


def kill_at(points, recipes, expected, root):
    """Kills the job at these points in turn; returns at how many it did.

    A point that is not met any more, for what was left went another way, is
    passed over: the job is over then, and another one meets the rest.
    """
    kills = 0
    folders = (root / str(number) for number in itertools.count())
    folder = next(folders)
    for point in points:
        folder.mkdir(exist_ok=True)
        ended = recipes.run(folder, at=f"^{re.escape(point)}$", do="kill")
        assert ended.code in (-9, 0), f"{point}: {ended.log}"
        kills += ended.code == -9
        if ended.code == 0:
            check(folder, expected)
            shutil.rmtree(folder)
            folder = next(folders)
    folder.mkdir(exist_ok=True)
    ended = recipes.run(folder)
    assert ended.code == 0, ended.log
    check(folder, expected)
    return kills


def check(folder, expected):
    assert not differences(read_results(folder), expected)
    assert not leftovers(folder)
