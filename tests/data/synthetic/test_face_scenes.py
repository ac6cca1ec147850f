"""Scenes: easy and hard images, evidence in its place, faces to be found."""

import dataclasses
import functools

import cv2
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fdin_tf.data.synthetic.face_attributes import attributes_of
from fdin_tf.data.synthetic.face_scene_painting import paint_scene
from fdin_tf.data.synthetic.face_scenes import FACE_ATTRIBUTE_SETS
from fdin_tf.data.synthetic.face_scenes import GENERATOR_VERSION
from fdin_tf.data.synthetic.face_scenes import FaceAttributesConfig
from fdin_tf.data.synthetic.face_scenes import draw_celeba_scenes
from fdin_tf.data.synthetic.face_scenes import draw_fotw_scene
from fdin_tf.data.synthetic.face_views import PaintedPerson
from fdin_tf.data.synthetic.leakage import aligned
from fdin_tf.faces.align import align_frame
from fdin_tf.faces.align import eye_similarity
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import crop_face
from fdin_tf.faces.detect import MTCNNDetector

CONFIG = FaceAttributesConfig()
MANY = FaceAttributesConfig(num_persons=180, images_per_person=1, seed=3)
# As this version of the generator draws them.
FIRST_AMPLITUDES = [0.129167, 0.88182, 0.048758]
FIRST_BOX = (79, 98, 106, 135)


def hard(count, config=CONFIG):
    """Scenes spread over the three parts."""
    total = config.num_train + config.num_valid + config.num_test
    return [draw_fotw_scene(config, i * total // count) for i in range(count)]


def shows(view):
    return attributes_of(view.person, view.amplitudes)


def roll(view):
    return np.degrees(np.arctan2(view.head[1, 0], view.head[0, 0]))


def centre(box):
    return (box[:2] + box[2:]) / 2


def distance_to_centre(view, scene):
    middle = np.array(scene.size) / 2
    return np.hypot(*(centre(view.truth["face_box"]) - middle))


def with_smile(scene, amplitude):
    """The scene with all of a smile's regions at one amplitude."""
    amplitudes = scene.labelled.amplitudes.copy()
    amplitudes[[3, 5, 6, 7, 8]] = amplitude
    view = dataclasses.replace(scene.labelled, amplitudes=amplitudes)
    return dataclasses.replace(scene, labelled=view)


def with_person(scene, **changes):
    person = dataclasses.replace(scene.labelled.person, **changes)
    view = dataclasses.replace(scene.labelled, person=person)
    return dataclasses.replace(scene, labelled=view)


def test_aligned_images_have_the_size_and_the_eyes_of_celeba():
    for index in range(20):
        for scene in draw_celeba_scenes(CONFIG, index)[:3]:
            assert scene.size == (178, 218)
            left, right = scene.labelled.truth["points"][:2]
            assert np.abs(left - (70, 111)).max() < 6
            assert np.abs(right - (107, 111)).max() < 6
            assert abs(roll(scene.labelled)) < 7
    image = paint_scene(scene, PaintedPerson)
    assert image.shape == (218, 178, 3)
    assert image.dtype == np.uint8


def test_a_person_has_one_look_and_many_expressions():
    scenes = draw_celeba_scenes(CONFIG, 4)
    assert len(scenes) == 10
    assert len({id(s.labelled.person) for s in scenes}) == 1
    amplitudes = np.stack([s.labelled.amplitudes for s in scenes])
    assert len(np.unique(amplitudes, axis=0)) == 10
    assert len({shows(s.labelled)["Smiling"] for s in scenes}) == 2
    names = [s.file_name for s in scenes]
    assert names == [f"{k:06d}.jpg" for k in range(41, 51)]


def test_nobody_is_in_two_parts_or_in_both_sets():
    easy = [draw_celeba_scenes(CONFIG, i)[0] for i in range(160)]
    parts = [s.split for s in easy]
    assert [parts.count(p) for p in ("train", "valid", "test")] == [128, 16, 16]
    scenes = hard(960)
    parts = [s.split for s in scenes]
    assert [parts.count(p) for p in ("train", "valid", "test")] == [
        480,
        240,
        240,
    ]
    views = [s.labelled for s in [*easy, *scenes]]
    views += [s.other for s in scenes if s.other]
    assert len({v.person.number for v in views}) == len(views)
    shapes = np.stack([v.person.identity.landmarks.ravel() for v in views])
    assert len(np.unique(shapes, axis=0)) == len(views)
    assert len({s.file_name for s in scenes}) == 960
    second = np.mean([s.other is not None for s in scenes])
    assert 0.11 < second < 0.19
    assert 0.008 < np.mean([s.is_hidden for s in scenes]) < 0.04
    assert 0.29 < np.mean([s.has_occluder for s in scenes]) < 0.41
    assert not any(s.is_hidden and s.other for s in scenes)


def test_hard_images_differ_in_size_place_turn_and_scale():
    scenes = hard(300)
    sizes = np.array([s.size for s in scenes])
    assert sizes.min() >= 240
    assert sizes.max() > 390
    turns = np.array([roll(s.labelled) for s in scenes])
    assert 25 < np.abs(turns).max() <= 35 + 1e-9
    units = [
        np.hypot(*np.subtract(*s.labelled.truth["points"][:2])) for s in scenes
    ]
    assert min(units) > 30
    assert max(units) > 1.6 * min(units)
    places = np.array(
        [centre(s.labelled.truth["face_box"]) / s.size for s in scenes]
    )
    assert (places.std(axis=0) > 0.08).all()
    for scene in scenes:
        box = scene.labelled.truth["face_box"]
        assert (box[:2] >= 0).all()
        assert (box[2:] <= scene.size).all()


def test_no_turn_where_none_is_allowed():
    config = dataclasses.replace(CONFIG, max_roll=0)
    assert all(roll(s.labelled) == 0 for s in hard(10, config))


def test_a_given_box_marks_the_labelled_face():
    for scene in hard(200):
        left, top, width, height = scene.given_box
        assert min(left, top) >= 0
        assert min(width, height) > 30
        assert left + width <= scene.size[0]
        assert top + height <= scene.size[1]
        face = scene.labelled.truth["face_box"]
        middle = left + width / 2, top + height / 2
        away = np.abs(centre(face) - middle) / (face[2:] - face[:2])
        assert away.max() < 0.2


def test_a_second_face_has_other_labels():
    config = dataclasses.replace(CONFIG, second_faces=1.0, hidden_faces=0.0)
    nearer = {"train": [], "valid": [], "test": []}
    for scene in hard(240, config):
        one, two = shows(scene.labelled), shows(scene.other)
        assert one["Male"] != two["Male"]
        assert one["Smiling"] != two["Smiling"]
        boxes = [v.truth["face_box"] for v in (scene.labelled, scene.other)]
        assert abs(centre(boxes[0]) - centre(boxes[1]))[0] > 60
        own, others = (
            distance_to_centre(view, scene)
            for view in (scene.labelled, scene.other)
        )
        nearer[scene.split].append(own < others)
    assert all(nearer["test"])
    for part in ("train", "valid"):
        assert 0.3 < np.mean(nearer[part]) < 0.7


def test_all_hidden_or_none():
    hidden = dataclasses.replace(CONFIG, hidden_faces=1.0)
    assert all(s.is_hidden for s in hard(10, hidden))
    seen = dataclasses.replace(CONFIG, hidden_faces=0.0, occluders=0.0)
    assert not any(s.is_hidden or s.has_occluder for s in hard(50, seen))


def test_a_hidden_face_does_not_show_its_smile():
    scene = dataclasses.replace(hard(1)[0], is_hidden=True)
    rest, strong = (
        paint_scene(with_smile(scene, a), PaintedPerson) for a in (0.0, 1.0)
    )
    assert np.abs(rest - strong.astype(float)).max() < 40  # light moves a bit
    seen = dataclasses.replace(scene, is_hidden=False, has_occluder=False)
    rest, strong = (
        paint_scene(with_smile(seen, a), PaintedPerson) for a in (0.0, 1.0)
    )
    assert np.abs(rest - strong.astype(float)).max() > 40


def test_a_smile_shows_in_its_boxes():
    inside = []
    for index in range(6):
        scene = draw_celeba_scenes(CONFIG, index)[0]
        rest, strong = (
            paint_scene(with_smile(scene, a), PaintedPerson) for a in (0.0, 1.0)
        )
        change = np.abs(rest - strong.astype(float)).sum(axis=-1)
        place = np.zeros(change.shape, bool)
        boxes = scene.labelled.truth["boxes"]
        assert boxes.shape == (5, 4)
        for left, top, right, bottom in np.rint(boxes).astype(int):
            place[top : bottom + 1, left : right + 1] = True
        assert place.mean() < 0.3
        inside.append(change[place].sum() / change.sum())
    assert min(inside) > 0.93


def test_long_hair_is_outside_of_cheeks_and_mouth():
    for index in range(6):
        scene = draw_celeba_scenes(CONFIG, index)[0]
        short, long_ = (
            paint_scene(with_person(scene, hair_end=end), PaintedPerson)
            for end in (None, 1.6)
        )
        assert np.abs(short - long_.astype(float)).max() > 40
        points = scene.labelled.truth["points"]
        crops = [
            crop_face(image, points, CROP_SCHEMES[5], 64).astype(float)
            for image in (short, long_)
        ]
        assert np.abs(crops[0] - crops[1]).max() < 8


def accuracy(views, labels):
    """Cross-validated, of a linear classifier of grey pictures."""
    x = np.float32([np.ravel(view) for view in views])
    x = (x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True) + 1)
    classifier = make_pipeline(
        PCA(20, svd_solver="randomized", random_state=0),
        StandardScaler(),
        LogisticRegression(C=0.1),
    )
    return cross_val_score(classifier, x, labels, cv=4).mean()


def test_gender_shows_in_the_face_and_a_smile_at_cheeks_and_mouth():
    views = {"aligned": [], "face": [], "mouth": [], "above": []}
    labels = []
    for index in range(MANY.num_persons):
        (scene,) = draw_celeba_scenes(MANY, index)
        image = paint_scene(scene, PaintedPerson)
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        points = scene.labelled.truth["points"]
        colour = np.repeat(image[..., None], 3, axis=2)
        for name, number in (("aligned", 1), ("face", 3), ("mouth", 5)):
            crop = crop_face(colour, points, CROP_SCHEMES[number], 20)
            views[name].append(crop[..., 0])
        # Forehead and eyes, at a scale that the mouth has no part in.
        (matrix,) = eye_similarity(points[None, :2], 20, (0.25, 0.625))
        views["above"].append(align_frame(image, matrix, 20)[:13])
        labels.append(shows(scene.labelled))
    for attribute, shown, cut_off in (
        ("Male", ("face", "aligned", "above"), "mouth"),
        ("Smiling", ("mouth", "aligned", "face"), "above"),
    ):
        wanted = [label[attribute] for label in labels]
        for name in shown:
            assert accuracy(views[name], wanted) > 0.78
        assert accuracy(views[cut_off], wanted) < 0.65


def test_landmarks_lie_on_the_painted_face():
    # Aligned by its landmarks, an image agrees with the upright drawing of
    # its person, and less so when the landmarks are off by two pixels.
    config = dataclasses.replace(
        CONFIG, occluders=0.0, hidden_faces=0.0, second_faces=0.0
    )
    for scene in (draw_celeba_scenes(config, 1)[0], *hard(3, config)):
        painted = functools.cache(PaintedPerson)
        view = scene.labelled
        upright = painted(view.person).render(view.amplitudes)[..., ::-1]
        image = paint_scene(scene, painted)
        same_head = dataclasses.replace(view, head=np.eye(2, 3))
        expected = aligned(
            np.ascontiguousarray(upright), same_head.truth["landmarks"]
        )

        def agreement(shift, image=image, view=view, expected=expected):
            found = aligned(image, view.truth["landmarks"] + shift)
            return np.corrcoef(found.ravel(), expected.ravel())[0, 1]

        exact = agreement((0, 0))
        assert exact > 0.7  # uneven light, blur and noise
        for shift in ((2, 0), (-2, 0), (0, 2), (0, -2)):
            assert agreement(shift) < exact


def test_points_are_the_eyes_the_nose_and_the_mouth_of_the_landmarks():
    for scene in hard(5):
        truth = scene.labelled.truth
        corners = truth["landmarks"]
        left, right, nose, *mouth = truth["points"]
        for eye, outer, inner in ((left, 36, 39), (right, 45, 42)):
            middle = (corners[outer] + corners[inner]) / 2
            np.testing.assert_allclose(eye, middle, rtol=1e-6)
        np.testing.assert_array_equal(nose, corners[30])
        np.testing.assert_array_equal(mouth, corners[[48, 54]])
        low, high = truth["face_box"].reshape(2, 2)
        assert (low <= corners.min(0)).all()
        assert (high >= corners.max(0)).all()


def test_the_detector_finds_the_faces_that_are_to_be_seen():
    detector = MTCNNDetector()
    found = []
    for scene in hard(20, dataclasses.replace(CONFIG, hidden_faces=0.0)):
        points = scene.labelled.truth["points"]
        size = np.hypot(*(points[:2].mean(0) - points[3:].mean(0)))
        image = np.ascontiguousarray(paint_scene(scene, PaintedPerson))
        errors = [
            np.hypot(*(face.points - points).T).mean() / size
            for face in detector(image)
        ]
        found.append(min(errors, default=np.inf) < 0.15)
    assert sum(found) >= 19
    for scene in hard(4, dataclasses.replace(CONFIG, hidden_faces=1.0)):
        assert not detector(
            np.ascontiguousarray(paint_scene(scene, PaintedPerson))
        )


def test_the_same_seed_gives_the_same_image():
    for draw in (
        lambda config: draw_fotw_scene(config, 5),
        lambda config: draw_celeba_scenes(config, 5)[2],
    ):
        one, again = (paint_scene(draw(CONFIG), PaintedPerson) for _ in "ab")
        np.testing.assert_array_equal(one, again)
        other = draw(dataclasses.replace(CONFIG, seed=1))
        other = paint_scene(other, PaintedPerson)
        assert other.shape != one.shape or (other != one).any()


def test_scenes_are_those_of_this_generator_version():
    assert GENERATOR_VERSION == 1  # a new version has new numbers
    first = draw_celeba_scenes(CONFIG, 0)[0].labelled.amplitudes[:3]
    assert first == pytest.approx(FIRST_AMPLITUDES, abs=1e-6)
    assert draw_fotw_scene(CONFIG, 0).given_box == FIRST_BOX


def test_named_sets_have_the_specified_sizes():
    def sizes(name):
        config = FACE_ATTRIBUTE_SETS[name]
        return (
            config.num_persons,
            config.images_per_person,
            config.num_train,
            config.num_valid,
            config.num_test,
        )

    assert sizes("tiny") == (12, 3, 12, 6, 6)
    assert sizes("demo") == (160, 10, 480, 240, 240)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("num_persons", 9, "from 10 to 9,999"),
        ("images_per_person", 100, "from 1 to 99"),
        ("num_train", 0, "from 1 to 99,999"),
        ("num_valid", 0, "from 1 to 99,999"),
        ("num_test", 0, "from 1 to 99,999"),
        ("second_faces", 1.5, "from 0 to 1"),
        ("hidden_faces", -0.1, "from 0 to 1"),
        ("occluders", 2.0, "from 0 to 1"),
        ("max_roll", 91.0, "from 0 to 90"),
        ("seed", -1, "0 or more"),
    ],
)
def test_a_config_out_of_range_is_refused(field, value, expected):
    with pytest.raises(
        ValueError, match=f"`{field}`.*{expected}.*{field}={value!r}"
    ):
        FaceAttributesConfig(**{field: value})
