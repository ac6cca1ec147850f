"""Whole sets of clips on disk, in the layout of UvA-NEMO."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import shutil
import uuid
from pathlib import Path

import cv2
import numpy as np

from fdin_tf.data.cache import naming
from fdin_tf.data.synthetic import catalogue
from fdin_tf.data.synthetic.leakage import leakage_table
from fdin_tf.data.synthetic.scene import clip_motion
from fdin_tf.data.synthetic.scene import subject_face
from fdin_tf.data.synthetic.truth import GENERATOR_VERSION
from fdin_tf.data.synthetic.truth import clip_truth

_MANIFEST = "synthetic.json"  # written last: the set is complete
_PARTIAL = ".partial"  # holds the manifest and files in the making until then
_LEAKAGE = "leakage.csv"
_LEAKAGE_SUBJECTS = 6


def make_synthetic(root, config, workers=None, progress=None):
    """Renders a set of clips, or finishes one that was interrupted.

    The folder then looks like UvA-NEMO's, with the truth beside it:

        videos/001_deliberate_smile_1.mp4 ...
        truth/001_deliberate_smile_1.npz ...         see `load_truth`
        Synthetic_Smile_Database_File_Details.txt    one line for each clip
        Synthetic_Smile_Database_Subject_Details.txt
        leakage.csv      share of each region's motion in each grid cell
        synthetic.json   the config; written last, so it marks a complete set

    A complete set is recognised at once. No file is ever seen half-written,
    so a call that was killed is continued by the next one, and the result is
    that of an undisturbed call. The same config gives the same clips.

    Args:
        root: Folder of the set; made where missing.
        config: `SyntheticConfig`.
        workers: Number of subjects that are rendered at a time. None: the
            number of processors.
        progress: Called as `progress(done, total)` with numbers of clips.

    Returns:
        `root` as a `Path`.

    Raises:
        ValueError: If the folder holds other files, or a set of another
            config or generator version.
        OSError: If OpenCV cannot write a video.

    Example:

    >>> import tempfile
    >>> from fdin_tf.data.synthetic.config import SyntheticConfig
    >>> config = SyntheticConfig(
    ...     num_subjects=1, clips_per_subject=1, num_frames=12, size=64
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = make_synthetic(folder, config)
    ...     [path.name for path in root.glob("videos/*")]
    ['001_deliberate_smile_1.mp4']
    """
    root = Path(root)
    subjects = catalogue.draw_subjects(config.seed, config.num_subjects)
    clips = [
        catalogue.list_clips(subject, config.clips_per_subject)
        for subject in subjects
    ]
    report = progress or (lambda done, total: None)
    total = config.num_subjects * config.clips_per_subject
    if _claim(root, config):
        shutil.rmtree(root / _PARTIAL, ignore_errors=True)  # after a kill
        report(total, total)
        return root
    pool = concurrent.futures.ThreadPoolExecutor(workers or os.cpu_count())
    try:
        futures = [pool.submit(_make_clips, root, config, c) for c in clips]
        finished = concurrent.futures.as_completed(futures)
        for count, future in enumerate(finished, start=1):
            future.result()
            report(count * config.clips_per_subject, total)
    finally:
        pool.shutdown(cancel_futures=True)
    faces = [subject_face(config, s) for s in subjects[:_LEAKAGE_SUBJECTS]]
    every_clip = [clip for of_subject in clips for clip in of_subject]
    for name, text in {
        catalogue.FILE_DETAILS: catalogue.file_details(every_clip),
        catalogue.SUBJECT_DETAILS: catalogue.subject_details(subjects),
        _LEAKAGE: leakage_table(faces),
        _MANIFEST: _manifest(config),
    }.items():
        with _complete(root, root / name) as temporary:
            temporary.write_bytes(text.encode("ascii"))
    shutil.rmtree(root / _PARTIAL, ignore_errors=True)
    return root


def _manifest(config):
    """Text that tells one set from another."""
    content = {
        "generator_version": GENERATOR_VERSION,
        **dataclasses.asdict(config),
    }
    return json.dumps(content, indent=2) + "\n"


def _claim(root, config):
    """Whether the set is complete; makes or checks the folder if not."""
    if root.is_file():
        raise ValueError(
            "Expected a folder for the synthetic clips, but this is a file. "
            f"Received: root={root}"
        )
    begun = root / _PARTIAL / _MANIFEST
    for manifest in (root / _MANIFEST, begun):
        with contextlib.suppress(FileNotFoundError):
            found = manifest.read_text("ascii")
            if found == _manifest(config):
                return manifest is not begun
            raise ValueError(
                "The folder holds synthetic clips of another config or "
                "generator version; choose another folder or remove it. "
                f"Received: config={config}, root={root}, which holds "
                f"{' '.join(found.split())}"
            )
    if root.is_dir() and set(os.listdir(root)) - {_PARTIAL}:
        raise ValueError(
            "Expected an empty folder or a set of synthetic clips, but the "
            f"folder holds other files. Received: root={root}"
        )
    with _complete(root, begun) as temporary:
        temporary.write_text(_manifest(config), "ascii")
    for name in ("videos", "truth"):
        (root / name).mkdir(exist_ok=True)
    return False


@contextlib.contextmanager
def _complete(root, path):
    """Gives a temporary name; `path` appears when its content is complete."""
    folder = root / _PARTIAL
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{uuid.uuid4().hex}-{path.name}"
    try:
        with naming(path):
            yield temporary
        os.replace(temporary, path)
    except FileNotFoundError:  # another call has just completed this set
        if not path.exists():
            raise


def _make_clips(root, config, clips):
    """Writes what is missing of one subject's clips."""
    face = None
    for clip in clips:
        video = root / "videos" / f"{clip.clip_id}.mp4"
        truth = root / "truth" / f"{clip.clip_id}.npz"
        if video.exists() and truth.exists():
            continue
        face = face or subject_face(config, clip.subject)
        moves = clip_motion(config, clip)
        with _complete(root, truth) as temporary:
            np.savez(temporary, **clip_truth(face, moves, clip))
        with _complete(root, video) as temporary:
            _write_video(temporary, face.frames(moves), config)


def _write_video(path, frames, config):
    writer = cv2.VideoWriter(
        str(path),
        cv2.VideoWriter_fourcc(*"mp4v"),
        config.frames_per_second,
        (config.size, config.size),
    )
    if not writer.isOpened():
        raise OSError(
            f"OpenCV cannot write MPEG-4 video. Received: path={path}"
        )
    try:
        for frame in frames:
            writer.write(frame)
    finally:
        writer.release()
    # OpenCV says nothing about a disk that is full.
    written = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT)
    if written < config.num_frames:
        raise OSError(
            f"OpenCV wrote {max(written, 0):.0f} of {config.num_frames} frames "
            f"of a video; is the disk full? Received: path={path}"
        )
