"""What a model of attention answers from: places and frames."""

import dataclasses

import numpy as np
import pandas as pd

from fdin_tf.data.crops import crop_clips
from fdin_tf.data.crops import warp_clips
from fdin_tf.data.sources import embedded_clips
from fdin_tf.data.stored import FaceFiles
from fdin_tf.explain import apex_to_neutral
from fdin_tf.explain import explained
from fdin_tf.explain import face_auc
from fdin_tf.explain import first_layer_components
from fdin_tf.explain import predict_attention
from fdin_tf.explain.attention_tables import attention_by_part
from fdin_tf.explain.attention_tables import phase_frames
from fdin_tf.explain.attention_tables import phase_weights
from fdin_tf.faces import find_phases
from fdin_tf.faces import mesh_landmarks
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from recipes.explain_attention_relevance import relevance_of_attention
from recipes.explain_attention_report import Findings
from recipes.explain_attention_report import Looks
from recipes.explain_attention_report import write_explanation
from recipes.explain_clips import check_clip_ids
from recipes.explain_clips import group_clips
from recipes.explain_relevance import check_relevance

_OF_RELATIONS = (
    "num_regions", "perturb_ages", "replace_by", "important", "less_important",
    "seed",
)  # fmt: skip
_CHUNK = 32  # clips in memory at a time
_SAMPLES = 8  # frames per clip that the first layer is shown
_NUM_SHOWN = 3


def check_attention(model, config):
    """Finds mistakes before hours of work.

    Raises:
        ValueError: If the network is without attention, there are no
            landmarks, an option is for relations, or relevance cannot pass
            the model.
    """
    for option in dataclasses.fields(config):
        value = getattr(config, option.name)
        if option.name in _OF_RELATIONS and value != option.default:
            raise ValueError(
                f"`{option.name}` is not an option for a model of attention, "
                f"{model.card['name']!r}. Received: {option.name}={value!r}"
            )
    if config.data is not None and not (config.landmarks_dir or config.mesh):
        raise ValueError(
            "A model of warped faces needs 68 landmarks in every frame: give "
            f"--landmarks-dir or --mesh. Received: data={config.data}"
        )
    explained(model.network)
    check_relevance(model, config)


def explain_attention(model, clips, config):
    """Explains a model of attention; returns the path of the report.

    Args:
        model: `Exported`, with a warp.
        clips: Clip table.
        config: `recipes.explain.Config`.
    """
    landmarks_dir = config.landmarks_dir
    if landmarks_dir is None and not config.mesh:  # then they are embedded
        root = embedded_clips(config.embedded, config.cache_dir)
        landmarks_dir = root / "truth"
    files = FaceFiles(
        config.cache_dir,
        model.face,
        landmarks_dir,
        mesh_landmarks if config.mesh else None,
    )
    cropped = crop_clips(clips, files)
    clips, groupings = group_clips(cropped.clips, config)
    check_clip_ids(cropped.clips, config, "the usable clips")
    console.print(f"Attention: {len(clips)} clips")
    looks = look(model, cropped, [*clips.clip_id, *config.clips])
    of_clips = pd.DataFrame(
        [numbers_of(looks[c], model.warp) for c in clips.clip_id],
        index=clips.clip_id,
    )
    shown = list(config.clips or typical_clips(of_clips))
    found = Findings(
        clips=clips,
        groupings=groupings,
        looks=looks,
        of_clips=of_clips,
        shown=whole_clips(model, cropped, shown),
        first_layer=first_layer(model, [looks[c] for c in clips.clip_id]),
        relevance=relevance_of_attention(
            model, cropped, clips, looks, shown, config
        ),
    )
    return write_explanation(found, model, cropped, config)


def look(model, cropped, clip_ids):
    """Where and when the network looks in clips, some at a time.

    Returns:
        Dict from clip id to `Looks`.
    """
    clip_ids = list(dict.fromkeys(clip_ids))
    rates = cropped.clips.set_index("clip_id").frames_per_second
    looks = {}
    with progress_bar() as bar:
        task = bar.add_task("Attention", total=len(clip_ids), note="")
        for start in range(0, len(clip_ids), _CHUNK):
            some = clip_ids[start : start + _CHUNK]
            data = warp_clips(cropped, model.warp, some)
            for clip_id, seen in predict_attention(
                model.network, data, some
            ).items():
                _, landmarks = cropped.load(clip_id)
                looks[clip_id] = _looks(
                    seen, data.load(clip_id), landmarks, rates[clip_id]
                )
            bar.advance(task, len(some))
    return looks


def _looks(seen, frames, landmarks, rate):
    num_frames = len(frames)
    top = num_frames // 2
    if seen.temporal is not None:
        top = int(seen.temporal.argmax())
    sample = np.linspace(0, num_frames - 1, _SAMPLES).round().astype(int)
    return Looks(
        places=None if seen.spatial is None else seen.spatial.mean(axis=0),
        weights=seen.temporal,
        phases=phase_frames(find_phases(landmarks, smooth=False)),
        seconds=np.arange(num_frames) / rate,
        face=frames[top],
        sample=frames[sample],
    )


def numbers_of(looks, warp):
    """A clip in numbers: a row of the table of clips."""
    row = {}
    if looks.places is not None:
        row["face_auc"] = float(face_auc(looks.places, warp.mask))
        row |= {
            f"at_{part}": float(mean)
            for part, mean in attention_by_part(
                looks.places, warp.points, warp.mask
            ).items()
        }
    if looks.weights is not None:
        row |= phase_weights(looks.weights, looks.phases)
        row["apex_to_neutral"] = apex_to_neutral(
            looks.weights, looks.phases["apex"], looks.phases["neutral"]
        )
        row["largest_at_seconds"] = looks.seconds[looks.weights.argmax()]
    return row


def typical_clips(of_clips):
    """The clips at the quartiles of the weight at the apex (or of the area)."""
    name = "apex" if "apex" in of_clips else "face_auc"
    ranked = of_clips[name].sort_values(kind="stable").index
    places = np.linspace(0, len(ranked) - 1, _NUM_SHOWN + 2)[1:-1]
    return list(dict.fromkeys(ranked[places.round().astype(int)]))


def whole_clips(model, cropped, clip_ids):
    """Frames and attention of a few clips, in every frame."""
    data = warp_clips(cropped, model.warp, clip_ids)
    seen = predict_attention(model.network, data, clip_ids)
    return {
        clip_id: (data.load(clip_id), attention)
        for clip_id, attention in seen.items()
    }


def first_layer(model, looks):
    """Components of the attention's first layer, and their shares."""
    if looks[0].places is None:
        return None
    frames = np.stack([of.sample for of in looks])
    encoder = model.network.get_layer("appearance").encoder
    units = encoder.get_layer("spatial_attention").units
    return first_layer_components(
        model.network,
        frames,
        np.ones(frames.shape[:2], bool),
        min(3, units, looks[0].places.size),
    )
