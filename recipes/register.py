"""Registers an exported model in MLflow, so that its server can be started.

    python -m recipes.register saved_models/demo_age --name age
    mlflow models serve -m models:/age@champion --env-manager local

The model becomes the next version under the name. The alias `champion` moves
to it if no version has it, or if it was cross-validated on the same data by
the same folds as the one that has it, with an error that is not above;
`--force` moves it whatever the errors are. docs/server.md shows how to ask the
server.
"""

import dataclasses
from pathlib import Path

import tyro
from tyro.conf import Positional

from fdin_tf.training.tracking import register_folder
from recipes.cli import run_recipe


@dataclasses.dataclass(frozen=True)
class Config:
    """A version of a registered model.

    Attributes:
        model: Folder of an exported model of videos; its highest version is
            taken.
        name: Name of the registered model.
        alias: Alias that the best version has.
        force: Give it the alias whatever the errors are.
    """

    model: Positional[Path]
    name: str
    alias: str = "champion"
    force: bool = False


def run(config):
    """Registers the model; returns the `Registered` version."""
    found = register_folder(
        config.model, config.name, config.alias, config.force
    )
    print(found)
    print(f"Serve it: mlflow models serve -m {found.uri} --env-manager local")
    return found


if __name__ == "__main__":
    run_recipe(run, tyro.cli(Config, description=__doc__))
