"""Files in a graph: the pixels of another library; what is refused, and how."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fdin_tf.serving.encoded_images import decode_frames
from fdin_tf.serving.encoded_images import decode_images
from tests.serving.image_bytes import file_of

SHAPE = (12, 16, 3)


@tf.function(
    input_signature=[
        tf.TensorSpec((None, None), tf.string),
        tf.TensorSpec((None,), tf.int32),
    ]
)
def frames_of(files, lengths):
    return decode_frames(files, lengths, SHAPE)


@tf.function(input_signature=[tf.TensorSpec((None, None), tf.string)])
def grey_images_of(files):
    return decode_images(files, (12, 16, 1))


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, 4, *SHAPE), np.uint8)


@pytest.fixture
def files(frames):
    flat = [file_of(x) for x in frames.reshape(-1, *SHAPE)]
    return np.array(flat, object).reshape(2, 4)


def test_png_gives_every_pixel_and_the_mask(frames, files):
    files[1, 2:] = b"", b"not read"
    found, mask = frames_of(files, [4, 2])
    assert mask.numpy().tolist() == [[True] * 4, [True, True, False, False]]
    np.testing.assert_array_equal(found[0], frames[0])
    np.testing.assert_array_equal(found[1, :2], frames[1, :2])
    assert not found[1, 2:].numpy().any()
    assert found.dtype == tf.uint8


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_jpeg_gives_the_pixels_of_another_decoder(options):
    ramp = np.linspace(20, 230, 16, dtype=np.uint8)
    pixels = np.broadcast_to(ramp[:, None], SHAPE).copy()
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=95, **options)
    expected = np.asarray(Image.open(data), int)
    found, _ = frames_of([[data.getvalue()]], [1])
    assert np.abs(found[0, 0].numpy().astype(int) - expected).max() <= 1


def test_colour_is_read_as_grey_where_a_model_takes_grey(frames):
    grey = frames[0, :2, ..., :1]
    found = grey_images_of([[file_of(x) for x in grey]])
    np.testing.assert_array_equal(found, grey[None])
    ramp = np.linspace(20, 230, 16, dtype=np.uint8)
    colour = np.broadcast_to(ramp[:, None], SHAPE).copy()
    found = grey_images_of([[file_of(colour, "JPEG")]])
    assert np.abs(found.numpy()[0, 0, ..., 0] - ramp.astype(int)).max() <= 3


def broken(data, kind):
    pixels = np.zeros((48, 64, 3), np.uint8)
    claimed = (100_000).to_bytes(4, "big") + (70_000).to_bytes(4, "big")
    return {
        "empty": b"",
        "words": b"no picture at all",
        "GIF": file_of(pixels[:12, :16], "GIF"),
        "large PNG": file_of(pixels),
        "large JPEG": file_of(pixels, "JPEG"),
        "claimed": data[:16] + claimed + data[24:],
        "cut PNG": data[: len(data) // 2],
        "header of a PNG": data[:20],
        "cut JPEG": file_of(pixels[:12, :16], "JPEG")[:-40],
        "header of a JPEG": file_of(pixels, "JPEG")[:10],
    }[kind]


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("empty", "JPEG or PNG of 12 x 16 .* Received: 0 bytes of neither"),
        ("words", r"frames_jpeg\[1, 2\]: expected .* 17 bytes of neither"),
        ("GIF", r"frames_jpeg\[1, 2\]: .* bytes of neither"),
        ("large PNG", r"frames_jpeg\[1, 2\]: .*Received: 48 x 64"),
        ("large JPEG", r"frames_jpeg\[1, 2\]: .*Received: 48 x 64"),
        # Read from the header: these pixels would take 21 GB.
        ("claimed", r"frames_jpeg\[1, 2\]: .*Received: 70000 x 100000"),
        ("cut PNG", "Invalid PNG data"),
        ("header of a PNG", "20 bytes of neither"),
        ("cut JPEG", "Invalid JPEG data"),
        ("header of a JPEG", "Invalid JPEG data"),
    ],
)
def test_a_file_that_is_no_frame_is_refused(kind, match, files):
    files[1, 2] = broken(files[0, 0], kind)
    with pytest.raises(tf.errors.InvalidArgumentError, match=match):
        frames_of(files, [4, 3])
    frames_of(files, [4, 2])  # behind the length it is not read


def test_an_image_is_named_by_its_number(frames):
    files = [[file_of(x[..., :1]) for x in clip] for clip in frames]
    files[1][0] = file_of(np.zeros((8, 9, 3), np.uint8), "JPEG")
    match = r"image 4 of images_jpeg: .* 12 x 16 .*Received: 8 x 9"
    with pytest.raises(tf.errors.InvalidArgumentError, match=match):
        grey_images_of(files)


@pytest.mark.parametrize("lengths", [[4, 5], [0, 3], [-1, 4], [4], [4, 3, 1]])
def test_lengths_that_do_not_fit_are_refused(lengths, files):
    match = r"one length of 1 to 4 for each of 2 clips\. Received: lengths="
    with pytest.raises(tf.errors.InvalidArgumentError, match=match):
        frames_of(files, lengths)
