"""Handcrafted rows beside networks: the same clips, folds, seeds and tests."""

import dataclasses
from pathlib import Path

from fdin_tf.data.cache import default_cache_dir
from fdin_tf.data.cache import settings_digest
from fdin_tf.data.folds import fold_table
from fdin_tf.data.stored import FaceFiles
from fdin_tf.progress import console
from fdin_tf.training.handcrafted_faces import CONDITIONS
from fdin_tf.training.handcrafted_faces import grey_faces
from fdin_tf.training.handcrafted_features import describe_clips
from fdin_tf.training.handcrafted_folds import RowTrainer
from fdin_tf.training.handcrafted_folds import cross_validate_row
from fdin_tf.training.handcrafted_folds import read_row
from fdin_tf.training.handcrafted_rows import ROWS
from fdin_tf.training.handcrafted_rows import rows_of
from fdin_tf.training.report import report_errors


@dataclasses.dataclass(frozen=True)
class Handcrafted:
    """Which handcrafted rows stand beside networks, and their landmarks.

    Attributes:
        rows: Names of `ROWS`, or `all`; those of the comparison's target are
            taken.
        landmarks_dir: Folder of landmark files, see `FaceFiles`; the face
            settings are those of the networks.
        find_landmarks: What gives the landmarks of the clips without such a
            file, see `FaceFiles`.
    """

    rows: tuple[str, ...] = ()
    landmarks_dir: Path | None = None
    find_landmarks: object = None

    def check(self, config, target, clips):
        """Finds mistakes that can be known before hours of work.

        Args:
            config: `Experiment` of the networks.
            target: What is estimated.
            clips: Clip table.

        Raises:
            FileNotFoundError: If `landmarks_dir` does not exist.
            ValueError: If there is no such row, or rows would have the
                landmarks of no clip.
        """
        if not rows_of(self.rows, target) or self.find_landmarks is not None:
            return
        files = self._files(config)
        if not any(map(files.landmarks_of, clips.clip_id)):
            raise ValueError(
                "Handcrafted rows need 68 landmarks in every frame, by the "
                "face mesh or from files <clip_id>.csv or .npz. Received: no "
                f"such file for any of {len(clips)} clips in landmarks_dir="
                f"{self.landmarks_dir}"
            )

    def prepare(self, ready):
        """Describes the clips of networks.

        Args:
            ready: `Prepared`.

        Returns:
            `PreparedRows`; without rows, nothing is computed.

        Raises:
            ValueError: If there is no such row, or as `grey_faces`.
        """
        names = rows_of(self.rows, ready.target)
        if not names:
            return PreparedRows(ready, {}, {})
        config, clips = ready.config, ready.encoded.clips
        files = self._files(config)
        cache_dir = files.cache_dir
        plain_files = FaceFiles(
            cache_dir,
            config.face,
            config.landmarks_dir,
            shared_dir=config.shared_dir,
        )
        descriptors = {
            name
            for row in names
            for part in ROWS[row].parts
            for name in part.descriptors
        }
        described = describe_clips(
            grey_faces(clips, files, plain_files),
            list(clips.clip_id),
            descriptors,
            files.room("features"),
        )
        trainers = {name: RowTrainer(name, described, clips) for name in names}
        folders = {}
        for name, trainer in trainers.items():
            digest = settings_digest(
                trainer.fingerprint(),
                fold_table(ready.folds).to_csv(),
                config.seed,
            )
            folder = f"{ready.target}-{name}-{digest[:12]}"
            folders[name] = cache_dir / "runs" / folder
        _say(described)
        return PreparedRows(ready, trainers, folders)

    def _files(self, config):
        return FaceFiles(
            Path(config.cache_dir or default_cache_dir()),
            config.face,
            self.landmarks_dir,
            self.find_landmarks,
            config.shared_dir,
        )


@dataclasses.dataclass(frozen=True)
class PreparedRows:
    """Handcrafted rows that are ready for cross-validation.

    Attributes:
        ready: `Prepared` of the networks beside them.
        trainers: `RowTrainer` by the name of the row.
        folders: Folder of its cross-validation, by the name of the row.
    """

    ready: object
    trainers: dict[str, RowTrainer]
    folders: dict[str, Path]

    def read(self):
        """`RowFolds` of every row by name; None where not finished."""
        return {
            name: read_row(self.ready.folds, folder)
            for name, folder in self.folders.items()
        }

    def test(self, name, tracker, folder, edges, per):
        """Cross-validates one row, in a run of its own.

        Args:
            name: Name of the row.
            tracker: `Tracker`, inside a run.
            folder: Folder of tables and pictures.
            edges: See `error_tables`.
            per: See `error_tables`.

        Returns:
            `RowFolds`.
        """
        ready = self.ready
        with tracker.child(name):
            found = cross_validate_row(
                self.trainers[name],
                ready.folds,
                self.folders[name],
                ready.config.seed,
                tracker,
            )
            self._report(found, name, tracker, folder, edges, per)
        return found

    def _report(self, found, name, tracker, folder, edges, per):
        _, report = report_errors(
            found.predictions, self.ready.target, edges, per
        )
        report.tables["choices"] = found.choices
        report.tables["conditions"] = self.trainers[name].described.lacking
        report.write(folder, tracker)


def _say(described):
    """Counts clips that lack something, on the console, with a reason."""
    total, lacking = len(described.lacks), described.lacking
    for row in described.counts.itertuples():
        words = CONDITIONS[row.condition]
        told = (
            f"Described all the same: {row.condition} ({words}) in "
            f"{row.clips} of {total} clips"
        )
        first = lacking[lacking.condition == row.condition].iloc[0]
        if first.reason != words:
            told += f"; the first, {first.clip_id}: {first.reason}"
        console.print(told, markup=False, soft_wrap=True)
