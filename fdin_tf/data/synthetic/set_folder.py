"""A folder that a set of drawn images is written to, once and completely.

A manifest marks a complete set: it is written last. Until then a hidden file
of the same content holds its place, so that an interrupted call is continued
and no other set gets mixed with it.
"""

import cv2

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import read_json
from fdin_tf.data.cache import write_json


def claim_folder(root, manifest, content, config, what):
    """Whether the set is complete; makes or checks the folder if not.

    Args:
        root: Folder of the set, a `Path`.
        manifest: Name of the file that marks a complete set.
        content: What tells one set from another, as JSON can hold it.
        config: Config of the set, for messages.
        what: What a message calls the images.

    Raises:
        ValueError: If the folder is a file, or holds other files or another
            set.
    """
    if root.is_file():
        raise ValueError(
            f"Expected a folder for the {what}, but this is a file. "
            f"Received: root={root}"
        )
    for name in (_begun(manifest), manifest):
        found = read_json(root / name)
        if found == content:
            return name == manifest
        if found is not None:
            raise ValueError(
                f"The folder holds {what} of another config or generator "
                "version; choose another folder or remove it. Received: "
                f"config={config}, root={root}, which holds {found}"
            )
    if root.is_dir() and any(p.name[0] != "." for p in root.iterdir()):
        raise ValueError(
            f"Expected an empty folder or a set of {what}, but the folder "
            f"holds other files. Received: root={root}"
        )
    write_json(root / _begun(manifest), content)
    return False


def complete_folder(root, manifest, content):
    """Marks the set as complete."""
    write_json(root / manifest, content)
    (root / _begun(manifest)).unlink(missing_ok=True)


def write_jpeg(path, image, quality):
    """Writes an RGB image, at once or not at all; quality from 0 to 100."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], options)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def _begun(manifest):
    """Holds the place of the manifest until the set is complete."""
    return f".{manifest}"
