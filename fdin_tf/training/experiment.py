"""A whole experiment: from clips to tables, pictures and an exported model."""

import dataclasses
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import sweep
from fdin_tf.data.cache import write_json
from fdin_tf.data.clips import require_target
from fdin_tf.data.encode import encode_clips
from fdin_tf.data.folds import Fold
from fdin_tf.data.folds import fold_table
from fdin_tf.data.folds import load_folds
from fdin_tf.data.sources import load_clips
from fdin_tf.faces import FaceConfig
from fdin_tf.models import chain_encoders
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.serving.export import export_model
from fdin_tf.serving.export import join_encoder
from fdin_tf.training.cross_validate import NetworkTrainer
from fdin_tf.training.cross_validate import cross_validate
from fdin_tf.training.fit import FitConfig
from fdin_tf.training.precision import choose_precision
from fdin_tf.training.report import model_card
from fdin_tf.training.report import print_errors
from fdin_tf.training.report import say_what_runs
from fdin_tf.training.report import write_report
from fdin_tf.training.tracking import Tracker
from fdin_tf.version import __version__

# Where things are does not change a result: what they are does.
_PLACES = (
    "data_dir", "landmarks_dir", "folds", "encoder_weights", "output_dir",
    "cache_dir", "restart",
)  # fmt: skip
_PACKAGES = (
    "tensorflow", "keras", "numpy", "pandas", "scikit-learn", "mlflow",
    "mtcnn", "opencv-python-headless",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What every cross-validated experiment can be told.

    Attributes:
        name: Name of the exported model.
        data_dir: Folder in the layout of the UvA-NEMO Smile database, or CSV
            file with a clip table; None for the embedded synthetic clips.
        embedded: Which embedded set.
        landmarks_dir: Folder of `<clip_id>.csv` or `.npz` landmark files,
            taken instead of detection.
        folds: CSV file or folder of JSON lists with the folds; None for the
            clip table's column `fold`, or seeded folds.
        num_folds: Number of seeded folds.
        face: Tracking and alignment of the face.
        fit: Training.
        seed: Seed of folds, weights, order and dropout.
        output_dir: Folder of exported models.
        cache_dir: Folder of embedded clips, face tracks, features and
            checkpoints; None for the user's cache folder.
        restart: Forget an earlier run of the same experiment.
    """

    name: str = "fdin"
    data_dir: Path | None = None
    embedded: str = "natural"
    landmarks_dir: Path | None = None
    folds: Path | None = None
    num_folds: int = 10
    face: FaceConfig = FaceConfig()
    fit: FitConfig = FitConfig()
    seed: int = 0
    output_dir: Path = Path("saved_models")
    cache_dir: Path | None = None
    restart: bool = False


def run_experiment(config, experiment, build_model, get_encoder):
    """Runs an experiment on age, from videos to an exported model.

    Clips, faces, features, folds, networks, tables, pictures, export: each
    step is kept, so that an interrupted run continues where it stopped and a
    finished one only prints its result.

    Args:
        config: `Experiment`.
        experiment: Name of the experiment in MLflow.
        build_model: Function from the shape of one encoded frame to an
            untrained model of age on features.
        get_encoder: Function from a Keras dtype policy to the pair of a
            fixed frame encoder and a function that fits a further one to the
            encoded training frames of a fold, or None.

    Returns:
        Table of errors, see `age_errors`.

    Raises:
        FileNotFoundError: If data, folds or weights are not where they were
            said to be.
        ValueError: If data, folds or settings are not valid.
    """
    cache_dir = Path(config.cache_dir or default_cache_dir())
    clips = load_clips(config.data_dir, config.embedded, cache_dir)
    require_target(clips, "age", source=str(config.data_dir or "embedded"))
    precision = choose_precision(config.fit.precision, cache_dir)
    config = dataclasses.replace(
        config, fit=dataclasses.replace(config.fit, precision=precision)
    )
    encoder, fit_encoder = get_encoder(precision)
    # Mistakes in folds and sizes show before hours of encoding.
    load_folds(clips, config.folds, config.num_folds, config.seed)
    build_model(encoder.output_shape[1:])
    encoded = encode_clips(
        clips, encoder, cache_dir, config.face, config.landmarks_dir
    )
    folds, origin = load_folds(
        encoded.clips, config.folds, config.num_folds, config.seed
    )
    facts = {
        "encoder": encoder.name
        + (" and pca, fitted in each fold" if fit_encoder else ""),
        "precision": precision,
        "folds": origin,
        "data": str(config.data_dir or f"embedded clips ({config.embedded})"),
        "data_fingerprint": encoded.fingerprint(),
        **_versions(),
    }
    run_dir = cache_dir / "runs" / _run_name(experiment, config, facts, folds)
    settings, places = _settings(config)
    tracker = Tracker(experiment, run_dir, settings, {**places, **facts})
    if config.restart:
        tracker.forget()
        shutil.rmtree(run_dir, ignore_errors=True)
    sweep(run_dir)
    say_what_runs(encoded, facts)
    if _exported(run_dir, config):
        console.print("This run is finished; its result:")
    else:
        with tracker.run(config.name):
            trainer = NetworkTrainer(
                build_model, encoded, "age", config.fit, fit_encoder, tracker
            )
            found = cross_validate(trainer, folds, run_dir, config.seed)
            errors = write_report(found, encoded, folds, run_dir, tracker)
            card = model_card(config, encoded, facts, errors, found)
            path = _final_model(trainer, encoder, run_dir, config, card)
            write_json(run_dir / "finished.json", {"exported": str(path)})
    errors = pd.read_csv(run_dir / "errors.csv", dtype={"group": str})
    print_errors(errors)
    if len(encoded.left_out):
        console.print(f"{len(encoded.left_out)} clips were left out: above.")
    console.print(f"Model: {_exported(run_dir, config)}", soft_wrap=True)
    console.print(f"State of the run: {run_dir}", soft_wrap=True)
    return errors


def _run_name(experiment, config, facts, folds):
    """A name that another data, setting or version gives another of."""
    settings, _ = _settings(config)
    facts = {**facts, "data": None, "folds": fold_table(folds).to_csv()}
    return f"{experiment}-{settings_digest(settings, facts)[:12]}"


def _settings(config):
    """What decides a result, and where things are (which does not)."""
    fields = dataclasses.asdict(config)
    places = {name: str(fields.pop(name, None)) for name in _PLACES}
    return fields, places


def _exported(run_dir, config):
    """The model that a finished run exported to where it is wanted, if any."""
    path = read_json(run_dir / "finished.json", {}).get("exported")
    folder = (config.output_dir / config.name).resolve()
    if path and Path(path).is_dir() and Path(path).parent == folder:
        return path
    return None


def _final_model(trainer, encoder, run_dir, config, card):
    """Trains on all subjects but those that choose the epoch, and exports.

    The errors of the cross-validation are what is expected of it.
    """
    clips = trainer.encoded.clips
    splitter = GroupShuffleSplit(1, test_size=0.1, random_state=config.seed)
    train, valid = next(splitter.split(clips, groups=clips.subject))
    ids = clips.clip_id.to_numpy()
    fold = Fold(-1, tuple(ids[train]), tuple(ids[valid]), test=())
    with progress_bar() as bar:
        model, fitted, history = trainer.train(
            fold, run_dir / "final", config.seed, bar, name="final model"
        )
    history.to_csv(run_dir / "final" / "history.csv", index=False)
    encoder = chain_encoders(encoder, fitted)
    trainer.tracker.log_model(join_encoder(model, encoder), config.name)
    return export_model(model, encoder, config.output_dir / config.name, card)


def _versions():
    found = {"python": platform.python_version(), "fdin-tf": __version__}
    return found | {package: version(package) for package in _PACKAGES}
