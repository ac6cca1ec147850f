"""Registered models: versions, and where the alias goes."""

import os
import shutil

import mlflow
import pytest

from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json
from fdin_tf.serving.export import CARD
from fdin_tf.serving.pyfunc import log_pyfunc
from fdin_tf.training.tracking import register
from fdin_tf.training.tracking import register_folder
from recipes.predict import DEMO_MODEL

YEARS_OFF = {"good": 4.0, "middling": 5.0, "bad": 6.0}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """MLflow in a working folder with a store of its own."""
    store, before = tmp_path_factory.mktemp("store"), os.getcwd()
    os.chdir(store)
    mlflow.set_tracking_uri(f"sqlite:///{store}/mlflow.db")
    yield mlflow.MlflowClient()
    os.chdir(before)


@pytest.fixture(scope="module")
def uris(client, tmp_path_factory):
    """The demo model, logged with the cards of better and worse ones."""

    def log(name, **changes):
        folder = tmp_path_factory.mktemp("models") / name
        shutil.copytree(DEMO_MODEL, folder)
        card = read_json(folder / "1" / CARD)
        write_json(folder / "1" / CARD, card | changes)
        return log_pyfunc(folder, name)

    found = {
        name: log(
            name,
            cross_validation={
                "age": [20, 60],
                "estimate": [20 + off, 60 - off],
            },
        )
        for name, off in YEARS_OFF.items()
    }
    accuracy = {"accuracy": 80.0}
    gender = log("gender", target="gender", cross_validation=accuracy)
    return found | {"gender": gender}


def test_the_alias_stays_with_the_best_version(client, uris):
    first = register(uris["middling"], "age")
    assert (first.version, first.has_alias) == (1, True)
    worse = register(uris["bad"], "age")
    assert (worse.version, worse.has_alias) == (2, False)
    assert worse.reason.endswith("above 5.000; version 1 was")
    better = register(uris["good"], "age")
    assert (better.version, better.has_alias) == (3, True)
    champion = client.get_model_version_by_alias("age", "champion")
    assert int(champion.version) == 3
    assert champion.tags == {"mae_years": "4.0000"}
    # What is served by the alias is the exported model itself.
    served = mlflow.pyfunc.load_model(better.uri).metadata
    assert served.metadata["error"] == pytest.approx(4)

    forced = register(uris["bad"], "age", force=True)
    assert (forced.version, forced.has_alias) == (4, True)
    assert forced.reason == "as asked; version 3 was"


def test_a_model_of_something_else_leaves_no_version(client, uris):
    register(uris["good"], "years")
    match = r"'years' estimates age; give another name\. .*: a model of gender"
    with pytest.raises(ValueError, match=match):
        register(uris["gender"], "years")
    assert len(client.search_model_versions("name='years'")) == 1


def test_aliases_are_apart(client, uris):
    assert register(uris["good"], "pair").has_alias
    trial = register(uris["bad"], "pair", alias="trial")
    assert trial.uri == "models:/pair@trial"
    champion = client.get_model_version_by_alias("pair", "champion")
    assert int(champion.version) == 1


def test_a_folder_is_logged_and_registered(client):
    found = register_folder(DEMO_MODEL, "folder")
    assert found.uri == "models:/folder@champion"
    version = client.get_model_version("folder", "1")
    assert float(version.tags["mae_years"]) == pytest.approx(6.4, abs=0.1)


def test_only_models_for_the_server_are_registered(client):
    info = mlflow.pyfunc.log_model(
        name="other",
        python_model=lambda model_input: model_input,
        pip_requirements=[],
    )
    with pytest.raises(
        ValueError, match=r"`log_pyfunc` logged\. Received: uri"
    ):
        register(info.model_uri, "other")


def test_a_folder_without_a_model_is_an_error(client, tmp_path):
    with pytest.raises(FileNotFoundError, match="numbered versions"):
        register_folder(tmp_path, "age")
