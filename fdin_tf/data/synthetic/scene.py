"""The face of a subject and the motion of a clip, drawn from their seeds."""

import numpy as np

from fdin_tf.data.synthetic.identity import NEUTRAL_AGE
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.motion import draw_planted
from fdin_tf.data.synthetic.motion import draw_smile
from fdin_tf.data.synthetic.render import Face


def subject_face(config, subject):
    """Paints the face of a subject.

    In a natural set it shows the subject's age and gender, in a planted set
    neither: every face is drawn as of the same age, of a gender of its own.

    Args:
        config: `SyntheticConfig` of the set.
        subject: `Subject` of the catalogue.

    Returns:
        A `Face`.
    """
    rng = np.random.default_rng([subject.seed, 0])
    if config.kind == "natural":
        identity = draw_identity(rng, subject.age, subject.gender)
    else:
        shown = rng.choice(["female", "male"])
        identity = draw_identity(rng, NEUTRAL_AGE, shown)
    return Face(identity, config.size, rng)


def clip_motion(config, clip):
    """Draws what happens in a clip.

    In a natural set it depends on smile type, age and gender, in a planted
    set on none of them.

    Args:
        config: `SyntheticConfig` of the set.
        clip: `Clip` of the catalogue.

    Returns:
        A `Motion`.
    """
    rng = np.random.default_rng([clip.subject.seed, clip.take])
    recording = {
        "num_frames": config.num_frames,
        "size": config.size,
        "frames_per_second": config.frames_per_second,
    }
    if config.kind == "planted":
        return draw_planted(rng, **recording)
    subject = clip.subject
    return draw_smile(
        rng, clip.spontaneity, subject.age, subject.gender, **recording
    )
