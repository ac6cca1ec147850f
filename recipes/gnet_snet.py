"""Gender and smile of photographs: GNet and SNet, Zhang et al. (2016).

    python -m recipes.gnet_snet                             # drawn faces
    python -m recipes.gnet_snet paper --large-dir CelebA --small-dir FotW
        --genders 0 male 1 female 2 unknown --vggface-weights vgg-face.mat
    python -m recipes.gnet_snet smoke                       # for the tests

A network that tells persons apart is fine-tuned for forty attributes, then
for one of them, on a large set of photographs (CelebA), then for the same on
a small, harder one (FotW). On the validation images of the small set: what
every step is worth (Table 2), what every crop is worth (Table 3), and the
pipeline of Figure 1, from a photograph to gender and smile, with the error of
the challenge. GNet and SNet are exported; `recipes.predict` takes them.

The embedded photographs are drawings whose gender and smile show in known
places: nothing found on them is about people.

Writes tables as CSV, pictures and a report to --output-dir, and a run to
MLflow. People are drawn only where --show-faces is given: give it only where
they agreed. An interrupted run continues with the same command; a finished
one prints its result again.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from fdin_tf.data.augmentation import Alteration
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.progress import console
from fdin_tf.training.gnet_snet_tables import in_text
from fdin_tf.training.gnet_snet_tables import numbers_in
from fdin_tf.training.gnet_snet_tables import print_tables
from fdin_tf.training.precision import choose_precision
from fdin_tf.training.stages import TABLE_2_ROWS
from fdin_tf.training.stages import Stage
from fdin_tf.training.stages import check_steps
from recipes.cli import config_from_presets
from recipes.cli import run_recipe
from recipes.gnet_snet_data import StudyData
from recipes.gnet_snet_export import is_finished
from recipes.gnet_snet_networks import train_study
from recipes.gnet_snet_photographs import load_photographs
from recipes.gnet_snet_report import begin
from recipes.gnet_snet_report import publish
from recipes.study_call import REPORT


@dataclasses.dataclass(frozen=True)
class Config:
    """GNet and SNet: general-to-specific fine-tuning.

    Attributes:
        name: Name of the run.
        large_dir: Folder of CelebA, or CSV file with a face image table; None
            for embedded photographs.
        small_dir: Folder of FotW, or CSV file with a face image table that
            has the column `split`; None for embedded photographs.
        embedded: The embedded photographs: `tiny` or `demo`; None: there are
            none.
        genders: Gender by the code of FotW, such as `0 male 1 female`; a code
            of others is `unknown`.
        verify: Check the MD5 sums of CelebA's files.
        vggface_weights: Published VGG-Face weights, which are step 1; None:
            step 1 learns the persons of the large set.
        image_size: Side of the crops, pixels.
        filters: Filters of the five blocks of convolutions.
        dense_units: Units of `fc6` and `fc7`.
        dropout: Share dropped after each of these.
        std: What differences to the mean colour are divided by.
        kernel_initializer: Of networks that begin at random; None: Keras'.
        identity_crop: Crop that step 1 learns persons from.
        stage1: Training on persons.
        stage2: Training on attributes.
        stage3: Training on gender or smile, on the large set.
        stage4: Training on gender or smile, on the small set.
        rows: Rows of Table 2: the steps that are taken, such as `1+3+4`.
        gender_crops: Crops of Table 3 for gender, by number. Of several, such
            as `3+4`, the probabilities are averaged.
        smile_crops: The same for smile.
        gnet_crops: Crops of GNet; one crop, which is also that of Table 2.
        snet_crops: Crops of SNet.
        with_controls: Whether gender and smile are learnt, too, from a crop
            that cuts their evidence off.
        seeds: Seeds; each trains networks of its own.
        precision: See `choose_precision`.
        memory: Memory for decoded crops, gigabytes.
        num_shown: Number of photographs in a picture.
        show_faces: Draw the faces of people. Give it only where they agreed.
        export_dir: Folder of exported models; None exports none.
        output_dir: Folder of tables, pictures and report.
        cache_dir: Folder of embedded photographs, found faces and networks;
            None for the user's cache folder.
        restart: Forget an earlier run of the same settings, its networks
            included.
    """

    name: str = "gnet_snet"
    large_dir: Path | None = None
    small_dir: Path | None = None
    embedded: Literal["tiny", "demo"] | None = None
    genders: tuple[tuple[int, Literal["female", "male", "unknown"]], ...] = ()
    verify: bool = False
    vggface_weights: Path | None = None
    image_size: int = 224
    filters: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    dense_units: tuple[int, int] = (4096, 4096)
    dropout: float = 0.5
    std: float = 1.0
    kernel_initializer: str | None = None
    identity_crop: int = 2
    stage1: Stage = Stage(multipliers=())
    stage2: Stage = Stage(learning_rate=1e-3)
    stage3: Stage = Stage()
    stage4: Stage = Stage()
    rows: tuple[str, ...] = tuple(map(in_text, TABLE_2_ROWS.values()))
    gender_crops: tuple[str, ...] = ("1", "2", "3", "4", "3+4")
    smile_crops: tuple[str, ...] = ("1", "2", "5", "1+5")
    gnet_crops: str = "3"
    snet_crops: str = "1+5"
    with_controls: bool = False
    seeds: tuple[int, ...] = (0,)
    precision: str = "auto"
    memory: float = 4.0
    num_shown: int = 4
    show_faces: bool = False
    export_dir: Path | None = Path("saved_models")
    output_dir: Path = Path("results/gnet_snet")
    cache_dir: Path | None = None
    restart: bool = False

    def stage(self, steps):
        """How the last of some steps is trained.

        Step 4 alone, of a network that begins at random, differs from step 4
        of the others in this: every layer learns at the full rate.
        """
        if tuple(steps) == (4,):
            return dataclasses.replace(self.stage4, multipliers=())
        return getattr(self, f"stage{steps[-1]}")


def check_config(config):
    """Finds mistakes before anything is drawn or trained.

    Raises:
        ValueError: If photographs are missing, a crop or step is unknown, or
            something is named twice or not at all.
    """
    if (config.large_dir is None) != (config.small_dir is None):
        raise ValueError(
            "Expected both sets of photographs, or none for the embedded "
            f"ones. Received: large_dir={config.large_dir}, "
            f"small_dir={config.small_dir}"
        )
    if config.large_dir is None and config.embedded is None:
        raise ValueError(
            "Expected the folders of CelebA and FotW: give --large-dir and "
            "--small-dir. Received: large_dir=None"
        )
    for name in ("rows", "gender_crops", "smile_crops", "seeds"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            raise ValueError(
                f"Expected at least one of `{name}`, and every one once. "
                f"Received: {name}={values}"
            )
    for steps in config.rows:
        if in_text(check_steps(numbers_in(steps))) != steps:
            raise ValueError(
                f"Expected steps joined by +, such as 1+4. Received: {steps!r}"
            )
    for crops in (*config.gender_crops, *config.smile_crops):
        check_crops(crops)
    check_crops(str(config.identity_crop))
    check_crops(config.snet_crops)
    if len(check_crops(config.gnet_crops)) > 1:
        raise ValueError(
            "Expected one crop of GNet, which Table 2 is about, too. Received:"
            f" gnet_crops={config.gnet_crops!r}"
        )
    if config.memory <= 0 or min(config.seeds) < 0:
        raise ValueError(
            "Expected memory above 0 and seeds of 0 or more. Received: "
            f"memory={config.memory}, seeds={config.seeds}"
        )


def check_crops(text):
    """Numbers of the crops that are named.

    Raises:
        ValueError: If one is unknown or there twice.

    Example:

    >>> check_crops("1+5")
    (1, 5)
    """
    crops = numbers_in(text)
    is_known = crops and set(crops) <= set(CROP_SCHEMES)
    if not is_known or in_text(dict.fromkeys(crops)) != text:
        raise ValueError(
            f"Expected crops {', '.join(map(str, CROP_SCHEMES))}, several "
            f"different ones joined by +. Received: {text!r}"
        )
    return crops


# What small networks need that begin at random and learn for minutes: first
# weights that keep signals alive, the full learning rate for every layer of
# steps 1 and 2, and larger ones for convolutions behind them.
_ALTERED = Alteration(shift=0.05, zoom=0.08, turn=5.0, light=0.1)
_DRAWN = Stage(
    iterations=110,
    batch_size=32,
    learning_rate=0.02,
    multipliers=(("conv*", 0.5),),
    alteration=_ALTERED,
)

PRESETS = {
    "demo": (
        "Drawn photographs, some ten minutes on two cores.",
        Config(
            name="embedded",
            embedded="demo",
            image_size=64,
            filters=(8, 12, 16, 24, 32),
            dense_units=(64, 64),
            dropout=0.2,
            std=64.0,
            kernel_initializer="he_normal",
            stage1=dataclasses.replace(
                _DRAWN, iterations=450, learning_rate=0.014, multipliers=()
            ),
            stage2=dataclasses.replace(
                _DRAWN, iterations=220, learning_rate=0.014, multipliers=()
            ),
            stage3=dataclasses.replace(
                _DRAWN, iterations=130, learning_rate=0.03
            ),
            stage4=_DRAWN,
            with_controls=True,
            seeds=(0, 1, 2),
        ),
    ),
    "paper": (
        "Zhang et al., section 3: needs --large-dir, --small-dir and weights.",
        Config(name="paper"),
    ),
    "smoke": (
        "Three dozen photographs and small networks, for the tests.",
        Config(
            name="smoke",
            embedded="tiny",
            image_size=32,
            filters=(4, 4, 4, 4, 4),
            dense_units=(8, 8),
            std=64.0,
            kernel_initializer="he_normal",
            **dict.fromkeys(
                ("stage1", "stage2", "stage3", "stage4"),
                dataclasses.replace(_DRAWN, iterations=2, batch_size=4),
            ),
            rows=("4", "1+2+3+4"),
            gender_crops=("3",),
            smile_crops=("5", "1+5"),
            with_controls=True,
            seeds=(0, 1),
            num_shown=2,
            export_dir=None,
        ),
    ),
}


def run(config):
    """Trains, compares and explains all networks; returns the tables."""
    check_config(config)
    config = dataclasses.replace(
        config, precision=choose_precision(config.precision, config.cache_dir)
    )
    data = StudyData(load_photographs(config), config)
    call = begin(config, data)
    if is_finished(call, config):
        console.print("This run is finished; its result:")
        tables = call.read_tables()
    else:
        with call.tracker.run(config.name):
            study = train_study(config, data, call)
            tables = publish(call, study, data, config)
    print_tables(tables, call.facts["photographs"])
    console.print(f"Report: {config.output_dir / REPORT}", soft_wrap=True)
    return tables


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
