"""What `recipes.predict` says about a file: a table's row, and a line."""

from fdin_tf.data.clips import TARGET_CLASSES
from fdin_tf.data.face_images import BOX_COLUMNS
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.explain import importance_table
from fdin_tf.explain import rank_relations
from fdin_tf.explain.attention_tables import BACKGROUND
from fdin_tf.explain.attention_tables import FACE_PARTS
from fdin_tf.explain.attention_tables import attention_by_part
from fdin_tf.explain.attention_tables import heaviest_stretch
from fdin_tf.explain.face_drawing import in_words


def row_of(prediction, warp):
    """The row of a video in the table.

    Args:
        prediction: `Prediction`.
        warp: `FaceWarp` of the model, or None.

    Returns:
        Dict of plain values: the estimate, what tracking met, the importance
        of every pair, or where and when the model looked.
    """
    row = {
        "video": str(prediction.path),
        "target": prediction.target,
        "num_frames": len(prediction.seconds),
    }
    if prediction.target in TARGET_CLASSES:
        best = int(prediction.estimate.argmax())
        row["estimate"] = TARGET_CLASSES[prediction.target][best]
        row["probability"] = float(prediction.estimate[best])
        row["accuracy"] = prediction.accuracy
    else:
        row["estimate"] = float(prediction.estimate[0])
        row["error_years"] = prediction.error_years
    faces = {f"face_{name}": n for name, n in prediction.counts.items()}
    return {**row, **faces, **_pairs(prediction), **_looks(prediction, warp)}


def _pairs(prediction):
    """Importance of every pair, of a model with relations."""
    if prediction.importance is None:
        return {}
    named = importance_table([prediction.importance], ["clip"])
    return {
        f"importance_{name.replace('-', '_')}": float(share)
        for name, share in named.iloc[0].items()
    }


def _looks(prediction, warp):
    """When and where a model with attention looked."""
    found = {}
    if prediction.attention is None:
        return found
    spatial, temporal = (
        prediction.attention.spatial,
        prediction.attention.temporal,
    )
    if temporal is not None:
        start, stop = heaviest_stretch(temporal)
        top, seconds = int(temporal.argmax()), prediction.seconds
        found |= {
            "half_from_seconds": float(seconds[start]),
            "half_to_seconds": float(seconds[stop - 1]),
            "largest_weight": float(temporal[top] * len(temporal)),
            "largest_weight_seconds": float(seconds[top]),
        }
    if spatial is not None:
        parts = attention_by_part(spatial.mean(axis=0), warp.points, warp.mask)
        found |= {f"attention_{name}": float(x) for name, x in parts.items()}
    return found


def _attention(row, part):
    return row[f"attention_{part}"]


def describe(row):
    """One line about a prediction, with unit and error."""
    if row["target"] == "age":
        return (
            f"age {row['estimate']:.1f} years, mean absolute error in "
            f"cross-validation near that age {row['error_years']:.1f} years"
        )
    answer = f"{row['target']} {row['estimate']}, probability "
    answer += f"{row['probability']:.2f}"
    if row["accuracy"] is None:
        return answer
    return f"{answer}, accuracy in cross-validation {row['accuracy']:.1f} %"


def why(prediction, row, number=3):
    """The most important relations, or where and when it looked, in words.

    Args:
        prediction: `Prediction`.
        row: Its row, see `row_of`.
        number: How many relations.
    """
    words = ""
    if prediction.importance is not None:
        ranked = rank_relations(
            importance_table([prediction.importance], ["clip"])
        )
        words += "; relations: " + ", ".join(
            f"{in_words(of.relation)} ({100 * of.importance:.1f} %)"
            for of in ranked.head(number).itertuples()
        )
    if "largest_weight" in row:
        words += (
            f"; frames: half of the weight from {row['half_from_seconds']:.2f} "
            f"to {row['half_to_seconds']:.2f} s of "
            f"{prediction.seconds[-1]:.2f} s, most at "
            f"{row['largest_weight_seconds']:.2f} s "
            f"({row['largest_weight']:.2f} times the uniform)"
        )
    if "attention_mouth" in row:
        parts = sorted(
            [*FACE_PARTS, BACKGROUND], key=lambda part: -_attention(row, part)
        )
        words += "; places: attention " + ", ".join(
            f"{part} {_attention(row, part):.2f}" for part in parts
        )
    return words


def photograph_row(prediction):
    """The row of a photograph in the table.

    Args:
        prediction: `PhotographPrediction`, whose face was detected.

    Returns:
        Dict of plain values: the answer, the probability of every class, and
        the face, its box and points by the columns of an image table.
    """
    x1, y1, x2, y2 = prediction.box
    box = (x1, y1, x2 - x1, y2 - y1)
    probabilities = map(float, prediction.probabilities)
    return {
        "photograph": str(prediction.path),
        "target": prediction.target,
        "estimate": prediction.classes[prediction.best],
        "probability": float(prediction.probabilities[prediction.best]),
        **{
            f"probability_{name}": probability
            for name, probability in zip(prediction.classes, probabilities)
        },
        "accuracy": prediction.accuracy,
        "tested_on": prediction.tested_on,
        "face_number": prediction.face_number,
        "num_faces": prediction.num_faces,
        "face_confidence": prediction.confidence,
        **dict(zip(BOX_COLUMNS, map(float, box))),
        **dict(zip(POINT_COLUMNS, map(float, prediction.points.ravel()))),
    }


def describe_photograph(row):
    """One line about a photograph: the answer, its accuracy, whose face.

    Args:
        row: Row of `photograph_row`.

    Example:

    >>> describe_photograph({
    ...     "target": "smile", "estimate": "no_smile", "probability": 0.934,
    ...     "accuracy": None, "face_number": 2, "num_faces": 3})
    'no smile, probability 0.93; face 2 of 3, nearest the middle'
    """
    estimate = row["estimate"].replace("_", " ")
    if row["target"] not in estimate.split():
        estimate = f"{row['target']} {estimate}"
    answer = f"{estimate}, probability {row['probability']:.2f}"
    if row["accuracy"] is not None:
        answer += (
            f", accuracy on the {row['tested_on']} {row['accuracy']:.1f} %"
        )
    face = f"face {row['face_number']} of {row['num_faces']}"
    return f"{answer}; {face}, nearest the middle"
