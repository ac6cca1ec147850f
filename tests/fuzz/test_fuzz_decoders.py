"""Videos and photographs of any bytes, in a process of their own."""

import io

import cv2
import hypothesis
import numpy as np
import pytest
from PIL import Image

from tests.faces.photo_clip import write_video
from tests.fuzz.mutations import MAX_GROWTH
from tests.fuzz.mutations import check_refusal
from tests.fuzz.mutations import fuzz
from tests.fuzz.mutations import mutants

RNG_SEED = 0
VIDEOS = [
    ("a.mp4", "mp4v"),
    ("a.avi", "XVID"),
    ("b.avi", "MJPG"),
    ("a.mkv", "FFV1"),
    ("a.webm", "VP80"),
]
MP4_WORDS = (b"ftyp", b"moov", b"trak", b"stts", b"stsz", b"elst", b"co64")
VIDEO_WORDS = (*MP4_WORDS, b"strf", b"avih", b"idx1", b"\x1a\x45\xdf\xa3")
IMAGE_WORDS = (b"\xff\xd9", b"\xff\xc0", b"IHDR", b"IEND", b"acTL", b"RIFF")


def small_video(path, codec):
    """Eight frames of blocks."""
    rng = np.random.default_rng(RNG_SEED)
    blocks = rng.integers(0, 255, (8, 6, 8, 3), dtype=np.uint8)
    frames = [cv2.resize(block, (64, 48)) for block in blocks]
    write_video(path, np.stack(frames), codec=codec)
    return path.read_bytes()


def small_images():
    """One photograph in every format, with and without what they may have."""
    rng = np.random.default_rng(RNG_SEED)
    colour = Image.fromarray(rng.integers(0, 255, (24, 20, 3), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 65535, (20, 20), dtype=np.uint16))
    turned = Image.Exif()
    turned[0x112] = 6
    kinds = [
        *((colour, name, {}) for name in ("BMP", "GIF", "JPEG", "JPEG2000")),
        *((colour, name, {}) for name in ("PNG", "PPM", "TIFF", "WEBP")),
        *((colour, "TIFF", {"compression": c}) for c in ("tiff_lzw", "jpeg")),
        (colour, "JPEG", {"exif": turned}),
        (colour.convert("RGBA"), "PNG", {"exif": turned}),
        (colour.convert("P"), "PNG", {"transparency": 3}),
        (deep, "PNG", {}),
    ]
    for image, kind, options in kinds:
        file = io.BytesIO()
        image.save(file, kind, **options)
        yield file.getvalue()


def check(answer, path):
    assert answer["grown"] < MAX_GROWTH, path
    if "error" in answer:
        assert answer["refused"], answer
        check_refusal(answer["error"], path.name)
    else:
        assert answer["frames"] > 0


@pytest.mark.parametrize(("name", "codec"), VIDEOS)
def test_any_video_is_read_or_refused(tmp_path, decoder, name, codec):
    whole = small_video(tmp_path / name, codec)
    path = tmp_path / f"bad-{name}"
    assert decoder("video", tmp_path / name)["frames"] == 8

    @fuzz
    @hypothesis.given(content=mutants(whole, VIDEO_WORDS))
    def holds(content):
        path.write_bytes(content)
        check(decoder("video", path), path)

    holds()


def test_any_photograph_is_read_or_refused(tmp_path, decoder):
    whole = list(small_images())
    path = tmp_path / "bad.png"
    for content in whole:
        path.write_bytes(content)
        assert decoder("image", path)["frames"] == 1

    @fuzz
    @hypothesis.given(content=mutants(whole, IMAGE_WORDS))
    def holds(content):
        path.write_bytes(content)
        check(decoder("image", path), path)

    holds()
