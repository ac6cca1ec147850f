"""Frame encoders by name."""

from fdin_tf.models import build_contrast_encoder
from fdin_tf.models import build_imagenet_encoder
from fdin_tf.models import build_vggface_encoder
from fdin_tf.models import fit_pca
from fdin_tf.models import load_vggface_weights
from fdin_tf.models import some_frames
from fdin_tf.progress import console
from fdin_tf.training.encoder_frontend import EncoderFrontend
from fdin_tf.training.precision import precision_policy


def resolve_frontend(name, weights, frame_shape, components, precision):
    """The frame encoder of a run, as its frontend.

    Args:
        name: `vggface`; `imagenet`; `pca`; or `auto`, the first of these that
            can be had here: VGG-Face where a weights file is given, ImageNet
            where its weights are on disk or can be downloaded, else PCA.
        weights: Weights file for `vggface`, or for `imagenet`; or None.
        frame_shape: Shape of an aligned frame.
        components: Components of `pca`.
        precision: Keras dtype policy that the encoder computes in.

    Returns:
        `EncoderFrontend`.

    Raises:
        ValueError: If `vggface` comes without weights, or `pca` with them.
        FileNotFoundError: If there is no such weights file.
        OSError: If the ImageNet weights cannot be had.
    """
    if name == "pca" and weights is not None:
        raise ValueError(
            "The encoder `pca` is fitted and takes no weights; add --encoder "
            f"vggface or imagenet. Received: encoder_weights={weights}"
        )
    if name == "vggface" and weights is None:
        raise ValueError(
            "The encoder `vggface` needs its weights: give the file by "
            "--encoder-weights (MatConvNet .mat, Keras .h5 or Caffe .npz), or "
            "use --encoder imagenet or pca. Received: encoder_weights=None"
        )
    with precision_policy(precision):
        if name == "vggface" or (name == "auto" and weights is not None):
            encoder = build_vggface_encoder(frame_shape)
            load_vggface_weights(weights, encoder)
            return EncoderFrontend(encoder)
        if name in ("imagenet", "auto"):
            try:
                return EncoderFrontend(
                    build_imagenet_encoder(frame_shape, weights or "imagenet")
                )
            except OSError as error:
                if name == "imagenet":
                    raise
                console.print(f"{error} Going on with the encoder `pca`.")
    return EncoderFrontend(
        build_contrast_encoder(frame_shape),
        lambda clips: fit_pca(some_frames(clips), components),
    )
