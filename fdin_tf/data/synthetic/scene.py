"""The face of a subject and the motion of a clip, drawn from their seeds."""

import dataclasses

import numpy as np

from fdin_tf.data.synthetic.catalogue import AGES
from fdin_tf.data.synthetic.identity import NEUTRAL_AGE
from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.motion import draw_planted
from fdin_tf.data.synthetic.motion import draw_smile
from fdin_tf.data.synthetic.render import Face

#: Share of an expressive clip, at each of its ends, that is neutral in any
#: case; more of it is, as a smile itself begins and ends slowly.
EXPRESSIVE_REST = 0.2


def subject_face(config, subject):
    """Paints the face of a subject.

    In a natural set it shows the subject's age and gender; in an expressive
    set gender, and age only where it wrinkles in motion; in a planted set
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
    elif config.kind == "expressive":
        at_rest = draw_identity(rng, NEUTRAL_AGE, subject.gender)
        # Nothing of the wrinkles stays at rest (`old`).
        identity = dataclasses.replace(
            at_rest, old=0.0, wrinkles=wrinkles_of(subject.age)
        )
    else:
        shown = rng.choice(["female", "male"])
        identity = draw_identity(rng, NEUTRAL_AGE, shown)
    return Face(identity, config.size, rng)


def clip_motion(config, clip):
    """Draws what happens in a clip.

    In a natural or an expressive set it depends on smile type, age and
    gender, in a planted set on none of them.

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
        rng,
        clip.spontaneity,
        subject.age,
        subject.gender,
        rest=EXPRESSIVE_REST if config.kind == "expressive" else 0.0,
        **recording,
    )


def wrinkles_of(age):
    """Strength of the wrinkles in an expressive set, 0.1 to 1.

    In proportion to age, so that people of all ages can be told apart.

    >>> round(wrinkles_of(42), 3)
    0.55
    """
    youngest, oldest = AGES
    return 0.1 + 0.9 * (age - youngest) / (oldest - youngest)
