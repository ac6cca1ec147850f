"""Explanations of attribute networks that read a known place of the face."""

import dataclasses
import doctest
import re
import types

import cv2
import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fdin_tf.data.image_files import load_images
from fdin_tf.data.image_files import read_image
from fdin_tf.data.kdef import load_kdef
from fdin_tf.data.synthetic.photographs import PhotographsConfig
from fdin_tf.data.synthetic.photographs import draw_photograph
from fdin_tf.data.synthetic.photographs import paint_photograph
from fdin_tf.data.synthetic.photographs import photograph_truth
from fdin_tf.explain import face_parts
from fdin_tf.explain import occlude_parts
from fdin_tf.explain.face_parts import PARTS
from fdin_tf.explain.html_report import write_html_report
from fdin_tf.explain.lrp import COMPOSITES
from fdin_tf.training.attribute_networks import AttributeStudy
from recipes import attribute_explanations
from recipes import attribute_faces
from recipes import attribute_measures
from recipes import attribute_tables

SIZE = 64
COVER = SIZE // 6  # side of the patches of occlusion maps
CONFIG = PhotographsConfig(num_images=10, size=SIZE, seed=3)
# Places that networks read, on the grid of the patches: rows, columns.
PLACES = {
    "happiness": (slice(4 * COVER, 6 * COVER), slice(2 * COVER, 4 * COVER)),
    "confidence": (slice(COVER, 2 * COVER), slice(2 * COVER, 4 * COVER)),
}
NETWORKS = [
    ("happiness", "age", "dense"),
    ("happiness", "gender", "all"),
    ("confidence", "age", "dense"),
    ("confidence", "gender", "all"),
]
TABLES = {
    "relevance_inside_networks",
    "relevance_inside",
    "best_composites",
    "relevance_parts_networks",
    "relevance_parts",
    "occlusion_networks",
    "occlusion",
    "pixel_flipping_networks",
    "pixel_flipping",
    "conservation",
}
FIGURES = {
    "heatmaps_mean",
    "heatmaps_bases",
    "heatmaps_happiness",
    "heatmaps_confidence",
    "occlusion",
    "pixel_flipping",
}


def network(target, kernel, bias=0.0, activation=None):
    """A dense layer on what images are darker than white."""
    images = keras.Input((SIZE, SIZE, 3), name="images")
    mean = keras.layers.Normalization(axis=(1, 2, 3), name="subtract_mean")
    pixels = keras.layers.Flatten()(mean(images))
    dense = keras.layers.Dense(
        kernel.shape[-1], activation=activation, name=target
    )
    model = keras.Model({"images": images}, {target: dense(pixels)})
    shape = images.shape[1:]
    mean.set_weights([np.full(shape, 255.0), np.ones(shape), np.zeros(())])
    mean.finalize_state()
    dense.set_weights([kernel, np.full(kernel.shape[-1], bias)])
    return model


def rating(attribute, bias):
    """Rates how dark a place is, in [0, 1], and adds a bias."""
    is_read = np.zeros((SIZE, SIZE, 3))
    is_read[PLACES[attribute]] = 1
    kernel = -is_read.reshape(-1, 1) / (255 * is_read.sum())
    return network(attribute, kernel, bias)


def base(target, units, rng):
    kernel = rng.normal(size=(SIZE * SIZE * 3, units)) / 1e5
    return network(target, kernel, activation="softmax")


@pytest.fixture(scope="module", autouse=True)
def few_flips():
    """Fewer patches to flip: what is read is small here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_measures, "NUM_FLIPS", 8)
        yield


@pytest.fixture(scope="module")
def study():
    photographs = [draw_photograph(CONFIG, k) for k in range(CONFIG.num_images)]
    rng = np.random.default_rng(0)
    masks = {}
    for name, place in PLACES.items():
        masks[name] = np.zeros((len(photographs), SIZE, SIZE), bool)
        masks[name][(slice(None), *place)] = True
    return AttributeStudy(
        networks={
            (name, *how): rating(name, bias=0.1 * k)
            for k, (name, *how) in enumerate(NETWORKS)
        },
        bases={
            "age": base("age_group", 8, rng),
            "gender": base("gender", 2, rng),
        },
        images=pd.DataFrame(
            {
                "image_id": [p.image_id for p in photographs],
                "subject": [f"s{k // 2}" for k in range(len(photographs))],
                **{
                    name: [p.ratings[name] for p in photographs]
                    for name in PLACES
                },
            }
        ),
        pixels=np.stack([paint_photograph(CONFIG, p) for p in photographs]),
        landmarks=np.stack(
            [photograph_truth(CONFIG, p)["landmarks"] for p in photographs]
        ),
        masks=masks,
        is_synthetic=True,
    )


@pytest.fixture(scope="module")
def kdef(tmp_path_factory):
    """A folder as the KDEF's: two people, one of them in two sessions."""
    root = tmp_path_factory.mktemp("KDEF")
    for k, who in enumerate(["AF01", "AM02", "BF01"]):
        photograph = draw_photograph(CONFIG, k)
        for expression, darker in (("HA", 60), ("SA", 0)):
            image = paint_photograph(CONFIG, photograph).astype(int)
            rows, columns = PLACES["happiness"]
            image[rows, columns] -= darker
            image = np.clip(image, 0, 255).astype(np.uint8)
            path = root / who / f"{who}{expression}S.JPG"
            path.parent.mkdir(exist_ok=True)
            assert cv2.imwrite(str(path), image[..., ::-1])
    return root


def config_of(**options):
    return types.SimpleNamespace(
        **{
            "composite": "alpha_beta",
            "show_faces": False,
            "num_shown": 2,
            "kdef_dir": None,
            "crop_from": None,
            **options,
        }
    )


@pytest.fixture(scope="module")
def explained(study, kdef):
    return attribute_explanations.explain_attributes(
        study, config_of(kdef_dir=kdef, show_faces=True)
    )


def darkness(images, attribute, bias=0.0):
    """What `rating` computes, literally."""
    rows, columns = PLACES[attribute]
    place = np.asarray(images, float)[:, rows, columns]
    return (255 - place).mean(axis=(1, 2, 3)) / 255 + bias


def one(table, **values):
    """The one row with these values."""
    for name, value in values.items():
        table = table[table[name] == value]
    (row,) = table.itertuples()
    return row


def test_all_tables_and_pictures_are_there(explained):
    tables, figures, sections, numbers = explained
    assert set(tables) == TABLES | {"expression_pairs"}
    assert set(figures) == FIGURES | {"expression_pairs"}
    assert all(len(table) for table in tables.values())
    assert all(isinstance(figure, Figure) for figure in figures.values())
    assert len({section.heading for section in sections}) == 7
    assert all(np.isfinite(list(numbers.values())))


def test_relevance_lies_where_a_network_reads(explained):
    tables, *_ = explained
    table = tables["relevance_inside_networks"]
    assert set(table.explanation) == {
        *COMPOSITES, *attribute_measures.available_methods()
    }  # fmt: skip
    is_flat = table.explanation.str.endswith("flat")
    # Of a network of one layer, the flat rule shares relevance evenly.
    np.testing.assert_allclose(table.share[is_flat], table.area[is_flat])
    np.testing.assert_allclose(table.share[~is_flat], 1, rtol=1e-4)
    for name, (rows, columns) in PLACES.items():
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        areas = table.area[table.attribute == name]
        np.testing.assert_allclose(areas, area / SIZE**2)
    best = tables["best_composites"].set_index("attribute")
    assert list(best.index) == list(PLACES)
    np.testing.assert_allclose(best[["share", "alpha_beta"]], 1, rtol=1e-4)
    assert not best.best_composite.str.endswith("flat").any()


def test_shares_are_means_over_images_with_clustered_errors():
    shares = pd.DataFrame(
        {
            "attribute": "happiness",
            "base": ["age"] * 4 + ["gender"] * 4,
            "explanation": "epsilon",
            "image": [0, 1, 2, 3] * 2,
            "subject": ["a", "a", "b", "b"] * 2,
            "share": [0.1, 0.1, 0.4, 0.6, 0.1, 0.3, 0.4, 0.6],
            "area": 0.25,
        }
    )
    row = one(
        attribute_tables.mean_shares(shares, ["attribute", "explanation"])
    )
    # Means over the networks, then of the subjects a and b.
    assert row.images == 4
    assert row.share == pytest.approx((0.1 + 0.2 + 0.4 + 0.6) / 4)
    assert row.standard_error == pytest.approx(abs(0.15 - 0.5) / 2)
    assert row.area == 0.25


def test_the_best_composite_is_no_other_method():
    summary = pd.DataFrame(
        {
            "attribute": "happiness",
            "explanation": ["epsilon", "z_plus", "occlusion"],
            "share": [0.3, 0.5, 0.9],
        }
    )
    row = one(attribute_tables.best_composites(summary, "epsilon"))
    assert (row.best_composite, row.share, row.epsilon) == ("z_plus", 0.5, 0.3)


def test_images_without_positive_relevance_are_left_out(study):
    never = rating("happiness", bias=0.0)
    kernel, bias = never.get_layer("happiness").get_weights()
    never.get_layer("happiness").set_weights([-kernel, bias])
    networks = {
        ("happiness", "age", "dense"): never,
        ("happiness", "gender", "dense"): study.networks[NETWORKS[0]],
    }
    both = dataclasses.replace(study, networks=networks, bases={})
    measured = attribute_measures.measure(both, "happiness", "epsilon")
    # Differences of occluded scores are rounded, and seldom exactly 0.
    inside = measured.inside[measured.inside.explanation != "occlusion"]
    assert set(inside.base) == {"gender"}


def test_the_report_counts_the_images_that_have_positive_relevance(study):
    """Of two white images, no pixel speaks for a rating."""
    pixels = study.pixels.copy()
    pixels[[0, 3]] = 255
    part = dataclasses.replace(
        study, pixels=pixels, bases={}, landmarks=None,
        networks={NETWORKS[0]: study.networks[NETWORKS[0]]},
    )  # fmt: skip
    measured = attribute_measures.measure(part, "happiness", "epsilon")
    of_composites = measured.inside[measured.inside.explanation == "epsilon"]
    table = attribute_tables.mean_shares(
        of_composites, ["attribute", "explanation"]
    )
    count = len(pixels) - 2
    assert table.images.tolist() == [count]
    assert attribute_tables.number_of_images(table, len(pixels)) == (
        f"{count} of {len(pixels)} test images (those with positive relevance)"
    )


def test_the_report_says_how_many_images_a_mean_is_over(explained, study):
    (section,) = (s for s in explained[2] if s.heading.startswith("Where the"))
    assert f"mean over {len(study.pixels)} test images and" in section.text


def test_relevance_by_part_counts_faces_with_landmarks(study, explained):
    table = explained[0]["relevance_parts_networks"]
    assert set(table.part) == set(PARTS)
    assert set(table.attribute) == {"age_group", "gender", *PLACES}
    expected = []
    for image, points in zip(study.pixels, study.landmarks):
        mouth = face_parts(points, (SIZE, SIZE))["mouth"]
        added = np.zeros((SIZE, SIZE))
        place = PLACES["happiness"]
        added[place] = (255.0 - image[place]).sum(axis=-1)
        expected.append(added[mouth].sum() / added.sum())
    mouth = table[table.part == "mouth"].set_index(["attribute", "base"]).share
    assert mouth["happiness", "gender"] == pytest.approx(
        np.mean(expected), rel=1e-4
    )
    assert mouth["confidence", "gender"] == 0
    landmarks = study.landmarks.copy()
    landmarks[:4] = np.nan
    part = dataclasses.replace(
        study, landmarks=landmarks, bases={},
        networks={NETWORKS[0]: study.networks[NETWORKS[0]]},
    )  # fmt: skip
    measured = attribute_measures.measure(part, "happiness", "epsilon")
    assert set(measured.parts.image) == set(range(4, len(landmarks)))
    rows = attribute_faces.faces_with_all_parts(part, measured.rows)
    assert rows.tolist() == list(range(4, len(landmarks)))


def test_occlusion_drops_equal_scores_of_covered_faces(study, explained):
    table = explained[0]["occlusion_networks"]
    covered = [
        occlude_parts(image, points)
        for image, points in zip(study.pixels, study.landmarks)
    ]
    for part in PARTS:
        before = darkness(study.pixels, "happiness")
        after = darkness([images[part] for images in covered], "happiness")
        row = one(table, attribute="happiness", base="age", part=part)
        # Distances of OpenCV, which the colour is chosen by, are rounded
        # otherwise from call to call.
        assert row.drop == pytest.approx((before - after).mean(), abs=1e-4)
        assert row.images == len(study.pixels) <= attribute_measures.NUM_TESTED
        assert row.clusters == study.images.subject.nunique()
    first = table[table["rank"] == 1].set_index(["attribute", "base"]).part
    assert (first["happiness"] == "mouth").all()
    assert table.relevance.notna().tolist() == (
        (table.attribute == "happiness").tolist()
    )
    mouth = one(table, attribute="happiness", base="age", part="mouth")
    assert mouth.occluded_relevance < mouth.relevance
    means = explained[0]["occlusion"]
    assert one(means, attribute="happiness", part="mouth").drop == (
        pytest.approx(mouth.drop)  # a bias changes no difference
    )


def test_the_highest_rated_faces_are_covered(study, monkeypatch):
    monkeypatch.setattr(attribute_faces, "NUM_TESTED", 3)
    rows = np.arange(1, 10, 2)
    ratings = study.images.happiness[rows]
    chosen = attribute_faces.highly_rated(study, "happiness", rows)
    assert chosen.tolist() == ratings.nlargest(3).index.tolist()


def test_flipping_what_is_read_beats_chance(study, explained):
    table = explained[0]["pixel_flipping"]
    assert {"control", *COMPOSITES} <= set(table.explanation)
    most = table[table["order"] == "most"].set_index("explanation")
    better = most.loc[["epsilon", "alpha_beta"]]
    assert (better.above_control > 0.02).all()
    assert (better.p_value < 0.01).all()
    # Of a linear network both are the same.
    assert most.aopc["gradient_x_input"] == pytest.approx(most.aopc["epsilon"])
    least = table[table["order"] == "least"].set_index("explanation")
    assert least.above_control["epsilon"] < 0
    every = explained[0]["pixel_flipping_networks"]
    assert set(every.attribute) == {"happiness"}
    of_both = every[(every.explanation == "epsilon") & (every.order == "most")]
    assert of_both.aopc.mean() == pytest.approx(most.aopc["epsilon"])


def test_what_biases_took_is_the_rest_of_the_score(study, explained):
    table = explained[0]["conservation"]
    assert len(table) == len(COMPOSITES) * (len(NETWORKS) + 2)
    sinks = table.columns.difference(
        ["attribute", "base", "layers", "composite", "score"]
    )
    np.testing.assert_allclose(table[sinks].sum(axis=1), table.score, atol=1e-5)
    for k, (attribute, name, layers) in enumerate(NETWORKS):
        row = one(
            table, attribute=attribute, base=name, layers=layers,
            composite="epsilon",
        )  # fmt: skip
        score = darkness(study.pixels, attribute, 0.1 * k).mean()
        assert row.score == pytest.approx(score, rel=1e-4)
        assert row.bias == pytest.approx(0.1 * k, abs=1e-4)


def test_pairs_have_the_scores_of_their_photographs(kdef, explained):
    table = explained[0]["expression_pairs"]
    assert list(zip(table.base, table.layers)) == [
        ("age", "dense"), ("gender", "all"),
    ]  # fmt: skip
    scores = {
        word: darkness(
            [read_image(path) for path in sorted(kdef.rglob(f"*{code}S.JPG"))],
            "happiness",
        )
        for word, code in (("happy", "HA"), ("sad", "SA"))
    }
    for row, bias in zip(table.itertuples(), (0.0, 0.1)):
        assert (row.pairs, row.subjects, row.happier) == (3, 2, 1.0)
        for word, of in scores.items():
            score = of.mean() + bias
            assert getattr(row, word) == pytest.approx(score, abs=1e-5)
        assert row.difference == pytest.approx(row.happy - row.sad)
    assert explained[3]["happier_share"] == 1.0


def test_a_sad_face_with_the_higher_score_lowers_the_share():
    pairs = attribute_faces.Pairs(
        pd.DataFrame({"subject": ["F01", "F02", "M01", "M02"]}),
        {},
        {
            NETWORKS[0]: {
                "happy": np.array([0.9, 0.2, 0.8, 0.7]),
                "sad": np.array([0.1, 0.3, 0.8, 0.2]),
            }
        },
    )
    row = one(attribute_faces.pairs_table(pairs))
    assert row.happier == 0.5  # equal scores are not higher
    assert row.difference == pytest.approx((0.8 - 0.1 + 0.0 + 0.5) / 4)


def test_women_and_men_are_shown_in_turn():
    table = pd.DataFrame(
        {
            "subject": ["F01", "F01", "F02", "M01", "M02"],
            "gender": ["female"] * 3 + ["male"] * 2,
        }
    )
    shown = attribute_faces.pairs_to_show(table, 3)
    assert table.subject[shown].tolist() == ["F01", "M01", "F02"]


def test_pictures_say_that_faces_are_drawn(explained):
    _, figures, sections, _ = explained
    for name in FIGURES:
        assert "drawn faces" in figures[name].get_suptitle()
    assert "trained on drawn faces" in (
        figures["expression_pairs"].get_suptitle()
    )
    captions = [c for s in sections for c in s.figures or {}]
    assert sum("drawn faces" in caption for caption in captions) == 5


def test_the_report_shows_every_picture(explained, tmp_path):
    _, figures, sections, _ = explained
    shown = [f for s in sections for f in (s.figures or {}).values()]
    assert {*map(id, shown)} == {*map(id, figures.values())}
    path = write_html_report(tmp_path / "r.html", "Study", {}, sections)
    page = path.read_text(encoding="utf-8")
    assert page.count("<img ") == len(figures)
    assert "area of the place" in page
    assert "nan" not in re.sub('src="[^"]*"', "", page)


@pytest.fixture(scope="module")
def people(study):
    """The study as if it were of people, without landmarks."""
    return dataclasses.replace(
        study, is_synthetic=False, masks=None, landmarks=None
    )


def test_pairs_are_cut_as_the_images_of_the_study_are(kdef):
    pairs = attribute_faces.load_pairs(kdef, {}, size=20, crop_from=32)
    images = load_kdef(kdef).set_index("image_id").loc[pairs.table.happy]
    expected = load_images(images, 20, 32)
    np.testing.assert_array_equal(pairs.pixels["happy"], expected)


def test_people_are_shown_only_when_asked(people, kdef, explained):
    tables, figures, sections, _ = attribute_explanations.explain_attributes(
        people, config_of(kdef_dir=kdef)
    )
    assert set(figures) == {"heatmaps_mean", "pixel_flipping"}
    assert not any("drawn" in f.get_label() for f in figures.values())
    assert any("Single faces are not shown" in s.text for s in sections)
    assert set(tables) == {
        "pixel_flipping_networks", "pixel_flipping", "expression_pairs",
        "conservation",
    }  # fmt: skip
    # What is measured of networks and images is the same again.
    for name in tables:
        pd.testing.assert_frame_equal(tables[name], explained[0][name])


def test_a_mean_of_few_people_is_not_shown(people):
    few = dataclasses.replace(
        people, images=people.images[:9], pixels=people.pixels[:9],
        networks={NETWORKS[0]: people.networks[NETWORKS[0]]},
    )  # fmt: skip
    explain = attribute_explanations.explain_attributes
    _, figures, _, _ = explain(few, config_of())
    assert set(figures) == {"pixel_flipping"}
    _, figures, _, _ = explain(few, config_of(show_faces=True))
    assert {"heatmaps_mean", "heatmaps_happiness"} <= set(figures)


@pytest.fixture(scope="module")
def other(study):
    """Explained without networks of happiness, and without extras."""
    networks = {key: study.networks[key] for key in NETWORKS[2:3]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_measures, "find_spec", lambda name: None)
        return attribute_explanations.explain_attributes(
            dataclasses.replace(study, networks=networks), config_of()
        )


def test_without_happiness_the_first_attribute_is_looked_at(other):
    assert set(other[0]["pixel_flipping_networks"].attribute) == {"confidence"}


def test_methods_that_are_not_installed_are_left_out(other, explained):
    tables, _, sections, _ = other
    assert set(tables["relevance_inside"].explanation) == {
        *COMPOSITES, "gradient_x_input", "occlusion"
    }  # fmt: skip
    assert any("extra `attributions`" in s.text for s in sections)
    assert not any("extra `attributions`" in s.text for s in explained[2])


def test_unknown_composite_is_an_error(study):
    with pytest.raises(ValueError, match=r"`composite` must be.*'beta'"):
        attribute_explanations.explain_attributes(
            study, config_of(composite="beta")
        )


def test_missing_kdef_folder_is_an_error(study, tmp_path):
    missing = tmp_path / "none"
    with pytest.raises(FileNotFoundError, match=f"KDEF.*data_dir={missing}"):
        attribute_explanations.explain_attributes(
            study, config_of(kdef_dir=missing)
        )


def test_examples_run():
    for module in (attribute_faces, attribute_measures, attribute_tables):
        result = doctest.testmod(
            module, optionflags=doctest.NORMALIZE_WHITESPACE
        )
        assert result.attempted > 0
        assert result.failed == 0
