"""Occlusion tests: covered by skin, without edges; scores, ranking, errors."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from fdin_tf.data.synthetic.identity import draw_identity
from fdin_tf.data.synthetic.render import Face
from fdin_tf.explain.face_parts import PARTS
from fdin_tf.explain.face_parts import distance_to
from fdin_tf.explain.face_parts import face_parts
from fdin_tf.explain.face_parts import face_skin
from fdin_tf.explain.face_parts import positive_share
from fdin_tf.explain.occlusion import NOT_OCCLUDED
from fdin_tf.explain.occlusion import occlude
from fdin_tf.explain.occlusion import occlude_parts
from fdin_tf.explain.occlusion import occlusion_test
from fdin_tf.explain.occlusion import rank_parts

SKIN = np.array([200, 160, 130])


def drawn_face(seed):
    """A smiling face of 96 pixels, and its landmarks."""
    rng = np.random.default_rng(seed)
    face = Face(draw_identity(rng, age=30, gender="female"), 96, rng)
    (landmarks,) = face.landmarks(np.ones((1, 9)))
    return face.render(np.ones(9))[..., ::-1], landmarks


@pytest.fixture(scope="module")
def faces():
    """Three images and their landmarks."""
    images, landmarks = zip(*map(drawn_face, range(3)))
    return np.stack(images), np.stack(landmarks)


@pytest.fixture
def spot():
    """A dark, round spot in even skin: image and mask."""
    rows, columns = np.indices((60, 80))
    mask = np.hypot(rows - 30, columns - 40) < 12
    image = np.broadcast_to(SKIN, (60, 80, 3)).astype(np.uint8)
    image[mask] = 20
    return image, mask


def test_even_skin_leaves_no_trace_of_the_part(spot):
    image, mask = spot
    covered = occlude(image, mask)
    assert covered.dtype == np.uint8
    np.testing.assert_array_equal(covered, np.broadcast_to(SKIN, covered.shape))
    assert image[30, 40].tolist() == [20] * 3  # the original is left alone


def test_the_colour_is_the_median_of_the_skin_in_the_ring(spot):
    image, mask = spot
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, image.shape, np.uint8)
    skin = rng.random(mask.shape) < 0.7
    covered = occlude(image, mask, skin)
    ring = skin & ~mask & (distance_to(mask) <= 0.5 * np.sqrt(mask.sum()))
    colour = np.median(image[ring], axis=0)
    np.testing.assert_allclose(
        covered[mask], np.broadcast_to(colour, (mask.sum(), 3)), atol=0.5
    )


def test_the_border_fades_linearly_and_the_rest_is_as_it_was(spot):
    image, mask = spot
    image = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    covered = occlude(image, mask)
    colour = covered[mask][0].astype(float)
    width = 0.2 * np.sqrt(mask.sum())
    away = distance_to(mask)
    for row, column in zip(*np.nonzero(~mask & (away < width + 3))):
        weight = max(0.0, 1 - away[row, column] / width)
        expected = weight * colour + (1 - weight) * image[row, column]
        np.testing.assert_allclose(covered[row, column], expected, atol=1.01)
    np.testing.assert_array_equal(covered[away > width], image[away > width])


def test_no_edge_is_stronger_than_before():
    """In skin that is lit from one side, the border is no step."""
    columns = np.linspace(90, 210, 80)
    image = np.broadcast_to(columns[:, None], (60, 80, 3)).astype(np.uint8)
    mask = np.zeros((60, 80), bool)
    mask[20:40, 28:52] = True
    covered = occlude(image, mask).astype(float)
    step = max(np.abs(np.diff(covered, axis=a)).max() for a in (0, 1))
    filled = image.astype(float)
    filled[mask] = covered[mask]
    hard = max(np.abs(np.diff(filled, axis=a)).max() for a in (0, 1))
    assert step < 0.4 * hard


def test_each_piece_takes_the_skin_of_its_own_side():
    image = np.full((60, 120, 3), 80, np.uint8)
    image[:, 60:] = 220
    mask = np.zeros((60, 120), bool)
    mask[25:35, 25:35] = mask[25:35, 85:95] = True
    image[mask] = 0
    covered = occlude(image, mask)
    assert (covered[25:35, 25:35] == 80).all()
    assert (covered[25:35, 85:95] == 220).all()


def test_a_ring_without_skin_takes_all_skin():
    image = np.full((60, 60, 3), 10, np.uint8)
    image[:5] = 150
    mask, skin = np.zeros((2, 60, 60), bool)
    mask[40:50, 20:40] = True
    skin[:5] = True
    assert (occlude(image, mask, skin)[mask] == 150).all()


def test_parts_are_covered_one_at_a_time(faces):
    image, landmarks = faces[0][0], faces[1][0]
    variants = occlude_parts(image, landmarks)
    assert tuple(variants) == (NOT_OCCLUDED, *PARTS)
    np.testing.assert_array_equal(variants[NOT_OCCLUDED], image)
    masks = face_parts(landmarks, image.shape[:2])
    skin = face_skin(landmarks, image.shape[:2])
    for name in PARTS:
        np.testing.assert_array_equal(
            variants[name], occlude(image, masks[name], skin)
        )
    red = image[masks["mouth"]].astype(float)
    skinny = variants["mouth"][masks["mouth"]].astype(float)
    assert np.ptp(skinny, axis=0).max() == 0  # one colour
    assert np.ptp(red, axis=0).min() > 80


def test_the_table_holds_scores_before_and_after(faces):
    images, landmarks = faces
    parts = ("mouth", "nose")

    def predict(stack):
        assert len(stack) == 3
        return stack.mean(axis=(1, 2, 3))

    table = occlusion_test(predict, images, landmarks, parts)
    assert table["image"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["part"].tolist() == [*parts] * 3
    for row in table.itertuples():
        variants = occlude_parts(images[row.image], landmarks[row.image])
        assert row.score == images[row.image].mean()
        assert row.occluded_score == variants[row.part].mean()
        assert row.change == row.occluded_score - row.score


def test_relevance_inside_the_part_is_there_before_and_after(faces):
    images, landmarks = faces

    def explain(stack):
        return stack.astype(float).sum(axis=-1) - 300

    table = occlusion_test(
        lambda stack: stack.mean(axis=(1, 2, 3)), images, landmarks,
        ("mouth", "both_eyes"), explain,
    )  # fmt: skip
    for row in table.itertuples():
        points = landmarks[row.image]
        mask = face_parts(points, (96, 96))[row.part]
        variants = occlude_parts(images[row.image], points)
        before, after = explain(
            np.stack([variants[NOT_OCCLUDED], variants[row.part]])
        )
        assert row.relevance == np.maximum(before, 0)[mask].sum()
        assert row.occluded_relevance == np.maximum(after, 0)[mask].sum()
        assert row.relevance_share == positive_share(before, mask)
        assert row.occluded_relevance_share == positive_share(after, mask)


@pytest.mark.parametrize("part", ["mouth", "left_eye", "nose"])
def test_the_part_that_the_score_reads_comes_first(faces, part):
    """The planted truth: the score is the contrast inside of one part."""
    for image, points in zip(*faces):
        mask = face_parts(points, (96, 96), margin=0)[part]
        table = occlusion_test(
            lambda stack, mask=mask: stack[:, mask].std(axis=(1, 2)),
            [image], [points],
            [name for name in PARTS if name != "both_eyes"],
        )  # fmt: skip
        assert rank_parts(table)["part"].iloc[0] == part


def test_ranking_is_by_mean_drop_with_plain_or_clustered_errors():
    rng = np.random.default_rng(0)
    table = occlusion_like(rng, num_images=6)
    ranking = rank_parts(table).set_index("part")
    assert ranking.index[0] == "mouth"
    assert ranking["rank"].tolist() == [1, 2]
    for part, of in table.groupby("part"):
        drop = of["score"] - of["occluded_score"]
        row = ranking.loc[part]
        assert row["drop"] == pytest.approx(drop.mean())
        assert row["standard_error"] == pytest.approx(scipy.stats.sem(drop))
        expected = scipy.stats.ttest_rel(of["score"], of["occluded_score"])
        assert row["p_value"] == pytest.approx(expected.pvalue)
        assert row["relevance_share"] == of["relevance_share"].mean()
        assert (row["images"], row["clusters"]) == (6, 6)
    clustered = rank_parts(table, clusters=[*"aabbcc"]).set_index("part")
    drop = table[table["part"] == "mouth"].set_index("image")
    drop = (drop["score"] - drop["occluded_score"]).to_numpy()
    sums = (drop - drop.mean()).reshape(3, 2).sum(axis=1)
    expected = np.sqrt(3 / 2 * (sums**2).sum()) / 6
    assert clustered["standard_error"]["mouth"] == pytest.approx(expected)
    assert clustered["clusters"]["mouth"] == 3


def occlusion_like(rng, num_images):
    """A table of made-up scores in which the mouth counts."""
    rows = [
        {
            "image": image,
            "part": part,
            "score": (score := rng.random()),
            "occluded_score": score - drop + 0.1 * rng.random(),
            "relevance_share": rng.random(),
        }
        for image in range(num_images)
        for part, drop in (("nose", 0.1), ("mouth", 0.5))
    ]
    return pd.DataFrame(rows)


def test_one_cluster_too_few_is_an_error():
    table = occlusion_like(np.random.default_rng(0), num_images=3)
    with pytest.raises(ValueError, match="2 clusters for 3 images"):
        rank_parts(table, clusters=["a", "b"])


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"image": np.zeros((8, 8, 3), np.float32)}, "float32"),
        ({"image": np.zeros((8, 8), np.uint8)}, r"image of shape \(8, 8\)"),
        ({"mask": np.ones((9, 8), bool)}, r"mask of shape \(9, 8\)"),
        ({"skin": np.ones((9, 8), bool)}, r"skin of shape \(9, 8\)"),
        ({"mask": np.zeros((8, 8), bool)}, "0 pixels to cover, 64 of skin"),
        ({"skin": np.zeros((8, 8), bool)}, "1 pixels to cover, 0 of skin"),
    ],
)
def test_what_cannot_be_covered_is_an_error(change, received):
    inputs = {
        "image": np.zeros((8, 8, 3), np.uint8),
        "mask": np.eye(8, 8, dtype=bool) & (np.arange(8) == 3),
        "skin": None,
    }
    with pytest.raises(ValueError, match=f"Expected.*{received}"):
        occlude(**inputs | change)


@pytest.mark.parametrize("parts", [("ear",), (), "mouth"])
def test_an_unknown_part_is_an_error(faces, parts):
    with pytest.raises(ValueError, match=r"names of parts: mouth, .*parts="):
        occlude_parts(faces[0][0], faces[1][0], parts)


def test_a_face_outside_of_the_image_is_an_error_that_names_it(faces):
    images, landmarks = faces
    moved = landmarks.copy()
    moved[1, :, 1] += 60
    with pytest.raises(ValueError, match=r"image 1: .*part='mouth' outside"):
        occlusion_test(lambda s: np.zeros(len(s)), images, moved, ("mouth",))


def test_unequal_or_no_images_are_an_error(faces):
    for images, landmarks in ((faces[0], faces[1][:2]), ([], [])):
        with pytest.raises(ValueError, match="landmarks for every image"):
            occlusion_test(len, images, landmarks)


def test_heatmaps_of_another_shape_are_an_error(faces):
    with pytest.raises(ValueError, match=r"heatmaps of shape \(2, 96, 96\)"):
        occlusion_test(
            lambda s: np.zeros(len(s)), *faces, ("nose",), lambda s: s
        )
