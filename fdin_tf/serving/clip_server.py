"""Answers about clips, from many threads at once."""

import threading

import numpy as np
import tensorflow as tf

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.explain import ClipAttention
from fdin_tf.explain import importance_table
from fdin_tf.explain import rank_relations
from fdin_tf.explain.attention_tables import attention_by_part
from fdin_tf.faces import mesh_landmarks
from fdin_tf.serving.card_checks import clip_settings
from fdin_tf.serving.card_checks import estimate_of
from fdin_tf.serving.clip_rows import check_video
from fdin_tf.serving.clip_rows import frames_of
from fdin_tf.serving.clip_rows import given
from fdin_tf.serving.clip_rows import source_of
from fdin_tf.serving.clip_rows import video_of
from fdin_tf.serving.export import find_version
from fdin_tf.serving.predict import Predictor
from fdin_tf.serving.predict import error_near


class ClipServer:
    """An exported model of clips that answers rows of a request.

    It may be shared by threads: no more than `config.clips_at_once` clips are
    decoded and computed at the same time, so that memory does not grow with
    the number of callers.

    Args:
        model: Folder `<name>` (its highest version is taken) or
            `<name>/<version>`, as `export_model` writes.
        config: `ServerConfig`.

    Attributes:
        card: What the model is and how well it did.
        frame_shape: `(height, width, channels)` of an aligned frame.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If it is no model of clips, or its card does not fit.
    """

    def __init__(self, model, config):
        self.config = config
        self._path, self.card = find_version(model)
        self._settings = clip_settings(self.card, self._path)
        self._loaded = tf.saved_model.load(str(self._path))
        self._signature = self._loaded.signatures["serving_default"]
        inputs = self._signature.structured_input_signature[1]
        self.frame_shape = tuple(inputs["frames"].shape[2:])
        self._free = threading.BoundedSemaphore(config.clips_at_once)
        self._loading = threading.Lock()
        self._predictor = None

    def answer(self, row, explain=True):
        """What the model says about one clip, and on what grounds.

        Args:
            row: Dict of plain values, see `SOURCES` of
                `fdin_tf.serving.clip_rows`; those that are None or NaN count
                as not there.
            explain: Whether to say on what grounds.

        Returns:
            Dict of plain values that JSON can hold:

            - `target`, and for age `estimate` in `unit` and `error_years`
              (mean absolute error of the model in cross-validation among
              clips that it estimated close to this age); for classes
              `estimate`, `probability`, `probabilities` of all and
              `accuracy` in cross-validation, in %,
            - `num_frames` that the answer rests on,
            - of videos `seconds`, the time of each of them, and `counts`,
              what tracking met (`FaceTrack.counts`),
            - `importance`, of a model of relations: all 36, the most
              important first, each with its `rank`, `relation` and
              `importance`; they sum to 1,
            - `frame_attention`, of a model that weighs frames: one weight per
              frame; they sum to 1,
            - `place_attention`, of a model that looks at places: the mean
              attention, 0 to 1, in each part of the face.

        Raises:
            ValueError: If the row is no clip, or one beyond the limits.
            ImportError: If the face mesh is to be used and not installed.
        """
        row = given(row)
        source = source_of(row)
        with self._free:
            if source in ("frames", "frames_jpeg"):
                return self._of_frames(row, explain)
            with video_of(row, self.config) as (video, landmarks):
                return self._of_video(video, landmarks, source, explain)

    def _of_frames(self, row, explain):
        frames, mask = frames_of(row, self.frame_shape, self.config)
        found = self._signature(
            frames=tf.constant(frames[None]), mask=tf.constant(mask[None])
        )
        found = {name: value.numpy()[0] for name, value in found.items()}
        estimate = estimate_of(
            found, self._settings.target, self._settings.num_values, self._path
        )
        if not np.isfinite(estimate).all():
            raise FloatingPointError(
                f"The model's answer is no number. Received: {estimate}, "
                f"model={self._path}"
            )
        answer = self._estimate(estimate)
        answer["num_frames"] = int(mask.sum())
        if explain:
            attention = ClipAttention(
                found.get("spatial_attention"), found.get("temporal_attention")
            )
            answer |= self._grounds(found.get("importance"), attention, mask)
        return answer

    def _of_video(self, video, landmarks, name, explain):
        try:
            check_video(video, name, self.config)
            found = self._load_predictor().predict(video, landmarks)
        except (ValueError, FileNotFoundError) as error:
            # Where files lie is nobody's business.
            reason = str(error).replace(str(video), f"`{name}`")
            if landmarks is not None:
                reason = reason.replace(str(landmarks), "the landmarks")
            raise ValueError(reason) from error
        answer = self._estimate(found.estimate)
        answer["num_frames"] = len(found.seconds)
        answer["counts"] = {k: int(n) for k, n in found.counts.items()}
        if explain:
            answer["seconds"] = np.asarray(found.seconds, float).tolist()
            answer |= self._grounds(found.importance, found.attention)
        return answer

    def _load_predictor(self):
        """What answers about videos; loaded when the first one comes."""
        with self._loading:
            if self._predictor is None:
                find_landmarks = mesh_landmarks if self.config.mesh else None
                self._predictor = Predictor(
                    self._path, find_landmarks=find_landmarks
                )
            return self._predictor

    def _estimate(self, estimate):
        """The answer itself, and how far it can be trusted."""
        target, tested = self._settings.target, self._settings.tested
        if target not in TARGET_CLASSES:
            years = float(estimate[0])
            error = error_near(tested, years) if target == "age" else None
            return {
                "target": target,
                "estimate": years,
                "unit": self.card.get("unit"),
                "error_years": error,
            }
        best = int(np.argmax(estimate))
        names = TARGET_CLASSES[target]
        return {
            "target": target,
            "estimate": names[best],
            "probability": float(estimate[best]),
            "probabilities": dict(zip(names, map(float, estimate))),
            "accuracy": tested.get("accuracy"),
        }

    def _grounds(self, importance, attention, mask=None):
        """On what grounds: relations, frames, places."""
        grounds = {}
        if importance is not None:
            table = rank_relations(importance_table([importance], ["clip"]))
            grounds["importance"] = table.to_dict(orient="records")
        if attention is None:
            return grounds
        if attention.temporal is not None:
            grounds["frame_attention"] = attention.temporal.tolist()
        warp = self._settings.warp
        if attention.spatial is not None and warp is not None:
            spatial = attention.spatial
            spatial = spatial if mask is None else spatial[mask]
            parts = attention_by_part(
                spatial.mean(axis=0),
                self._settings.warp.points,
                self._settings.warp.mask,
            )
            grounds["place_attention"] = {
                name: float(share) if np.isfinite(share) else None
                for name, share in parts.items()
            }
        return grounds
