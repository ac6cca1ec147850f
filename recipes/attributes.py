"""Faces rated by retrained networks, and why: Arbabzadah et al. (GCPR 2016).

    python -m recipes.attributes                            # drawn faces
    python -m recipes.attributes paper --data-dir US-Adult-Faces
        --age-weights age_net.npz --gender-weights gender_net.npz
    python -m recipes.attributes planted                    # heatmaps scored
    python -m recipes.attributes smoke                      # for the tests

Two base networks, for age and gender, are retrained to rate attractiveness,
happiness, confidence and intelligence, in their dense layers or in full. On
the half of the photographs that no network was shown: the mean absolute
errors (Table 1, beside the paper's where the photographs are those of the
paper), training errors by epoch (Figure 3), and what the ratings rest on by
layer-wise relevance propagation. The embedded photographs are drawings whose
ratings depend on known places of the face: nothing found on them is about
people.

Writes tables as CSV, pictures and a report to --output-dir, and a run to
MLflow. People are drawn only where --show-faces is given: give it only where
they agreed. An interrupted run continues with the same command; a finished
one prints its result again.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from fdin_tf.data.images import ATTRIBUTES
from fdin_tf.data.kdef import load_kdef
from fdin_tf.data.synthetic.photographs import PHOTOGRAPH_SETS
from fdin_tf.data.synthetic.photographs import PhotographsConfig
from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.progress import console
from fdin_tf.training.attribute_fit import ImageFit
from fdin_tf.training.attribute_networks import BASES
from fdin_tf.training.attribute_tables import print_table_1
from fdin_tf.training.precision import choose_precision
from recipes.attribute_explanations import explain_attributes
from recipes.attribute_networks import train_study
from recipes.attribute_photographs import load_halves
from recipes.attribute_report import begin
from recipes.attribute_report import publish
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.study_call import REPORT

Attribute = Literal["attractiveness", "happiness", "confidence", "intelligence"]
Base = Literal["age", "gender"]
Layers = Literal["dense", "all"]
_FIT = ImageFit()


@dataclasses.dataclass(frozen=True)
class Config:
    """The face-attribute study of Arbabzadah et al. (2016).

    Attributes:
        name: Name of the run.
        data_dir: Folder of the 10k US Adult Faces Database or of drawn
            photographs, or CSV file with an image table; None for embedded
            photographs.
        photographs: The embedded photographs; None: there are none.
        base_photographs: Those of other people, which the base networks learn
            from where there are no weights; None: there are none.
        age_weights: Published weights of the age network, `.npz`.
        gender_weights: Published weights of the gender network, `.npz`.
        age_mean: Mean image of the age network, `.npy`, where it is not with
            the weights.
        gender_mean: The same of the gender network.
        image_size: Side of the images as networks see them, pixels.
        crop_from: Side to which photographs are resized before the middle is
            cut out; None: they are resized to `image_size` as a whole.
        conv_units: Kernels of the three convolutions.
        dense_units: Units of `fc6` and `fc7`.
        dropout: Share dropped after each of these.
        std: What differences to the mean are divided by.
        kernel_initializer: See `build_levi_hassner`; None: as published.
        attributes: What is rated.
        bases: Base networks.
        layers: Which layers are retrained: `dense`, `all`.
        base_fit: Training of base networks.
        dense_fit: Training of dense layers for ratings.
        fit: Training of all layers for ratings.
        composite: Composite of the pictures of relevance, see `COMPOSITES`.
        num_shown: Number of photographs in a picture.
        show_faces: Draw the faces of people. Give it only where they agreed.
        kdef_dir: Folder of the KDEF, for pairs of expressions.
        seed: Seed of halves, first weights, copies, order and dropout.
        output_dir: Folder of tables, pictures and report.
        cache_dir: Folder of embedded photographs and networks; None for the
            user's cache folder.
        restart: Forget an earlier run of the same settings, its networks
            included.
    """

    name: str = "attributes"
    data_dir: Path | None = None
    photographs: PhotographsConfig | None = None
    base_photographs: PhotographsConfig | None = None
    age_weights: Path | None = None
    gender_weights: Path | None = None
    age_mean: Path | None = None
    gender_mean: Path | None = None
    image_size: int = 227
    crop_from: int | None = None
    conv_units: tuple[int, int, int] = (96, 256, 384)
    dense_units: tuple[int, int] = (512, 512)
    dropout: float = 0.5
    std: float = 1.0
    kernel_initializer: str | None = None
    attributes: tuple[Attribute, ...] = ATTRIBUTES
    bases: tuple[Base, ...] = tuple(BASES)
    layers: tuple[Layers, ...] = ("dense", "all")
    base_fit: ImageFit = _FIT
    dense_fit: ImageFit = _FIT
    fit: ImageFit = _FIT
    composite: Literal[*COMPOSITES] = "alpha_beta"
    num_shown: int = 4
    show_faces: bool = False
    kdef_dir: Path | None = None
    seed: int = 0
    output_dir: Path = Path("results/attributes")
    cache_dir: Path | None = None
    restart: bool = False


def check_config(config):
    """Finds mistakes before anything is drawn or trained.

    Raises:
        FileNotFoundError: If there is no such folder of the KDEF.
        ValueError: If photographs or weights are missing, a mean image has no
            weights, or something is named twice or not at all.
    """
    for name in ("attributes", "bases", "layers"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            raise ValueError(
                f"Expected at least one of `{name}`, and every one once. "
                f"Received: {name}={values}"
            )
    if config.data_dir is None and config.photographs is None:
        raise ValueError(
            "Expected the folder of the 10k US Adult Faces Database: give "
            "--data-dir. Received: data_dir=None"
        )
    for base in BASES:
        weights = getattr(config, f"{base}_weights")
        mean = getattr(config, f"{base}_mean")
        if mean is not None and weights is None:
            raise ValueError(
                f"A mean image belongs to weights: give --{base}-weights. "
                f"Received: {base}_mean={mean}"
            )
        is_drawn = config.data_dir is None and config.base_photographs
        if base in config.bases and weights is None and not is_drawn:
            raise ValueError(
                "People's faces are rated by the published networks, "
                f"retrained: give --{base}-weights. Received: "
                f"{base}_weights=None, data_dir={config.data_dir}"
            )
    if config.kdef_dir is not None:
        load_kdef(config.kdef_dir)


# What a small network needs: first weights that keep signals alive, steps in
# proportion to each weight's gradients, and copies of the photographs.
_DRAWN = ImageFit(
    batch_size=32,
    schedule="cosine",
    optimizer="adam",
    copies=4,
    flip=True,
    shift=0.03,
    light=0.1,
)
_RATINGS = dataclasses.replace(
    _DRAWN, epochs=20, learning_rate=1.5e-3, weight_decay=0.3, copies=8
)

_DEMO = Config(
    name="embedded",
    photographs=PhotographsConfig(num_images=6000),
    base_photographs=PhotographsConfig(num_images=2500, seed=1),
    image_size=160,
    crop_from=180,
    conv_units=(16, 48, 96),
    dense_units=(96, 32),
    dropout=0.3,
    std=128.0,
    kernel_initializer="lecun_normal",
    base_fit=dataclasses.replace(_DRAWN, epochs=8),
    dense_fit=_RATINGS,
    fit=_RATINGS,
    composite="epsilon_alpha2_beta1_plus_flat",
)

PRESETS = {
    "demo": ("Drawn photographs, twenty minutes on two cores.", _DEMO),
    "planted": (
        "Are heatmaps right? Happiness alone, five minutes more.",
        dataclasses.replace(
            _DEMO,
            name="planted",
            attributes=("happiness",),
            layers=("all",),
            # Weight decay lets go of what the base network saw and the rating
            # does not need, such as hair and eyes.
            fit=dataclasses.replace(
                _RATINGS,
                epochs=24,
                weight_decay=2.0,
                copies=12,
                shift=0.06,
                light=0.2,
            ),
            composite="epsilon_plus_flat",
        ),
    ),
    "paper": (
        "Section 3.1 of Arbabzadah et al.: needs --data-dir and weights.",
        Config(name="paper"),
    ),
    "smoke": (
        "Two dozen photographs and small networks, for the tests.",
        Config(
            name="smoke",
            photographs=PHOTOGRAPH_SETS["tiny"],
            base_photographs=PhotographsConfig(num_images=10, size=64, seed=1),
            image_size=64,
            conv_units=(4, 4, 4),
            dense_units=(8, 8),
            std=128.0,
            kernel_initializer="lecun_normal",
            base_fit=dataclasses.replace(_DRAWN, epochs=1, batch_size=4),
            attributes=("happiness",),
            dense_fit=dataclasses.replace(_DRAWN, epochs=2, batch_size=4),
            fit=dataclasses.replace(_DRAWN, epochs=2, batch_size=4),
            num_shown=2,
        ),
    ),
}


def run(config):
    """Trains and explains all networks; returns the tables by name."""
    check_config(config)
    config = with_precision(config)
    train, test = load_halves(config)
    call = begin(config, train, test)
    if call.is_finished:
        console.print("This run is finished; its result:")
        tables = call.read_tables()
    else:
        with call.tracker.run(config.name):
            study, tables, figures = train_study(config, train, test, call)
            explained = explain_attributes(study, config)
            tables = publish(call, tables, figures, explained)
    print_table_1(tables["table_1"], call.facts["photographs"])
    console.print(f"Report: {config.output_dir / REPORT}", soft_wrap=True)
    return tables


def with_precision(config):
    """The config with the precision that this machine is good at."""
    precision = choose_precision(config.fit.precision, config.cache_dir)
    return dataclasses.replace(
        config,
        **{
            name: dataclasses.replace(
                getattr(config, name), precision=precision
            )
            for name in ("base_fit", "dense_fit", "fit")
        },
    )


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
