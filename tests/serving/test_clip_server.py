"""ClipServer: it answers as SavedModel and Predictor do, from all threads."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from fdin_tf.data.crops import warp_clips
from fdin_tf.serving import Predictor
from fdin_tf.serving import clip_server
from fdin_tf.serving.clip_server import ClipServer
from fdin_tf.serving.server_config import ServerConfig
from recipes.predict import DEMO_MODEL
from tests.recipes.siam_export import export_siam
from tests.serving.small_models import export_gender

CLIP = "001_deliberate_smile_1"


@pytest.fixture(scope="module")
def video(tiny_set):
    return tiny_set / "videos" / f"{CLIP}.mp4"


@pytest.fixture(scope="module")
def config(tiny_set):
    return ServerConfig(video_roots=(tiny_set.resolve(),))


@pytest.fixture(scope="module")
def server(config):
    return ClipServer(DEMO_MODEL, config)


@pytest.fixture(scope="module")
def siam_folder(tmp_path_factory, cropped):
    return export_siam(tmp_path_factory.mktemp("models") / "siam", cropped)


@pytest.fixture(scope="module")
def gender_version(tmp_path_factory):
    return export_gender(tmp_path_factory.mktemp("models") / "gender")


@pytest.fixture
def frames():
    """Nine frames of noise as the demo model takes them."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (9, 96, 96, 3), np.uint8)


def png(pixels):
    data = tf.io.encode_png(pixels).numpy()
    return base64.b64encode(data).decode()


def saved_model_answers(version, frames, mask):
    loaded = tf.saved_model.load(str(version))
    found = loaded.signatures["serving_default"](
        frames=tf.constant(frames[None]), mask=tf.constant(mask[None])
    )
    return {name: value.numpy()[0] for name, value in found.items()}


@pytest.mark.parametrize("column", ["frames", "frames_jpeg"])
def test_frames_are_answered_as_by_the_saved_model(server, frames, column):
    mask = np.arange(9) != 3
    expected = saved_model_answers(DEMO_MODEL / "1", frames, mask)
    values = frames.tolist() if column == "frames" else list(map(png, frames))
    answer = server.answer({column: values, "mask": mask.tolist()})
    assert answer["estimate"] == pytest.approx(expected["age"][0], rel=1e-5)
    assert (answer["target"], answer["unit"]) == ("age", "years")
    assert answer["num_frames"] == 8
    relations = answer["importance"]
    assert [row["rank"] for row in relations] == list(range(1, 37))
    shares = [row["importance"] for row in relations]
    np.testing.assert_allclose(
        shares, np.sort(expected["importance"])[::-1], rtol=1e-5
    )
    assert "frame_attention" not in answer
    json.dumps(answer)


def test_a_video_is_answered_as_by_the_predictor(server, video):
    expected = Predictor(DEMO_MODEL).predict(video)
    data = base64.b64encode(video.read_bytes()).decode()
    for row in (
        {"video": f"videos/{CLIP}.mp4"},
        {"video": str(video)},
        {"video_bytes": data},
    ):
        answer = server.answer(row)
        assert answer["estimate"] == pytest.approx(
            expected.estimate[0], rel=1e-5
        )
        assert answer["error_years"] == pytest.approx(expected.error_years)
        assert answer["counts"] == expected.counts
        assert answer["seconds"] == expected.seconds.tolist()
        assert answer["num_frames"] == len(expected.seconds)
        top = answer["importance"][0]["importance"]
        assert top == pytest.approx(expected.importance.max(), rel=1e-5)
        json.dumps(answer)


def test_grounds_are_told_where_they_are_asked_for(server, video, frames):
    grounds = {"importance", "seconds"}
    for row in ({"video": str(video)}, {"frames": frames.tolist()}):
        briefly, fully = server.answer(row, False), server.answer(row)
        assert not grounds & set(briefly)
        assert set(fully) - set(briefly) <= grounds
        assert fully["estimate"] == briefly["estimate"]


def test_classes_are_named(gender_version, config, frames):
    expected = saved_model_answers(gender_version, frames, np.ones(9, bool))
    answer = ClipServer(gender_version, config).answer(
        {"frames_jpeg": list(map(png, frames))}
    )
    female, male = map(float, expected["gender"])
    assert answer["probabilities"] == pytest.approx(
        {"female": female, "male": male}, rel=1e-4
    )
    assert answer["estimate"] == ("female" if female > male else "male")
    assert answer["probability"] == pytest.approx(max(female, male), rel=1e-4)
    assert answer["accuracy"] == 87.5
    assert "error_years" not in answer


def test_attention_is_told_by_frame_and_by_place(
    siam_folder, config, video, tiny_set, cropped
):
    server = ClipServer(siam_folder, config)
    landmarks = str(tiny_set / "truth" / f"{CLIP}.npz")
    by_video = server.answer({"video": str(video), "landmarks": landmarks})
    predictor = Predictor(siam_folder)
    frames = warp_clips(cropped, predictor.warp, [CLIP]).load(CLIP)
    # A frame more, which the mask leaves out, changes nothing.
    longer = [*frames.tolist(), frames[0].tolist()]
    mask = [True] * len(frames) + [False]
    by_frames = server.answer({"frames": longer, "mask": mask})
    expected = predictor.predict(video, landmarks)
    temporal = expected.attention.temporal
    for answer, padding in ((by_video, []), (by_frames, [0.0])):
        assert answer["estimate"] == pytest.approx(
            expected.estimate[0], rel=1e-4
        )
        np.testing.assert_allclose(
            answer["frame_attention"], [*temporal, *padding], atol=1e-5
        )
        parts = answer["place_attention"]
        assert set(parts) == {
            "jaw", "brows", "nose", "eyes", "mouth", "background",
        }  # fmt: skip
        assert all(0 <= share <= 1 for share in parts.values())
        json.dumps(answer)
    assert by_video["place_attention"] == pytest.approx(
        by_frames["place_attention"], abs=1e-4
    )


def test_a_model_of_warped_faces_needs_landmarks(siam_folder, config, video):
    server = ClipServer(siam_folder, config)
    with pytest.raises(ValueError, match=r"`video`: .*needs 68 landmarks"):
        server.answer({"video": str(video)})


def test_where_files_lie_is_not_told(server, config, video, tmp_path):
    (root,) = config.video_roots
    truth = str(root / "synthetic.json")
    with pytest.raises(ValueError, match="`video`: holds no video") as error:
        server.answer({"video": truth})
    assert str(root) not in str(error.value)
    cut = base64.b64encode(video.read_bytes()[:3000]).decode()
    with pytest.raises(ValueError, match="`video_bytes`: holds no") as error:
        server.answer({"video_bytes": cut})
    assert "/tmp" not in str(error.value)
    row = {"video": str(video), "landmarks": truth}
    with pytest.raises(ValueError, match=r"landmarks: .*from \.csv or \.npz"):
        server.answer(row)


def test_many_threads_get_the_same_answers(server, video, frames):
    rows = [{"video": str(video)}, {"frames_jpeg": list(map(png, frames))}]
    alone = [server.answer(row)["estimate"] for row in rows]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.answer, 8 * rows))
    found = [answer["estimate"] for answer in answers]
    np.testing.assert_allclose(found, 8 * alone, rtol=1e-5)


def test_no_more_clips_than_allowed_are_computed_at_once(frames, monkeypatch):
    server = ClipServer(DEMO_MODEL, ServerConfig(clips_at_once=2))
    at_work, most = [], []
    lock = threading.Lock()
    frames_of = clip_server.frames_of

    def counted(*args):
        with lock:
            at_work.append(1)
            most.append(len(at_work))
        found = frames_of(*args)
        time.sleep(0.02)
        with lock:
            at_work.pop()
        return found

    monkeypatch.setattr(clip_server, "frames_of", counted)
    row = {"frames_jpeg": list(map(png, frames))}
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(server.answer, 6 * [row]))
    assert max(most) == 2


def test_a_refused_row_leaves_room_for_the_next(frames):
    server = ClipServer(DEMO_MODEL, ServerConfig(clips_at_once=1))
    for _ in range(3):
        with pytest.raises(ValueError, match="list of at least one frame"):
            server.answer({"frames": []})
    assert server.answer({"frames": frames.tolist()})["num_frames"] == 9


def test_other_models_are_refused(tmp_path, gender_version, config):
    with pytest.raises(FileNotFoundError, match="numbered versions"):
        ClipServer(tmp_path / "nothing", config)
    (tmp_path / "1" / "assets.extra").mkdir(parents=True)
    (tmp_path / "1" / "saved_model.pb").touch()
    card = tmp_path / "1" / "assets.extra" / "card.json"
    card.write_text(json.dumps({"target": "smile"}))
    with pytest.raises(ValueError, match="whose card holds their `face`"):
        ClipServer(tmp_path, config)
