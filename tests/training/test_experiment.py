"""Experiments share the networks whose settings agree, and no others."""

import dataclasses
import json

import keras
import pandas as pd
import pytest
from sklearn.model_selection import GroupShuffleSplit

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.training.experiment import split_off_tenth
from fdin_tf.training.prepare import layer_settings
from fdin_tf.training.prepare import prepare
from recipes.networks import NETWORKS
from recipes.networks import SMOKE
from recipes.networks import NetworkConfig
from recipes.networks import build_network
from recipes.networks import builders
from recipes.networks import frontend_of


@pytest.fixture
def folders(tiny_set, cache_dir):
    """Gives a function that names the folders of networks."""
    first = NetworkConfig(cache_dir=cache_dir, **SMOKE)

    def folders(*names, target="age", **changes):
        fit = dataclasses.replace(first.fit, **changes.pop("fit", {}))
        config = dataclasses.replace(first, fit=fit, **changes)
        networks = builders(names, target, config)
        ready = prepare(config, target, networks, frontend_of(config))
        return {name: path.name for name, path in ready.network_dirs.items()}

    return folders


def test_what_decides_a_network_names_its_folder(folders):
    (first,) = folders("fdin").values()
    assert first.startswith("age-fdin-")
    for change in (
        {"seed": 1},
        {"num_folds": 3},
        {"components": 3},
        {"lstm_units": (9,)},
        {"dropout": 0.2},
        {"neutral_frames": 2},
        {"entropy_penalty": 0.1},
        {"fit": {"learning_rate": 0.1}},
        {"fit": {"precision": "mixed_bfloat16"}},
        {"target": "spontaneity"},
    ):
        (other,) = folders("fdin", **change).values()
        assert other != first, change


def test_what_decides_nothing_does_not(folders, tmp_path):
    first = folders("fdin", "fdin_no_importance", "holistic")
    again = folders("fdin", name="other", output_dir=tmp_path)
    assert again["fdin"] == first["fdin"]
    sharper = folders("fdin_no_importance", entropy_penalty=0.1)
    assert sharper["fdin_no_importance"] == first["fdin_no_importance"]
    wider = folders("holistic", relation_units=(99,))
    assert wider["holistic"] == first["holistic"]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_settings_of_layers_do_not_depend_on_what_was_built_before(name):
    def settings():
        model = build_network(name, "gender", NetworkConfig(), (3, 3, 2))
        return json.dumps(layer_settings(model), sort_keys=True, default=str)

    first = settings()
    keras.layers.Dot(axes=1)([keras.Input((2,)), keras.Input((2,))])
    keras.ops.where(keras.Input((2,)), keras.Input((2,)), 0)
    assert settings() == first
    assert " at 0x" not in first


@pytest.mark.parametrize("target", ["age", *TARGET_CLASSES])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_answers_about_every_target(name, target):
    model = build_network(name, target, NetworkConfig(), (3, 3, 2))
    assert list(model.output) == [target]


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match=r"networks of fdin, .*'siam'"):
        build_network("siam", "age", NetworkConfig(), (3, 3, 2))


def test_the_epoch_of_a_final_model_is_chosen_on_both_classes():
    subjects = [f"{number:02d}" for number in range(20)]
    clips = pd.DataFrame(
        {"subject": subjects, "gender": ["female"] * 17 + ["male"] * 3}
    )
    for seed in range(5):
        train, valid = split_off_tenth(clips, "gender", seed)
        assert set(clips.gender[valid]) == {"female", "male"}
        assert len(valid) == 2
        assert sorted([*train, *valid]) == list(range(20))
    expected = GroupShuffleSplit(1, test_size=0.1, random_state=3)
    (expected,) = expected.split(clips, groups=clips.subject)
    found = split_off_tenth(clips, "age", 3)
    for part, of in zip(found, expected):
        assert part.tolist() == of.tolist()


def test_one_class_among_few_subjects_is_taken_as_it_is():
    clips = pd.DataFrame({"subject": list("abcd"), "gender": "female"})
    _, valid = split_off_tenth(clips, "gender", 0)
    assert len(valid) == 1
