"""Small GNet and SNet, exported with whole cards, and photographs for them."""

import keras
import numpy as np
from PIL import Image

from fdin_tf.data.synthetic.photographs import PhotographsConfig
from fdin_tf.data.synthetic.photographs import draw_photograph
from fdin_tf.data.synthetic.photographs import paint_photograph
from fdin_tf.data.synthetic.photographs import photograph_truth
from fdin_tf.models import average_networks
from fdin_tf.models import build_face_network
from fdin_tf.serving import export_image_model
from fdin_tf.serving import image_card

SIZE = 32
TRAINED_ON = {"databases": ["drawn faces"], "is_drawn": True, "images": 240}
TESTED = {
    "on": "validation images",
    "images": 125,
    "accuracy": 91.2,
    "standard_error": 2.53,
}
SCHEMES = {"gender": (3,), "smile": (1, 5)}
# What of the 68 landmarks a face's five points are the means of.
_OF_68 = (range(36, 42), range(42, 48), (30,), (48,), (54,))


def build_model(target):
    """An untrained GNet or SNet whose answers differ between faces."""
    keras.utils.set_random_seed(0)
    networks = []
    for _ in SCHEMES[target]:
        network = build_face_network(
            target, image_shape=(SIZE, SIZE, 3), filters=(4, 4, 4, 8, 8),
            dense_units=(16, 16), std=64, kernel_initializer="he_normal",
        )  # fmt: skip
        layer = network.get_layer(target)
        kernel, bias = layer.get_weights()
        layer.set_weights([100 * kernel, bias])
        networks.append(network)
    return networks[0] if len(networks) == 1 else average_networks(networks)


def make_card(target):
    """The card of `build_model`."""
    return image_card(
        f"small_{target}", target, SCHEMES[target], SIZE, TRAINED_ON, TESTED
    )


def export_small(folder, target):
    """Exports an untrained network; returns its folder."""
    export_image_model(build_model(target), folder, make_card(target))
    return folder


def draw_face(index=0, size=128):
    """A drawn photograph on which a face is found, and its five points."""
    config = PhotographsConfig(num_images=8, size=size, frame="none")
    photograph = draw_photograph(config, index)
    landmarks = photograph_truth(config, photograph)["landmarks"]
    points = [landmarks[list(places)].mean(axis=0) for places in _OF_68]
    return paint_photograph(config, photograph), np.stack(points)


def save_png(path, image, **options):
    """Writes an image without loss; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, "PNG", **options)
    return path


def write_unusable(folder, image):
    """Files that are no photographs of a face; the image shows one."""
    whole = save_png(folder / "whole.png", image).read_bytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    save_png(folder / "line.png", image[:, :1])
    save_png(folder / "grey.png", np.full_like(image, 127))
    (folder / "words.jpg").write_text("no picture at all\n" * 40)
    (folder / "folder.jpg").mkdir()
