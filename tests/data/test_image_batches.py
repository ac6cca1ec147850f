"""Crops streamed from files: what is cut, kept, shown when, and errors."""

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data

from fdin_tf.data.augmentation import Alteration
from fdin_tf.data.crop_memory import CropMemory
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.image_batches import CropSource
from fdin_tf.data.image_batches import make_image_batches
from fdin_tf.data.image_files import read_image
from fdin_tf.faces.crops import CROP_SCHEMES
from fdin_tf.faces.crops import crop_face
from fdin_tf.faces.crops import crop_matrix
from recipes.cli import run_recipe

#: Points of the astronaut's face, pixels.
POINTS = np.array([
    [202.8, 100.3], [245.8, 103.2], [224, 122], [203.7, 140.7], [245.3, 139.2]
])  # fmt: skip
ORIENTATION = 0x0112
NUM_IMAGES = 7
SCHEME = CROP_SCHEMES[1]


def face_table(paths, points):
    """Face image table of some files."""
    table = pd.DataFrame(np.reshape(points, (-1, 10)), columns=POINT_COLUMNS)
    table.insert(0, "path", [str(path) for path in paths])
    table.insert(0, "image_id", [path.stem for path in paths])
    return table


def turned(degrees):
    """The photograph and its points, turned and made smaller, in one image."""
    matrix = cv2.getRotationMatrix2D((224, 120), degrees, 0.6)
    matrix[:, 2] += [-100, -40]
    picture = cv2.warpAffine(data.astronaut(), matrix, (248, 168))
    return picture, POINTS @ matrix[:, :2].T + matrix[:, 2]


@pytest.fixture
def faces(tmp_path):
    """Photographs of a face at other angles; the last goes over the border."""
    paths, points = [], []
    for i, degrees in enumerate(np.linspace(-30, 30, NUM_IMAGES)):
        picture, places = turned(degrees)
        if i == NUM_IMAGES - 1:
            picture, places = picture[70:, 110:], places - [110, 70]
        paths.append(tmp_path / f"{i}.png")
        points.append(places)
        Image.fromarray(picture).save(paths[-1])
    return face_table(paths, points)


def points_of(faces, row):
    return faces[list(POINT_COLUMNS)].to_numpy()[row].reshape(5, 2)


def remove_files(faces, rows=None):
    for path in faces.path if rows is None else faces.path.iloc[rows]:
        tf.io.gfile.remove(path)


@pytest.mark.parametrize("number", CROP_SCHEMES)
@pytest.mark.parametrize(("size", "margin"), [(64, 1.2), (51, 1), (40, 1.47)])
def test_crops_are_those_of_crop_face(faces, number, size, margin):
    scheme = CROP_SCHEMES[number]
    crops = CropSource(faces, scheme, size, margin).crops([6, 0, 3])
    assert crops.dtype == np.uint8
    for crop, row in zip(crops, [6, 0, 3]):
        expected = crop_face(
            read_image(faces.path[row]), points_of(faces, row), scheme, size
        )
        assert np.abs(crop.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", [51, 64])
def test_what_is_altered_starts_from_the_exact_middle(faces, size):
    source = CropSource(faces, SCHEME, size, margin=1.31)
    plain = source.crops(range(NUM_IMAGES))
    rng = np.random.default_rng(0)
    same = source.altered(range(NUM_IMAGES), rng, Alteration(flip=False))
    np.testing.assert_array_equal(same, plain)
    mirrored = source.altered(range(NUM_IMAGES), rng, Alteration())
    for crop, before in zip(mirrored, plain):
        assert (crop == before).all() or (crop == before[:, ::-1]).all()


def test_beyond_the_crop_the_margin_shows_the_photograph(faces):
    """A shifted crop equals one cut out of the image at the shifted place."""

    class Largest:
        def random(self, shape):
            return np.ones(shape)

    source = CropSource(faces, SCHEME, 64, margin=1.25)
    crop = source.altered([3], Largest(), Alteration(flip=False, shift=0.125))
    points, image = points_of(faces, 3), read_image(faces.path[3])
    turn = crop_matrix(points, SCHEME, 64)[:, :2]
    moved = points - np.linalg.solve(turn, [8, 8])  # an eighth of the side
    expected = crop_face(image, moved, SCHEME, 64)
    assert np.abs(crop[0].astype(int) - expected).max() <= 1


def test_a_set_within_the_budget_is_read_once(faces):
    source = CropSource(faces, SCHEME, 32)
    before = source.crops(range(NUM_IMAGES))
    remove_files(faces)
    np.testing.assert_array_equal(source.crops(range(NUM_IMAGES)), before)
    source.altered(range(NUM_IMAGES), np.random.default_rng(0), Alteration())


def test_no_more_than_the_budget_is_kept(faces):
    memory = CropMemory(7000)
    source = CropSource(faces, SCHEME, 32, margin=1, memory=memory)
    source.crops([5, 5, 1, 0])  # 3072 bytes each: two are kept
    assert memory.num_left == 7000 - 2 * 3072
    remove_files(faces)
    assert len(source.crops([5, 1])) == 2
    with pytest.raises(OSError, match=f"Received: path={faces.path[0]}"):
        source.crops([0])
    nothing = CropSource(faces, SCHEME, 32, memory=CropMemory(0))
    with pytest.raises(OSError, match=f"Received: path={faces.path[0]}"):
        nothing.crops([0])


def test_sources_share_a_budget_and_give_back_what_they_took(faces):
    memory = CropMemory(5 * 3072)
    first, second = (
        CropSource(faces, CROP_SCHEMES[n], 32, margin=1, memory=memory)
        for n in (1, 5)
    )
    first.crops([0, 1, 2])
    kept = second.crops(range(NUM_IMAGES))  # the first two are kept
    assert memory.num_left == 0
    first.release()
    assert memory.num_left == 3 * 3072
    second.crops(range(NUM_IMAGES))
    assert memory.num_left == 0
    remove_files(faces)
    np.testing.assert_array_equal(second.crops(range(5)), kept[:5])
    for source, row in ((first, 0), (second, 5)):
        with pytest.raises(OSError, match=f"path={faces.path[row]}"):
            source.crops([row])
    for source in (second, first, second):
        source.release()
    assert memory.num_left == memory.num_bytes


def test_a_source_that_was_released_goes_on(faces):
    source = CropSource(faces, SCHEME, 32)
    before = source.crops(range(NUM_IMAGES))
    source.release()
    np.testing.assert_array_equal(source.crops(range(NUM_IMAGES)), before)
    assert source.memory.num_left == (2 << 30) - NUM_IMAGES * 3 * source.side**2
    other = CropSource(faces, SCHEME, 32)
    assert other.memory.num_left == 2 << 30  # of its own


def test_threads_that_read_one_image_keep_it_once(faces):
    memory = CropMemory(10 * 3072)
    source = CropSource(faces, SCHEME, 32, margin=1, memory=memory)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(source.crops, [[0, 1, 2]] * 16))
    assert memory.num_left == 7 * 3072
    source.release()
    assert memory.num_left == memory.num_bytes


def test_matrices_are_those_of_the_crops_whatever_the_margin(faces):
    for margin in (1, 1.3):
        matrices = CropSource(faces, SCHEME, 32, margin).matrices
        expected = [
            crop_matrix(points_of(faces, row), SCHEME, 32)
            for row in range(NUM_IMAGES)
        ]
        np.testing.assert_array_equal(matrices, expected)


def test_kinds_of_files_with_one_content_give_one_crop(tmp_path):
    picture, points = turned(10)
    paths = [tmp_path / f"{kind}.png" for kind in ("plain", "alpha", "deep")]
    Image.fromarray(picture).save(paths[0])
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    Image.fromarray(np.concatenate([picture, opaque], axis=2)).save(paths[1])
    assert cv2.imwrite(str(paths[2]), picture[..., ::-1].astype("u2") * 257)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # stored lying on its left side
    paths.append(tmp_path / "turned.png")
    Image.fromarray(np.rot90(picture, 1)).save(paths[3], exif=exif)
    source = CropSource(face_table(paths, [points] * 4), SCHEME, 64)
    crops = source.crops(range(4))
    for crop in crops[1:]:
        np.testing.assert_array_equal(crop, crops[0])


@pytest.mark.parametrize(
    "numbers",
    [{"size": 0}, {"margin": 0.99}, {"margin": np.inf}],
)
def test_a_source_refuses_impossible_numbers(faces, numbers):
    ((name, value),) = numbers.items()
    with pytest.raises(ValueError, match=rf"Received: .*{name}={value}"):
        CropSource(faces, SCHEME, **numbers)


def test_a_source_refuses_rows_without_points_or_with_impossible_ones(faces):
    without = faces.drop(columns=list(POINT_COLUMNS))
    with pytest.raises(ValueError, match=r"five points.*Received: columns="):
        CropSource(without, SCHEME)
    empty = faces.copy()
    empty.loc[4, list(POINT_COLUMNS)] = np.nan
    with pytest.raises(ValueError, match=r"image_id='4': .*finite.*Received"):
        CropSource(empty, SCHEME)
    points = points_of(faces, 2)
    faces.loc[2, list(POINT_COLUMNS)] = points[[1, 0, 2, 4, 3]].ravel()
    with pytest.raises(ValueError, match=r"image_id='2': .*exchanged"):
        CropSource(faces, SCHEME)
    message = f"^path='{faces.path[2]}': .*exchanged"
    with pytest.raises(ValueError, match=message):
        CropSource(faces.drop(columns="image_id"), SCHEME)


def test_an_alteration_beyond_the_margin_is_refused(faces):
    far = Alteration(shift=0.2)
    source = CropSource(faces, SCHEME, 64, margin=1.3)
    message = r"margin that .* at least 1\.4\. Received: margin=1\.3, .*0\.2"
    with pytest.raises(ValueError, match=message):
        source.altered([0], np.random.default_rng(0), far)
    with pytest.raises(ValueError, match=message):
        make_image_batches(source, np.zeros(7), 2, seed=0, alteration=far)
    CropSource(faces, SCHEME, 64, margin=1.4).check_reach(far)


def batches(faces, batch_size=3, seed=5, labels=None, **settings):
    """All batches as arrays: images, labels."""
    source = CropSource(faces, SCHEME, 32, margin=1.3)
    labels = np.arange(len(faces)) if labels is None else labels
    dataset = make_image_batches(source, labels, batch_size, seed, **settings)
    return [
        (inputs["images"].numpy(), tf.nest.map_structure(np.array, targets))
        for inputs, targets in dataset
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 7, 16])
def test_epochs_are_lined_up_and_each_shows_every_image_once(faces, batch_size):
    shown = batches(faces, batch_size, num_steps=28, alteration=None)
    rows = np.concatenate([labels for _, labels in shown])
    assert len(rows) == 28 * batch_size
    epochs = rows[: 7 * (len(rows) // 7)].reshape(-1, 7)
    assert (np.sort(epochs, axis=1) == np.arange(7)).all()
    assert len(np.unique(epochs, axis=0)) > 0.9 * len(epochs)
    crops = CropSource(faces, SCHEME, 32, margin=1.3).crops(rows)
    images = np.concatenate([images for images, _ in shown])
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, crops)


@pytest.mark.parametrize("kind", [None, "rand_augment", "cutout"])
def test_a_training_that_goes_on_sees_the_same_batches(
    faces, kind, monkeypatch
):
    settings = {
        "alteration": Alteration(
            shift=0.05, zoom=0.05, turn=3, light=0.2, keras_cv=kind
        )
    }
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    whole = batches(faces, num_steps=5, **settings)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    later = batches(faces, first_step=3, num_steps=2, **settings)
    for (images, labels), (same, also) in zip(later, whole[3:]):
        np.testing.assert_array_equal(images, same)
        np.testing.assert_array_equal(labels, also)


def test_another_seed_is_another_order_and_other_alterations(faces):
    settings = {"num_steps": 3, "alteration": Alteration(light=0.5)}
    first, again, other = (
        batches(faces, 7, seed, **settings) for seed in (5, 5, 6)
    )
    assert all((a == b).all() for (a, _), (b, _) in zip(first, again))
    assert all((a != b).any() for (_, a), (_, b) in zip(first, other))
    for (before, rows), (after, others) in zip(first, other):
        before, after = before[rows.argsort()], after[others.argsort()]
        assert (before != after).any((1, 2, 3)).all()


def test_the_first_images_are_altered_anew_in_every_epoch(faces):
    shown = batches(
        faces, 7, num_steps=8, alteration=Alteration(light=0.5, flip=False)
    )
    of_row = [images[labels == 0][0] for images, labels in shown]
    assert len(np.unique(np.reshape(of_row, (8, -1)), axis=0)) == 8


def test_keras_cv_adds_to_the_other_alterations(faces):
    plain, cut = (
        batches(faces, 7, num_steps=1, alteration=Alteration(keras_cv=kind))
        for kind in (None, "cutout")
    )
    differs = (plain[0][0] != cut[0][0]).any(-1)
    assert 0.01 < differs.mean() < 0.25
    assert (cut[0][0][differs] == 128).all()


def test_labels_go_with_their_images_in_their_structure(faces):
    labels = {
        "gender": np.arange(7, dtype=np.int32),
        "attributes": np.arange(14, dtype=np.float32).reshape(7, 2),
    }
    (_, shown), *_ = batches(faces, 5, labels=labels, num_steps=1)
    assert shown["gender"].dtype == np.int32
    np.testing.assert_array_equal(
        shown["attributes"], labels["attributes"][shown["gender"]]
    )
    (_, listed), *_ = batches(faces, 5, labels=list("abcdefg"), num_steps=1)
    assert listed.tolist() == [b"abcdefg"[i : i + 1] for i in shown["gender"]]


def test_shapes_and_lengths_are_known(faces):
    source = CropSource(faces, SCHEME, 32)
    endless = make_image_batches(source, np.zeros((7, 2)), 3, seed=0)
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY
    inputs, labels = endless.element_spec
    assert inputs["images"].shape == (3, 32, 32, 3)
    assert labels.shape == (3, 2)
    few = make_image_batches(source, np.zeros(7), 3, 0, 5, num_steps=4)
    assert few.cardinality() == 4
    assert len(list(few)) == 4


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("batch_size", 0, 1),
        ("seed", -1, 0),
        ("first_step", -1, 0),
        ("num_steps", -1, 0),
    ],
)
def test_impossible_numbers_of_batches_are_refused(faces, name, value, least):
    message = rf"`{name}` .* {least} or more\. Received: {name}={value}"
    with pytest.raises(ValueError, match=message):
        batches(faces, **{name: value})


def test_labels_of_another_number_are_refused(faces):
    with pytest.raises(ValueError, match=r"labels for all 7.*Received: 6"):
        batches(faces, labels=np.zeros(6))
    with pytest.raises(ValueError, match=r"labels for all 7.*Received: 8"):
        batches(faces, labels={"a": np.zeros(7), "b": np.zeros(8)})


def truncate(path):
    with open(path, "r+b") as file:
        file.truncate(2000)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (tf.io.gfile.remove, "Expected an image file"),
        (truncate, "Expected a whole image"),
    ],
)
def test_a_file_lost_in_training_is_one_line_for_the_user(
    faces, capsys, damage, reason
):
    source = CropSource(faces, SCHEME, 32, memory=CropMemory(0))
    dataset = make_image_batches(source, np.zeros(7), 7, seed=0)
    path = faces.path[3]

    def train(config):
        for step, _ in enumerate(dataset):
            if step == 2:
                damage(path)

    with pytest.raises(SystemExit) as ending:
        run_recipe(train, None)
    assert ending.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {reason}")
    assert line.endswith(f"Received: path={path}")


def test_many_workers_share_a_source_that_keeps_nothing(faces, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    source = CropSource(faces, SCHEME, 32, memory=CropMemory(0))
    first, second = (
        make_image_batches(source, np.arange(7), 4, seed, 0, 10)
        for seed in (0, 1)
    )
    for (images, rows), _ in zip(first, second):
        crops = source.altered(
            rows.numpy(), np.random.default_rng(0), Alteration(flip=False)
        )
        shown = images["images"].numpy()
        assert shown.shape == crops.shape
        for crop, before in zip(shown, crops):
            assert (crop == before).all() or (crop == before[:, ::-1]).all()
