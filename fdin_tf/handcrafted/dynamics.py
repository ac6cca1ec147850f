"""25 measures of a facial motion, in each of its phases and regions."""

import numpy as np

from fdin_tf.faces.phases import LEAST_STEP
from fdin_tf.faces.phases import PHASES
from fdin_tf.faces.smoothing import smooth_4253h_twice
from fdin_tf.handcrafted.deformation import PATCHES
from fdin_tf.handcrafted.deformation import deformation_signals
from fdin_tf.handcrafted.displacement import GENDER_SIGNALS
from fdin_tf.handcrafted.displacement import displacement_signals
from fdin_tf.handcrafted.displacement import gender_signals

#: What `dynamics_measures` returns, in this order; plus and minus are a rise
#: and a fall of the amplitude, or the two signs of an acceleration.
MEASURES = (
    "duration_plus",
    "duration_minus",
    "duration",
    "duration_ratio_plus",
    "duration_ratio_minus",
    "max_amplitude",
    "mean_amplitude",
    "mean_amplitude_plus",
    "mean_amplitude_minus",
    "std_amplitude",
    "total_amplitude_plus",
    "total_amplitude_minus",
    "net_amplitude",
    "amplitude_ratio_plus",
    "amplitude_ratio_minus",
    "max_speed_plus",
    "max_speed_minus",
    "mean_speed_plus",
    "mean_speed_minus",
    "max_acceleration_plus",
    "max_acceleration_minus",
    "mean_acceleration_plus",
    "mean_acceleration_minus",
    "net_amplitude_duration_ratio",
    "left_right_amplitude_difference",
)
#: Kinds of dynamics: their signals, and the names of these.
KINDS = {
    "displacement": (displacement_signals, ("eyelids", "cheeks", "lips")),
    "deformation": (deformation_signals, tuple(PATCHES)),
    "gender": (gender_signals, tuple(GENDER_SIGNALS)),
}


def dynamics_measures(amplitude, left=None, right=None, *, frames_per_second):
    """The 25 measures of one region in one phase.

    The amplitude D(t) at n frames makes n - 1 steps D(t + 1) - D(t). D+ are
    the steps up and D- the steps down; V is the speed, a step times the rate
    w, and A the acceleration, the difference of two speeds times w. A+ and A-
    are its positive and its negative values, whether the amplitude rises or
    falls meanwhile. Steps, and differences of steps, up to 1e-5 are level and
    in neither. N() is the number of steps, N(D) = n - 1, and S() a sum.

    | number | measure | definition | unit |
    |---|---|---|---|
    | 1, 2, 3 | duration + - all | N(D+) / w, N(D-) / w, N(D) / w | s |
    | 4, 5 | duration ratio + - | N(D+) / N(D), N(D-) / N(D) | 1 |
    | 6 | max amplitude | max D | u |
    | 7 | mean amplitude | S(D) / n | u |
    | 8, 9 | mean amplitude + - | S(D+) / N(D+), S(abs D-) / N(D-) | u |
    | 10 | std amplitude | deviation of D from its mean, over n | u |
    | 11, 12 | total amplitude + - | S(D+), S(abs D-) | u |
    | 13 | net amplitude | S(D+) - S(abs D-) | u |
    | 14, 15 | amplitude ratio + - | shares of S(D+) + S(abs D-) | 1 |
    | 16, 17 | max speed + - | max V+, max abs V- | u/s |
    | 18, 19 | mean speed + - | S(V+) / N(V+), S(abs V-) / N(V-) | u/s |
    | 20, 21 | max acceleration + - | max A+, max abs A- | u/s^2 |
    | 22, 23 | mean acceleration + - | S(A+) / N(A+), S(abs A-)/N(A-) | u/s^2 |
    | 24 | net amplitude/duration | (S(D+) - S(abs D-)) w / N(D) | u/s |
    | 25 | left/right difference | abs(S(D_left) - S(D_right)) / n | u |

    with u the unit of the amplitude. What is of nothing is 0: the measures of
    D- where nothing falls, all measures of a phase without frames; of one
    frame 6, 7 and 25 remain. No measure is NaN.

    Descriptions of the measures differ in what D+ pools, whether speeds are
    per frame or per second, and what decides the sign of an acceleration; nor
    do they say whether durations (1 to 5 and 24) count the n frames or, as
    here, the n - 1 steps. The answers above are this package's.

    Args:
        amplitude: `(frames,)`, any unit; frames at a constant rate.
        left: `(frames,)`, the amplitude of the left side; None without sides:
            measure 25 is then 0.
        right: `(frames,)`, that of the right side.
        frames_per_second: The rate w.

    Returns:
        `(25,)`, float64, in the order of `MEASURES`.

    Raises:
        ValueError: If the amplitudes are not finite or not one per frame, one
            side is missing, or the rate is not positive.

    Example:

    >>> measures = dynamics_measures([0, 1, 3, 2], frames_per_second=10)
    >>> dict(zip(MEASURES, measures.tolist()))["mean_speed_plus"]
    15.0

    Reference:
    - Dibeklioglu, Salah and Gevers, ECCV 2012: the 25 measures.
    """
    if not frames_per_second > 0:
        raise ValueError(
            "The rate of the frames must be positive. "
            f"Received: {frames_per_second=}"
        )
    amplitude, left, right = _checked(amplitude, left, right)
    if not len(amplitude):
        return np.zeros(len(MEASURES))
    rate = frames_per_second
    steps = np.diff(amplitude)
    plus, minus = _by_sign(steps)
    faster, slower = _by_sign(np.diff(steps))
    net, way = plus.sum() - minus.sum(), plus.sum() + minus.sum()
    return np.array(
        [
            len(plus) / rate,
            len(minus) / rate,
            len(steps) / rate,
            _ratio(len(plus), len(steps)),
            _ratio(len(minus), len(steps)),
            amplitude.max(),
            amplitude.mean(),
            _mean(plus),
            _mean(minus),
            amplitude.std(),
            plus.sum(),
            minus.sum(),
            net,
            _ratio(plus.sum(), way),
            _ratio(minus.sum(), way),
            rate * plus.max(initial=0),
            rate * minus.max(initial=0),
            rate * _mean(plus),
            rate * _mean(minus),
            rate**2 * faster.max(initial=0),
            rate**2 * slower.max(initial=0),
            rate**2 * _mean(faster),
            rate**2 * _mean(slower),
            _ratio(rate * net, len(steps)),
            abs(left.sum() - right.sum()) / len(amplitude),
        ]
    )


def dynamics_features(clip_view, kind="displacement", smooth=True):
    """The measures of every region in every phase of a clip.

    A step between two phases belongs to the onset or the offset: the onset is
    measured up to the first frame of the apex, the offset from the last frame
    of the apex. So every step of the clip counts once, and the durations of
    the phases are the duration of the clip. A phase without frames has
    measures of 0; `Phases.is_complete` tells, for those who count such clips.

    Args:
        clip_view: `ClipView` of the clip; its frames count as neighbours in
            time.
        kind: `"displacement"` (`displacement_signals`, 225 features),
            `"deformation"` (`deformation_signals`, 225) or `"gender"`
            (`gender_signals`, 675).
        smooth: Whether every signal is smoothed by `smooth_4253h_twice`;
            False for landmarks that were.

    Returns:
        `(signals * 3 * 25,)`, float32, as `feature_names` says.

    Raises:
        ValueError: If `kind` is none, or the landmarks are none (see
            `displacement_signals` and `deformation_signals`).

    Example:

    >>> from fdin_tf.data.synthetic.template import average_face
    >>> from fdin_tf.faces.phases import find_phases
    >>> from fdin_tf.handcrafted.clip_view import ClipView
    >>> faces = np.repeat(100 * average_face()[None], 40, axis=0)
    >>> faces[:, 48, 0] -= np.interp(range(40), [10, 16, 24, 30], [0, 9, 9, 0])
    >>> frames = np.zeros((40, 114, 114), "uint8")
    >>> view = ClipView(frames, faces, find_phases(faces, 25), 25.0)
    >>> features = dict(zip(feature_names(), dynamics_features(view)))
    >>> float(features["lips_onset_duration"])  # 18 steps of 1/25 s
    0.72...
    """
    make_signals, _ = _signals_of(kind)
    signals = make_signals(clip_view.landmarks)
    features = []
    for sides in signals.values():
        courses = np.column_stack([sides.mean(axis=1), sides])
        if smooth:
            courses = smooth_4253h_twice(courses)
        for phase in PHASES:
            part = courses[_stretch(clip_view.phases, phase)]
            measures = dynamics_measures(
                *part.T, frames_per_second=clip_view.frames_per_second
            )
            features.append(measures)
    return np.concatenate(features).astype("float32")


def feature_names(kind="displacement"):
    """What the features of `dynamics_features` are.

    Args:
        kind: As of `dynamics_features`.

    Returns:
        List of `<signal>_<phase>_<measure>`: signal by signal, in each phase
        by phase, in each the 25 `MEASURES`.

    Raises:
        ValueError: If `kind` is none.

    Example:

    >>> feature_names("deformation")[25]
    'eyelids_apex_duration_plus'
    """
    _, names = _signals_of(kind)
    return [
        f"{name}_{phase}_{measure}"
        for name in names
        for phase in PHASES
        for measure in MEASURES
    ]


def _signals_of(kind):
    if kind not in KINDS:
        raise ValueError(
            f"Dynamics are one of {', '.join(KINDS)}. Received: {kind=}"
        )
    return KINDS[kind]


def _stretch(phases, name):
    """Frames between which the steps of a phase lie, a slice."""
    start, stop = getattr(phases, name)
    if name == "onset" and start < stop:
        stop += 1
    elif name == "offset" and start < stop:
        start -= 1
    return slice(start, stop)


def _checked(amplitude, left, right):
    """Amplitudes as float64: of both sides together, of each alone."""
    if (left is None) != (right is None):
        raise ValueError(
            "Amplitudes of sides are those of both sides. Received: "
            f"{'left' if left is None else 'right'}=None"
        )
    if left is None:
        left = right = amplitude
    courses = [np.asarray(c, "float64") for c in (amplitude, left, right)]
    shapes = [course.shape for course in courses]
    if len(set(shapes)) > 1 or courses[0].ndim != 1:
        raise ValueError(
            "Amplitudes must be one value per frame, of both sides as many. "
            f"Received: shapes {', '.join(map(str, shapes))}"
        )
    for course in courses:
        for frame in np.flatnonzero(~np.isfinite(course)):
            raise ValueError(
                "Amplitudes must be finite. "
                f"Received: {course[frame]} in frame {frame}"
            )
    return courses


def _by_sign(changes):
    """The positive changes, and the sizes of the negative ones."""
    return changes[changes > LEAST_STEP], -changes[changes < -LEAST_STEP]


def _mean(values):
    return _ratio(values.sum(), len(values))


def _ratio(part, whole):
    return part / whole if whole else 0.0
