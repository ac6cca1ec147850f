"""Reading photographs: what is seen, what is refused, sizes."""

import struct
import zlib

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data.image_files import load_images
from fdin_tf.data.image_files import read_image
from tests.data.image_folders import write_picture

EXIF_ORIENTATION = 0x0112


@pytest.fixture
def picture():
    """A picture whose places can be told apart, `(24, 32, 3)`."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (24, 32, 3), np.uint8)


def table(*paths):
    return pd.DataFrame({"path": [str(path) for path in paths]})


def empty_png(path, width, height):
    """A PNG file that claims a size."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_pixels_are_red_green_blue(tmp_path, picture, ending):
    path = tmp_path / f"p.{ending}"
    Image.fromarray(picture).save(path, lossless=True)
    image = read_image(path)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, picture)


def test_a_jpeg_is_what_opencv_decodes(tmp_path, picture):
    path = tmp_path / "p.jpg"
    Image.fromarray(picture).save(path, quality=95)
    other = cv2.imread(str(path))[..., ::-1].astype(int)
    assert np.abs(read_image(path) - other).max() <= 3


@pytest.mark.parametrize(
    ("orientation", "shown"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (6, lambda p: np.rot90(p, -1)),
        (8, lambda p: np.rot90(p, 1)),
    ],
)
def test_the_rotation_of_exif_is_applied(tmp_path, picture, orientation, shown):
    path = tmp_path / "p.png"
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(picture).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), shown(picture))


def test_transparent_pixels_lie_on_white(tmp_path, picture):
    alpha = np.linspace(0, 255, 24 * 32).reshape(24, 32).astype(np.uint8)
    path = tmp_path / "p.png"
    Image.fromarray(np.dstack([picture, alpha])).save(path)
    part = alpha[..., None] / 255
    expected = part * picture + (1 - part) * 255
    assert np.abs(read_image(path) - expected).max() <= 1


def test_a_transparent_palette_lies_on_white(tmp_path):
    image = Image.new("P", (20, 20), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((3, 2), 0)
    image.save(tmp_path / "p.png", transparency=0)
    read = read_image(tmp_path / "p.png")
    assert read[2, 3].tolist() == [255, 255, 255]
    assert read[0, 0].tolist() == [40, 50, 60]


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    values = np.linspace(0, 65535, 24 * 32).reshape(24, 32).astype(np.uint16)
    grey, colour = tmp_path / "grey.png", tmp_path / "colour.png"
    assert cv2.imwrite(str(grey), values)
    assert cv2.imwrite(str(colour), np.dstack([values] * 3))
    for path in (grey, colour):
        read = read_image(path)
        assert read.shape == (24, 32, 3)
        expected = values[..., None] * (255 / 65535)
        assert np.abs(read - expected).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "LA", "CMYK"])
def test_other_kinds_of_pictures_become_three_channels(tmp_path, mode):
    path = tmp_path / ("p.tif" if mode == "CMYK" else "p.png")
    Image.new("RGB", (20, 30), (255, 255, 255)).convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (30, 20, 3)
    assert (image == 255).all()


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, picture, ending, share):
    path = tmp_path / f"p.{ending}"
    Image.fromarray(np.tile(picture, (4, 4, 1))).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"whole image.*path=.*p\.{ending}"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"no image", bytes(2000)])
def test_what_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"whole image.*path=.*p\.jpg"):
        read_image(tmp_path / "p.jpg")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(FileNotFoundError, match=f"path={path}"):
            read_image(path)


def test_a_picture_that_is_too_narrow_is_refused(tmp_path):
    path = write_picture(tmp_path / "p.png", size=(1, 40))
    with pytest.raises(ValueError, match=r"16 pixels a side.*1 x 40, path="):
        read_image(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9000, 10_000, 60_000])
def test_a_picture_that_is_too_large_is_refused(tmp_path, side):
    path = empty_png(tmp_path / "p.png", side, side)
    with pytest.raises(ValueError, match=r"most 80,000,000 pixels.*p\.png"):
        read_image(path)


def test_numbers_of_32_bits_are_refused(tmp_path):
    Image.new("F", (20, 20)).save(tmp_path / "p.tif")
    with pytest.raises(ValueError, match=r"8 or 16 bits.*32 bits, path="):
        read_image(tmp_path / "p.tif")


def test_images_come_in_the_order_of_the_table(tmp_path, picture):
    paths = []
    for k in range(5):
        paths.append(tmp_path / f"{k}.png")
        Image.fromarray(np.roll(picture[:, :24], k, axis=0)).save(paths[-1])
    images = load_images(table(*paths), 24, workers=3)
    assert images.dtype == np.uint8
    for k in range(5):
        expected = np.roll(picture[:, :24], k, axis=0)
        np.testing.assert_array_equal(images[k], expected)


def test_shrinking_averages_areas(tmp_path):
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (64, 128, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "p.png")
    (image,) = load_images(table(tmp_path / "p.png"), 32)
    areas = picture.reshape(32, 2, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(image - areas).max() <= 1


def test_growing_interpolates_linearly(tmp_path):
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None], 16, axis=0)
    Image.fromarray(ramp).save(tmp_path / "p.png")
    (image,) = load_images(table(tmp_path / "p.png"), 32)
    place = np.clip((np.arange(32) + 0.5) / 2 - 0.5, 0, 15)
    assert np.abs(image[5, :, 0] - 10 * place).max() <= 1


def test_a_side_may_shrink_while_the_other_grows(tmp_path):
    stripes = np.zeros((16, 256, 3), np.uint8)
    stripes[:, ::2] = 200  # finer than the result can show
    Image.fromarray(stripes).save(tmp_path / "p.png")
    (image,) = load_images(table(tmp_path / "p.png"), 64)
    assert np.abs(image - 100.0).max() <= 1


def test_a_crop_is_the_middle_of_the_larger_size(tmp_path):
    path = write_picture(tmp_path / "p.png", size=(300, 280))
    (whole,) = load_images(table(path), 256)
    (crop,) = load_images(table(path), 227, crop_from=256)
    np.testing.assert_array_equal(crop, whole[14:241, 14:241])


@pytest.mark.parametrize("size", [(64, 32), (32, 64)])
def test_a_kept_shape_lies_in_the_middle_of_white(tmp_path, size):
    Image.new("RGB", size, (10, 20, 30)).save(tmp_path / "p.png")
    (image,) = load_images(table(tmp_path / "p.png"), 32, keep_aspect=True)
    image = image if size[0] > size[1] else image.swapaxes(0, 1)
    assert (image[:8] == 255).all()
    assert (image[8:24] == (10, 20, 30)).all()
    assert (image[24:] == 255).all()


def test_a_bad_file_among_many_is_named(tmp_path):
    good, bad = write_picture(tmp_path / "p.png"), tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"path=.*bad\.png"):
        load_images(table(good, bad, good), 32)


@pytest.mark.parametrize(("size", "crop_from"), [(0, None), (300, 256)])
def test_a_size_that_cannot_be_is_refused(size, crop_from):
    with pytest.raises(
        ValueError, match=rf"size={size}, crop_from={crop_from}"
    ):
        load_images(table(), size, crop_from)
