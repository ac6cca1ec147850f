"""The planted-relation benchmark: every pair, seed and network."""

import dataclasses
import itertools
import shutil
import time
from importlib.metadata import version
from pathlib import Path

import keras
import pandas as pd

from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.cache import write_json
from fdin_tf.data.encode import encode_clips
from fdin_tf.data.pipeline import batches_per_epoch
from fdin_tf.data.sources import embedded_clips
from fdin_tf.data.synthetic import TARGET_MODES
from fdin_tf.data.synthetic import SyntheticConfig
from fdin_tf.data.synthetic.truth import GENERATOR_VERSION
from fdin_tf.data.uva_nemo import load_uva_nemo
from fdin_tf.explain.importance import relation_name
from fdin_tf.faces import FaceConfig
from fdin_tf.models import build_contrast_encoder
from fdin_tf.models import fit_motion
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from fdin_tf.training import planted
from fdin_tf.training.fit import fit
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.planted_networks import GRID
from fdin_tf.training.planted_networks import NEUTRAL_FRAMES
from fdin_tf.training.planted_networks import SHARPENED
from fdin_tf.training.planted_networks import TITLES
from fdin_tf.training.planted_networks import TUNED
from fdin_tf.training.planted_networks import TUNED_NETWORKS
from fdin_tf.training.planted_networks import Settings
from fdin_tf.training.planted_networks import build_planted
from fdin_tf.training.planted_report import report_planted
from fdin_tf.training.precision import choose_precision
from fdin_tf.training.precision import precision_policy
from fdin_tf.training.tracking import Tracker
from fdin_tf.version import __version__

_COMPONENTS = 2
_NUM_FRAMES = 24
# What is asked for decides which networks are trained, not what each learns.
_ASKED = ("pairs", "seeds", "other_modes", "other_pairs", "tune")
_PACKAGES = ("tensorflow", "keras", "numpy", "opencv-python-headless")


@dataclasses.dataclass(frozen=True)
class _Job:
    """One network to train."""

    seed: int
    pair: tuple[int, int]
    mode: str
    network: str
    settings: Settings
    is_control: bool = False

    @property
    def label(self):
        control = ", shuffled targets" if self.is_control else ""
        return (
            f"{relation_name(self.pair)} {self.mode} seed {self.seed}: "
            f"{TITLES[self.network]}{control}"
        )


def run_planted(config):
    """Trains all networks of the benchmark and reports what they found.

    Returns:
        DataFrame with one row per trained network: `seed`, `pair`, `mode`
        (`shuffled` for the control), `network`, `clips`, `valid_r2`, `r2`,
        `mae` (frames; no unit for the amplitude ratio), `seconds` and, for
        networks with relational importance, what `planted_rank`,
        `perturbation_agrees` and `relevance_agrees` return.

    Raises:
        ValueError: If a pair, mode or number is not valid.
    """
    cache_dir = Path(config.cache_dir or default_cache_dir())
    jobs = _jobs(config)
    config = dataclasses.replace(
        config, precision=choose_precision(config.precision, cache_dir)
    )
    settings, places = _settings(config)
    facts = {
        "encoder": f"contrast and {_COMPONENTS} motion components",
        "generator": GENERATOR_VERSION,
        "relevance": "epsilon_plus",
        "fdin-tf": __version__,
        **{package: version(package) for package in _PACKAGES},
    }
    decisive = {k: v for k, v in settings.items() if k not in _ASKED}
    digest = settings_digest(decisive, facts, NEUTRAL_FRAMES)[:12]
    run_dir = cache_dir / "runs" / f"planted-{digest}"
    # Other questions are other runs, which share what was trained.
    asked = run_dir / f"asked-{settings_digest(settings)[:12]}"
    tracker = Tracker("planted", asked, settings, {**places, **facts})
    if config.restart:
        tracker.forget()
        shutil.rmtree(run_dir, ignore_errors=True)
    with tracker.run(config.name):
        results = pd.DataFrame(_results(config, jobs, run_dir, cache_dir))
        report_planted(results, config, tracker)
    return results


def _jobs(config):
    """Everything that is to be trained, in order; checks what is asked for."""
    pairs = [planted.parse_pair(words) for words in config.pairs]
    if not pairs or not config.seeds:
        raise ValueError(
            "Expected at least one pair and one seed. Received: pairs="
            f"{config.pairs}, seeds={config.seeds}"
        )
    for mode in config.other_modes:
        if mode not in TARGET_MODES[1:]:
            raise ValueError(
                f"Expected other modes of {', '.join(TARGET_MODES[1:])}. "
                f"Received: other_modes={config.other_modes}"
            )
    absolute, *_ = TARGET_MODES
    everywhere = list(itertools.product(config.seeds, pairs))
    if config.tune:
        return [
            _Job(seed, pair, absolute, network, settings)
            for seed, pair in everywhere
            for network in TUNED_NETWORKS
            for settings in GRID
        ]
    jobs = []
    for seed, pair in everywhere:
        for network in TUNED_NETWORKS:
            jobs.append(_Job(seed, pair, absolute, network, TUNED[network]))
        jobs.append(_Job(seed, pair, absolute, "fdin", TUNED["fdin"], True))
    seed, some_pairs = config.seeds[0], pairs[: config.other_pairs]
    for pair, network in itertools.product(some_pairs, (SHARPENED, "additive")):
        jobs.append(_Job(seed, pair, absolute, network, TUNED[network]))
    for mode, pair, network in itertools.product(
        config.other_modes, some_pairs, TUNED_NETWORKS
    ):
        jobs.append(_Job(seed, pair, mode, network, TUNED[network]))
    return jobs


def _results(config, jobs, run_dir, cache_dir):
    """One row per job; those that are finished are read again."""
    rows = [read_json(_row_path(run_dir, job), None) for job in jobs]
    with progress_bar() as bar:
        task = bar.add_task("Networks", total=len(jobs), note="")
        for seed in dict.fromkeys(job.seed for job in jobs):
            clips = None
            for number, job in enumerate(jobs):
                if job.seed != seed:
                    continue
                if rows[number] is None:
                    clips = clips or _planted_clips(config, seed, cache_dir)
                    rows[number] = _train(config, job, clips, bar)
                    write_json(_row_path(run_dir, job), rows[number])
                    bar.print(f"{job.label}: {_in_words(rows[number])}")
                bar.advance(task)
    return rows


def _row_path(run_dir, job):
    return run_dir / "networks" / f"{settings_digest(str(job))[:16]}.json"


def _planted_clips(config, seed, cache_dir):
    """Draws and encodes the set of a seed, once."""
    drawn = SyntheticConfig(
        kind="planted",
        seed=seed,
        num_subjects=config.num_subjects,
        clips_per_subject=config.clips_per_subject,
        num_frames=_NUM_FRAMES,
        size=config.size,
    )
    name = f"planted-{settings_digest(dataclasses.asdict(drawn))[:8]}"
    root = embedded_clips(name, cache_dir, drawn)
    encoded = encode_clips(
        load_uva_nemo(root), build_contrast_encoder(), cache_dir, FaceConfig()
    )
    if len(encoded.left_out):
        console.print(f"{len(encoded.left_out)} clips of {name} are left out.")
    return planted.prepare_planted(
        encoded,
        root,
        lambda clips: fit_motion(clips, _COMPONENTS, NEUTRAL_FRAMES),
        seed,
    )


def _train(config, job, clips, bar):
    """Trains the network of a job and tests it on unseen subjects."""
    began = time.monotonic()
    data = clips.plant(job.pair, job.mode, job.seed if job.is_control else None)
    keras.utils.set_random_seed(job.seed)
    with precision_policy(config.precision):
        model = build_planted(
            job.network,
            job.settings,
            job.mode,
            config,
            data.shape,
            num_steps=config.epochs
            * batches_per_epoch(data, clips.train, config.batch_size),
        )
    task = bar.add_task(f"  {job.label}", total=config.epochs, note="")
    fit(
        model,
        data,
        clips.train,
        clips.valid,
        "planted",
        FitConfig(
            epochs=config.epochs,
            batch_size=config.batch_size,
            learning_rate=job.settings.learning_rate,
            patience=config.epochs,
            precision=config.precision,
        ),
        seed=job.seed,
        on_epoch=lambda epoch, _: bar.update(task, completed=epoch),
    )
    bar.remove_task(task)
    row = {
        "seed": job.seed,
        "pair": relation_name(job.pair),
        "mode": "shuffled" if job.is_control else job.mode,
        "network": job.network,
        "learning_rate": job.settings.learning_rate,
        "head_units": list(job.settings.head_units),
        "clips": len(data.clips),
        "valid_r2": planted.estimate_errors(model, data, clips.valid)["r2"],
    }
    if not config.tune:  # the test clips are for the benchmark alone
        row |= planted.estimate_errors(model, data, clips.test)
        if job.network in ("fdin", SHARPENED):
            row |= planted.planted_rank(model, data, clips.test, job.pair)
            row |= planted.perturbation_agrees(
                model, data, clips.test, job.pair, job.seed
            )
            row |= planted.relevance_agrees(model, data, clips.test, job.pair)
    return {**row, "seconds": time.monotonic() - began}


def _settings(config):
    """What decides the results, and where things are."""
    fields = dataclasses.asdict(config)
    places = {
        name: str(fields.pop(name))
        for name in ("name", "output_dir", "cache_dir", "restart")
    }
    return fields, places


def _in_words(row):
    words = f"validation R2 {row['valid_r2']:.2f}"
    if "r2" in row:
        words = f"R2 {row['r2']:.2f}"
    if "rank" in row:
        words += f", rank {row['rank']}, weight {row['weight']:.2f}"
    return f"{words} ({row['seconds']:.0f} s)"
