"""The networks of the face-attribute study of Arbabzadah et al. (2016).

Four attributes of two base networks, each retrained in its dense layers or in
full: sixteen networks that rate photographs of faces.
"""

import dataclasses
import functools
import hashlib
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.images import rating_targets
from fdin_tf.models.levi_hassner import AGE_GROUPS
from fdin_tf.models.levi_hassner import transfer_levi_hassner
from fdin_tf.training.attribute_fit import altered_copy
from fdin_tf.training.attribute_fit import fit_images
from fdin_tf.training.attribute_parts import convolved
from fdin_tf.training.attribute_parts import dense_part
from fdin_tf.training.attribute_parts import whole_part
from fdin_tf.training.prepare import layer_settings

#: Name of a base network and what it is trained for.
BASES = {"age": "age_group", "gender": "gender"}

#: Which layers are retrained, and what the paper calls it.
RETRAINED = {"dense": "dense only", "all": "full"}


@dataclasses.dataclass(frozen=True, eq=False)
class AttributeStudy:
    """Trained networks, and the photographs that they were not shown.

    Attributes:
        networks: Dict from (attribute, base, layers), such as
            `("happiness", "age", "dense")`, to the network, which gives a
            rating in [0, 1]; see `transfer_levi_hassner`.
        bases: Dict from `"age"` and `"gender"` to the base network, which
            gives probabilities of `age_group` or `gender`.
        images: Image table of the test half.
        pixels: Uint8 array `(n, size, size, 3)`: its photographs, red, green
            and blue, 0..255.
        landmarks: Float array `(n, 68, 2)`: iBUG order, pixels, x then y;
            None where they are not known.
        masks: Dict from an attribute to a bool array `(n, size, size)`: the
            pixels that the planted rating shows in; None for people.
        is_synthetic: Whether the photographs are drawn.
    """

    networks: dict[tuple[str, str, str], keras.Model]
    bases: dict[str, keras.Model]
    images: pd.DataFrame
    pixels: np.ndarray
    landmarks: np.ndarray | None
    masks: dict[str, np.ndarray] | None
    is_synthetic: bool


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network and how its training went.

    Attributes:
        model: The network, read from disk.
        history: Table of `fit_images`.
    """

    model: keras.Model
    history: pd.DataFrame


class AttributeTrainer:
    """Trains networks on photographs, and keeps them.

    Every network has a folder named by a digest of all that decides it:
    layers, first weights, photographs, values, training, seed and versions.
    One that is there is read; one that was interrupted goes on.

    Args:
        pixels: Uint8 array `(n, size, size, 3)`: the photographs of training.
        config: `ImageFit`; its `precision` has taken effect when the models
            were built.
        runs_dir: Folder of the networks' folders.
        seed: Seed of copies, order, dropout and last layers.
        versions: Dict of what else decides a network, such as the versions of
            the packages.
        restart: Whether networks that are there are trained once more.
    """

    def __init__(
        self, pixels, config, runs_dir, seed=0, versions=None, restart=False
    ):
        self.pixels = pixels
        self.config = config
        self.runs_dir = Path(runs_dir)
        self.seed = seed
        self.restart = restart
        self._shared = [
            array_digest(pixels), dataclasses.asdict(config), seed, versions,
        ]  # fmt: skip
        self._maps = {}

    def train_base(self, model, values, on_epoch=None):
        """Trains a base network; see `fit_images`.

        Args:
            model: Untrained model of `build_levi_hassner`.
            values: Numbers of its classes `(n,)`.
            on_epoch: See `fit_images`.

        Returns:
            `TrainedNetwork`.
        """
        return self._kept(model, self._copy, values, on_epoch)

    def train(self, base, attribute, layers, images, on_epoch=None):
        """Trains a base network anew, for the ratings of an attribute.

        Where the convolutions are frozen they are run once per copy of the
        photographs, for all networks of this base.

        Args:
            base: Trained network.
            attribute: One of `ATTRIBUTES`.
            layers: `"dense"` or `"all"`, see `transfer_levi_hassner`.
            images: Image table of the photographs of training.
            on_epoch: See `fit_images`.

        Returns:
            `TrainedNetwork`.

        Raises:
            ValueError: As `transfer_levi_hassner` and `rating_targets`.
        """
        model = transfer_levi_hassner(base, attribute, layers, self.seed)
        inputs_of = self._copy
        if layers == "dense":
            inputs_of = functools.partial(self._maps_of, base)
        return self._kept(
            model, inputs_of, rating_targets(images, attribute), on_epoch
        )

    def _kept(self, model, inputs_of, values, on_epoch):
        is_whole = inputs_of == self._copy
        digest = settings_digest(
            model_digest(model), is_whole, array_digest(values), *self._shared
        )
        (target,) = model.output
        folder = self.runs_dir / f"{target}-{digest[:12]}"
        if self.restart:
            shutil.rmtree(folder, ignore_errors=True)
        sweep(folder)
        result = folder / "result"
        if not result.is_dir():
            history = fit_images(
                whole_part(model) if is_whole else dense_part(model),
                inputs_of,
                values,
                self.config,
                folder / "epochs",
                self.seed,
                on_epoch,
            )
            with atomic_path(result) as new:
                new.mkdir()
                model.save(new / "model.keras")
                history.to_csv(new / "history.csv", index=False)
        shutil.rmtree(folder / "epochs", ignore_errors=True)
        return TrainedNetwork(
            keras.models.load_model(result / "model.keras"),
            pd.read_csv(result / "history.csv"),
        )

    def _copy(self, copy):
        return altered_copy(self.pixels, copy, self.config, self.seed)

    def _maps_of(self, base, copy):
        """What the frozen convolutions of a base give, run once."""
        of = model_digest(base)
        if of not in self._maps:
            self._maps = {of: {}}  # those of another base are done with
        if copy not in self._maps[of]:
            self._maps[of][copy] = convolved(base, self._copy(copy))
        return self._maps[of][copy]


def age_group_numbers(ages):
    """Number of the nearest of `AGE_GROUPS`, of two the younger.

    Args:
        ages: Years, `(n,)`.

    Returns:
        Integer array `(n,)`.

    Raises:
        ValueError: If an age is missing.

    Example:

    >>> age_group_numbers([2, 3, 35.5, 99]).tolist()
    [0, 0, 5, 7]
    """
    ages = np.asarray(ages, float)[:, None]
    if np.isnan(ages).any():
        raise ValueError(
            "Expected the age of every photograph that a base network learns "
            f"from. Received: {np.isnan(ages).sum()} of {len(ages)} without"
        )
    first, last = np.array(AGE_GROUPS).T
    return np.maximum(first - ages, ages - last).argmin(axis=1)


def array_digest(array):
    """SHA-256 of an array's shape, type and values, hexadecimal."""
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    digest.update(array.data)
    return digest.hexdigest()


def model_digest(model):
    """SHA-256 of a model's layers, weights and what of it is trained."""
    trained = [layer.trainable for layer in model.layers]
    weights = [array_digest(weight) for weight in model.get_weights()]
    return settings_digest(layer_settings(model), trained, weights)
