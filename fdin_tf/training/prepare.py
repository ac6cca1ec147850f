"""What an experiment needs before training: clips, features, folds, names."""

import dataclasses
import functools
import platform
from importlib.metadata import version
from pathlib import Path

import keras

from fdin_tf.data.cache import check_writable
from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.clips import require_target
from fdin_tf.data.clips import select_clips
from fdin_tf.data.folds import Fold
from fdin_tf.data.folds import fold_table
from fdin_tf.data.folds import load_folds
from fdin_tf.data.folds import restrict_folds
from fdin_tf.data.shared_folder import SharedFolder
from fdin_tf.data.shared_folder import shared_folder
from fdin_tf.data.sources import load_clips
from fdin_tf.data.stored import FaceFiles
from fdin_tf.data.stored import StoredClips
from fdin_tf.spread import RayExecutor
from fdin_tf.spread import make_executor
from fdin_tf.training.class_metrics import check_classes
from fdin_tf.training.precision import choose_precision
from fdin_tf.training.precision import precision_policy
from fdin_tf.training.tracking import Tracker
from fdin_tf.training.tracking import check_store
from fdin_tf.training.trainer import NetworkTrainer
from fdin_tf.version import __version__

# Where things are, and who works, does not change a result.
_PLACES = (
    "data_dir", "landmarks_dir", "folds", "encoder_weights", "output_dir",
    "cache_dir", "restart", "register", "executor", "address", "workers",
    "gpus", "shared_dir",
)  # fmt: skip
_PACKAGES = (
    "tensorflow", "keras", "numpy", "scipy", "pandas", "scikit-learn",
    "scikit-image", "mlflow", "mtcnn", "opencv-python-headless",
)  # fmt: skip
# Of these, the ones that faces, folds and training of networks rest on.
_DECIDING = (
    "fdin-tf", "tensorflow", "keras", "numpy", "scipy", "scikit-learn",
    "mtcnn", "opencv-python-headless",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Prepared:
    """An experiment that is ready for training.

    Attributes:
        config: `Experiment`, its precision chosen.
        target: `age`, `gender` or `spontaneity`.
        networks: Dict from a network's name to its build function.
        network_dirs: Dict from a network's name to the folder of its
            cross-validation.
        frontend: What stands before the networks: `EncoderFrontend` or
            `WarpFrontend`.
        encoded: What it stored of the clips.
        folds: List of `Fold`.
        facts: Dict of short facts, such as versions and fingerprints.
        executor: `RayExecutor` that spreads the work; None: this process.
        shared: `SharedFolder` of the cache; None: nothing is shared.
    """

    config: object
    target: str
    networks: dict
    network_dirs: dict[str, Path]
    frontend: object
    encoded: StoredClips
    folds: list[Fold]
    facts: dict[str, str]
    executor: RayExecutor | None = None
    shared: SharedFolder | None = None

    def run_dir(self, experiment, *options):
        """Folder of a call: of its tables, and of what it tracks."""
        settings, _ = _settings(self.config)
        digest = settings_digest(settings, options, self._network_names())
        return _runs(self.config) / f"{experiment}-{self.target}-{digest[:12]}"

    def tracker(self, experiment, run_dir):
        """The `Tracker` of a call."""
        settings, places = _settings(self.config)
        facts = {**places, **self.facts}
        return Tracker(experiment, run_dir, settings, facts)

    def trainer(self, network, tracker, title=None):
        """The `NetworkTrainer` of one network."""
        return NetworkTrainer(
            self.networks[network],
            self.encoded,
            self.target,
            self.config.fit,
            self.frontend,
            tracker,
            title,
            self.shared,
        )

    def _network_names(self):
        return sorted(folder.name for folder in self.network_dirs.values())


def prepare(config, target, networks, get_frontend, check_clips=None):
    """Loads and encodes the clips; finds mistakes before hours of work.

    A network's folder is named by a digest of all that decides what its
    cross-validation finds: target, layers, training, encoder, face settings,
    data, folds, seed and versions. So experiments that agree in these share
    it, whatever they are called.

    Args:
        config: `Experiment`.
        target: `age`, `gender` or `spontaneity`.
        networks: Dict from a network's name to a function from the shape of
            one encoded frame to the untrained model.
        get_frontend: See `run_experiment`.
        check_clips: Function of the clip table that raises where something
            else than the networks cannot do with it; None for none. It is
            called before anything is encoded.

    Returns:
        `Prepared`.

    Raises:
        FileNotFoundError: If data, folds or weights are not where they were
            said to be.
        ImportError: If work is to be spread by Ray, which is not installed;
            or the package for a shared store is not.
        OSError: If the folder of the cache, that of results, the shared store
            or the store of MLflow cannot be written to.
        ValueError: If data, folds or settings are not valid, a clip has no
            label of the target, or a part of a fold holds one class only.
    """
    executor = make_executor(
        config.executor, config.address, config.workers, config.gpus
    )
    cache_dir = Path(config.cache_dir or default_cache_dir())
    for folder in (cache_dir, config.output_dir):
        check_writable(folder)
    shared = shared_folder(config.shared_dir, cache_dir)
    if shared is not None:
        shared.store.check()
    check_store()
    everyone = load_clips(config.data_dir, config.embedded, cache_dir)
    clips = select_clips(everyone, config.database, config.spontaneity)
    require_target(clips, target, source=str(config.data_dir or "embedded"))
    if check_clips is not None:
        check_clips(clips)
    precision = choose_precision(config.fit.precision, cache_dir)
    config = dataclasses.replace(
        config, fit=dataclasses.replace(config.fit, precision=precision)
    )
    frontend = get_frontend(precision)
    _folds(everyone, clips, config, target)
    layers = {}
    for name, build_model in networks.items():
        with precision_policy(precision):
            layers[name] = layer_settings(build_model(frontend.shape))
    files = FaceFiles(
        cache_dir,
        config.face,
        config.landmarks_dir,
        shared_dir=config.shared_dir,
    )
    encoded = frontend.store(clips, files, executor=executor)
    everyone = everyone[~everyone.clip_id.isin(encoded.left_out.clip_id)]
    folds, origin = _folds(everyone, encoded.clips, config, target)
    facts = {
        "encoder": frontend.name,
        "precision": precision,
        "folds": origin,
        "data": str(config.data_dir or f"embedded clips ({config.embedded})"),
        "data_fingerprint": encoded.fingerprint(),
        **_versions(),
    }
    deciding = [
        target,
        dataclasses.asdict(config.fit),
        config.seed,
        encoded.fingerprint(),
        fold_table(folds).to_csv(),
        frontend.is_fitted and _told(get_frontend),
        {name: facts[name] for name in _DECIDING},
    ]
    network_dirs = {}
    for name in networks:
        digest = settings_digest(layers[name], *deciding)[:12]
        network_dirs[name] = _runs(config) / f"{target}-{name}-{digest}"
    return Prepared(
        config, target, dict(networks), network_dirs, frontend, encoded,
        folds, facts, executor, shared,
    )  # fmt: skip


def _folds(everyone, clips, config, target):
    """Folds of all that the data hold, with the clips that are taken.

    Made of everyone, so that a person is tested in the same fold whichever
    database or type of expression is asked for. A file of folds need only
    know the clips that are taken.
    """
    everyone = everyone.reset_index(drop=True)
    if config.folds is not None:
        everyone = clips
    folds, origin = load_folds(
        everyone, config.folds, config.num_folds, config.seed
    )
    if len(clips) < len(everyone):
        folds = restrict_folds(folds, clips)
    if target in TARGET_CLASSES:
        check_classes(clips, folds, target)
    return folds, origin


def layer_settings(model):
    """The operations of a model in their order, with their settings."""
    layers = []
    for operation in model.operations:
        if isinstance(operation, keras.Model):
            settings = layer_settings(operation)
        else:
            # Names may be counted up by Keras, and say nothing then.
            settings = {**operation.get_config(), "name": None}
        layers.append((type(operation).__name__, settings))
    return layers


def _told(function):
    """A function by its name and the arguments that it was given before."""
    if isinstance(function, functools.partial):
        return _told(function.func), function.args, function.keywords
    return f"{function.__module__}.{function.__qualname__}"


def _settings(config):
    """What decides a result, and where things are (which does not)."""
    fields = dataclasses.asdict(config)
    places = {name: str(fields.pop(name, None)) for name in _PLACES}
    return fields, places


def _runs(config):
    return Path(config.cache_dir or default_cache_dir()) / "runs"


def _versions():
    found = {"python": platform.python_version(), "fdin-tf": __version__}
    return found | {package: version(package) for package in _PACKAGES}
