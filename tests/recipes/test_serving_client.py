"""`python -m recipes.serving_client`: faces here, answers from a server."""

import re
import sys

import numpy as np
import pytest

from fdin_tf.serving import Predictor
from recipes import cli
from recipes import serving_client
from recipes.predict import DEMO_MODEL
from tests.recipes.gnet_export import export_small
from tests.recipes.siam_export import export_siam
from tests.serving.tf_serving import Served
from tests.serving.tf_serving import grpc_server
from tests.serving.tf_serving import rest_server

CLIP = "001_deliberate_smile_1"


@pytest.fixture(scope="module")
def siam(tmp_path_factory, cropped):
    return export_siam(tmp_path_factory.mktemp("models") / "siam", cropped)


@pytest.fixture(scope="module")
def models(siam):
    return {"demo_age": Served(DEMO_MODEL / "1"), "siam": Served(siam / "1")}


@pytest.fixture(scope="module")
def url(models):
    with rest_server(models) as (url, _):
        yield url


@pytest.fixture(scope="module")
def address(models):
    with grpc_server(models) as (address, _):
        yield address


@pytest.fixture(scope="module")
def video(tiny_set):
    return tiny_set / "videos" / f"{CLIP}.mp4"


def ask(*videos, **options):
    config = serving_client.Config(videos, **options)
    return cli.run_recipe(serving_client.run, config)


def test_the_answer_is_that_of_recipes_predict(video, url, address, capsys):
    expected = Predictor(DEMO_MODEL).predict(video)
    (by_rest,) = ask(video, url=url)
    (by_grpc,) = ask(video, grpc=address, encoding="raw")
    for found in (by_rest, by_grpc):
        np.testing.assert_allclose(found["age"][0], expected.estimate, 1e-4)
        np.testing.assert_allclose(
            found["importance"][0], expected.importance, 1e-4
        )
        error = found["age_years_error"].item()
        assert error == pytest.approx(expected.error_years)
    out, noted = capsys.readouterr()
    (age,) = expected.estimate
    words = re.compile(rf"age {age:.1f} years, .* {error:.1f} years")
    assert len(words.findall(out)) == 2
    assert "mean nothing for people" in " ".join((out + noted).split())


def test_warped_faces_need_their_landmarks(video, url, siam, tiny_set, capsys):
    (found,) = ask(video, url=url, model=siam, landmarks_dir=tiny_set / "truth")
    weights = found["temporal_attention"]
    assert weights.sum() == pytest.approx(1, abs=1e-4)
    with pytest.raises(SystemExit) as exit_code:
        ask(video, url=url, model=siam)
    assert exit_code.value.code == 2
    assert "68 landmarks" in capsys.readouterr().err


def test_one_bad_video_does_not_stop_the_others(video, url, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    answers = ask(bad, video, url=url, encoding="jpeg")
    assert [answer["video"] for answer in answers] == [str(video)]
    assert "Left out" in "".join(capsys.readouterr())


def test_mistakes_are_one_line_and_code_2(
    video, url, tmp_path, tmp_path_factory, capsys
):
    gnet = export_small(tmp_path_factory.mktemp("models") / "gnet", "gender")
    for mistake, match in (
        ({"encoding": "gif"}, r"png, jpeg, raw\. Received: encoding='gif'"),
        ({"model": gnet}, "one of photographs"),
        ({"model": tmp_path}, "numbered versions"),
        ({"landmarks_dir": tmp_path}, f"{CLIP}.csv or"),
        ({"label": "none such"}, "status 404"),
        ({"url": "localhost"}, "http://localhost:8501"),
    ):
        with pytest.raises(SystemExit) as exit_code:
            ask(video, **{"url": url, **mistake})
        assert exit_code.value.code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
        assert line.startswith("error: ")
        assert re.search(match, line)
    with pytest.raises(SystemExit):
        ask(url=url)
    assert "at least one video" in capsys.readouterr().err


def test_the_command_line_names_its_options(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["serving_client", "--help"])
    with pytest.raises(SystemExit) as exit_code:
        serving_client.tyro.cli(serving_client.Config)
    assert exit_code.value.code == 0
    out = capsys.readouterr().out
    for option in ("--url", "--grpc", "--label", "--encoding", "--mesh"):
        assert option in out
