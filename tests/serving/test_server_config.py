"""ServerConfig: what the environment sets, and what it may not."""

import os

import pytest

from fdin_tf.serving.server_config import ServerConfig


def test_nothing_set_means_no_files_and_the_defaults():
    assert ServerConfig.from_environment({}) == ServerConfig()
    assert ServerConfig().video_roots == ()


def test_every_limit_has_its_variable(tmp_path):
    roots = [tmp_path / "a", tmp_path / "b"]
    for root in roots:
        root.mkdir()
    config = ServerConfig.from_environment(
        {
            "FDIN_TF_VIDEO_ROOTS": os.pathsep.join(map(str, [*roots, ""])),
            "FDIN_TF_MAX_MEGABYTES": "2",
            "FDIN_TF_MAX_FRAMES": "3",
            "FDIN_TF_MAX_SECONDS": "4",
            "FDIN_TF_MAX_CLIPS": "5",
            "FDIN_TF_CLIPS_AT_ONCE": "6",
            "FDIN_TF_MESH": "1",
        }
    )
    assert config == ServerConfig(tuple(roots), 2, 3, 4, 5, 6, mesh=True)
    assert config.max_bytes == 2 * 1024 * 1024


def test_the_environment_of_the_process_is_the_default(monkeypatch):
    monkeypatch.setenv("FDIN_TF_MAX_CLIPS", "7")
    assert ServerConfig.from_environment().max_clips == 7


def test_a_root_is_known_by_where_its_link_leads(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    config = ServerConfig.from_environment(
        {"FDIN_TF_VIDEO_ROOTS": str(tmp_path / "link")}
    )
    assert config.video_roots == (tmp_path / "real",)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MAX_FRAMES", "many", r"MAX_FRAMES must be .* number.*'many'"),
        ("MAX_FRAMES", "2.5", r"MAX_FRAMES must be .* number.*'2.5'"),
        ("MAX_CLIPS", "0", r"MAX_CLIPS must be .* above 0.*Received: 0"),
        ("CLIPS_AT_ONCE", "-1", r"CLIPS_AT_ONCE .* above 0.*Received: -1"),
        ("VIDEO_ROOTS", "/no/such", r"VIDEO_ROOTS names folders.*/no/such"),
        ("MESH", "yes", r"MESH must be 0 or 1. Received: 'yes'"),
    ],
)
def test_a_bad_value_is_an_error(name, value, message):
    with pytest.raises(ValueError, match=message):
        ServerConfig.from_environment({f"FDIN_TF_{name}": value})
