"""Whole sets of drawn faces on disk, in the layouts of CelebA and of FotW."""

import dataclasses
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from fdin_tf.data.cache import atomic_path
from fdin_tf.data.cache import sweep
from fdin_tf.data.face_images import CELEBA_ATTRIBUTES
from fdin_tf.data.face_images import POINT_COLUMNS
from fdin_tf.data.face_images import SPLITS
from fdin_tf.data.fotw import FOTW_COLUMNS
from fdin_tf.data.fotw import FOTW_PARTS
from fdin_tf.data.synthetic.face_attributes import attributes_of
from fdin_tf.data.synthetic.face_scene_painting import paint_scene
from fdin_tf.data.synthetic.face_scenes import GENERATOR_VERSION
from fdin_tf.data.synthetic.face_scenes import LAYOUTS
from fdin_tf.data.synthetic.face_scenes import draw_celeba_scenes
from fdin_tf.data.synthetic.face_scenes import draw_fotw_scene
from fdin_tf.data.synthetic.face_views import PaintedPerson
from fdin_tf.data.synthetic.set_folder import claim_folder
from fdin_tf.data.synthetic.set_folder import complete_folder
from fdin_tf.data.synthetic.set_folder import write_jpeg

#: What the codes of the column `gender` mean in the FotW files of a set.
GENDER_CODES = {0: "male", 1: "female"}

_MANIFEST = "face_attributes.json"  # written last: the set is complete
_TRUTH = {layout: f"truth-{layout}.npz" for layout in LAYOUTS}
_CELEBA_IMAGES = "celeba/Img/img_align_celeba"


def make_face_attributes(root, config, workers=None, progress=None):
    """Paints a set of faces, or finishes one that was interrupted.

    The folder then holds:

        celeba/Anno/list_attr_celeba.txt, list_landmarks_align_celeba.txt,
            identity_CelebA.txt
        celeba/Eval/list_eval_partition.txt
        celeba/Img/img_align_celeba/000001.jpg ...
        fotw/gender_fex_trset.csv, gender_fex_valset.csv, test_gt.csv
        fotw/smiles_trset/, smiles_valset/, track3_all/00001.jpg ...
        truth-celeba.npz, truth-fotw.npz   see `load_face_attributes_truth`
        face_attributes.json   the config; written last, so it marks a
                               complete set

    Codes of gender in FotW's files are those of `GENDER_CODES`. Of CelebA's
    forty attributes those of `DRAWN_ATTRIBUTES` are drawn, all others are
    noted as absent.

    A complete set is recognised at once. No file is ever seen half-written,
    so a call that was killed is continued by the next one, and the result is
    that of an undisturbed call. The same config gives the same images.

    Args:
        root: Folder of the set; made where missing.
        config: `FaceAttributesConfig`.
        workers: Number of persons that are painted at a time. None: the
            number of processors.
        progress: Called as `progress(done, total)` with numbers of images.

    Returns:
        `root` as a `Path`.

    Raises:
        ValueError: If the folder holds other files, or a set of another
            config or generator version.

    Example:

    >>> import tempfile
    >>> from fdin_tf.data.synthetic.face_scenes import FaceAttributesConfig
    >>> config = FaceAttributesConfig(10, 1, 1, 1, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = make_face_attributes(folder, config)
    ...     sorted(path.name for path in root.glob("fotw/*.csv"))
    ['gender_fex_trset.csv', 'gender_fex_valset.csv', 'test_gt.csv']
    """
    root = Path(root)
    report = progress or (lambda done, total: None)
    num_hard = config.num_train + config.num_valid + config.num_test
    total = config.num_persons * config.images_per_person + num_hard
    content = _content(config)
    if claim_folder(root, _MANIFEST, content, config, "drawn faces"):
        report(total, total)
        return root
    sweep(root)
    celeba = [draw_celeba_scenes(config, i) for i in range(config.num_persons)]
    fotw = [draw_fotw_scene(config, i) for i in range(num_hard)]

    def make(scenes):
        painted = functools.cache(PaintedPerson)
        for scene in scenes:
            path = root / _image(scene)
            if not path.exists():
                write_jpeg(path, paint_scene(scene, painted), scene.quality)
        return len(scenes)

    pool, done = ThreadPoolExecutor(workers or os.cpu_count()), 0
    try:
        for count in pool.map(make, [*celeba, *([scene] for scene in fotw)]):
            done += count
            report(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    celeba = [scene for of_person in celeba for scene in of_person]
    for name, text in {**_celeba_files(celeba), **_fotw_files(fotw)}.items():
        with atomic_path(root / name) as temporary:
            temporary.write_text(text, "ascii")
    for layout, scenes in (("celeba", celeba), ("fotw", fotw)):
        with (
            atomic_path(root / _TRUTH[layout]) as path,
            open(path, "wb") as file,
        ):
            np.savez(file, **_truth(scenes))
    complete_folder(root, _MANIFEST, content)
    return root


def load_face_attributes_truth(root, layout, file_names=None):
    """Reads what is known about drawn faces.

    Args:
        root: Folder that `make_face_attributes` filled.
        layout: One of `LAYOUTS`.
        file_names: Names of image files, or their paths, in the order
            wanted; None: all, in the order of their names.

    Returns:
        Dict of arrays, one row per image; places are pixels of the file, x
        then y, the centre of the first pixel is (0, 0):

        - `file_name` `(n,)`: such as `000001.jpg`.
        - `split` `(n,)`: one of `SPLITS`.
        - `person` `(n,)`: number of the labelled person.
        - `age` `(n,)`: age that this person shows, years.
        - `attributes` `(n, 16)`: bool, in the order of `DRAWN_ATTRIBUTES`.
        - `is_hidden` `(n,)`: the face is painted over.
        - `other_box` `(n, 4)`: left, top, right and bottom of a second face;
          not a number where there is none.
        - `landmarks`, `points`, `amplitudes`, `boxes`, `face_box`: of the
          labelled person, see `View.truth`.

    Raises:
        FileNotFoundError: If the set is not there or not complete.
        ValueError: If there is no such layout, or no image of such a name.
    """
    if layout not in LAYOUTS:
        raise ValueError(
            f"Expected a layout of {', '.join(LAYOUTS)}. Received: "
            f"layout={layout!r}"
        )
    if not is_face_attribute_set(root):
        raise FileNotFoundError(
            "Expected a complete set of drawn faces. Received: "
            f"root={root}, which has no {_MANIFEST}"
        )
    path = Path(root) / _TRUTH[layout]
    with np.load(path, allow_pickle=False) as arrays:
        truth = dict(arrays)
    if file_names is None:
        return truth
    known = {name: row for row, name in enumerate(truth["file_name"].tolist())}
    rows = []
    for name in file_names:
        if Path(name).name not in known:
            raise ValueError(
                f"{path}: expected the name of an image of this set. Received: "
                f"file_name={str(name)!r}"
            )
        rows.append(known[Path(name).name])
    return {name: values[rows] for name, values in truth.items()}


def is_face_attribute_set(root):
    """Whether a folder holds a complete set of drawn faces."""
    return (Path(root) / _MANIFEST).is_file()


def _content(config):
    """What tells one set from another."""
    return {
        "face_attributes_version": GENERATOR_VERSION,
        **dataclasses.asdict(config),
    }


def _image(scene):
    """Path of its file within the set."""
    if scene.layout == "celeba":
        return f"{_CELEBA_IMAGES}/{scene.file_name}"
    _, folder = FOTW_PARTS[scene.split]
    return f"fotw/{folder}/{scene.file_name}"


def _celeba_files(scenes):
    """Texts of the files that list aligned images, in CelebA's formats."""
    attributes, points, people, parts = [], [], [], []
    for scene in scenes:
        name, view = scene.file_name, scene.labelled
        shown = _attributes(view)
        values = (1 if shown.get(a) else -1 for a in CELEBA_ATTRIBUTES)
        attributes.append(" ".join([name, *(f"{v:2d}" for v in values)]))
        five = np.rint(view.truth["points"]).astype(int).ravel()
        points.append(" ".join([name, *(f"{p:3d}" for p in five)]))
        people.append(f"{name} {view.person.number}")
        parts.append(f"{name} {SPLITS.index(scene.split)}")
    # CelebA names its points without a mark between side and part.
    columns = [
        c.replace("_eye", "eye").replace("_mouth", "mouth")
        for c in POINT_COLUMNS
    ]
    count = str(len(scenes))
    return {
        "celeba/Anno/list_attr_celeba.txt": _lines(
            count, " ".join(CELEBA_ATTRIBUTES), *attributes
        ),
        "celeba/Anno/list_landmarks_align_celeba.txt": _lines(
            count, " ".join(columns), *points
        ),
        "celeba/Anno/identity_CelebA.txt": _lines(*people),
        "celeba/Eval/list_eval_partition.txt": _lines(*parts),
    }


def _fotw_files(scenes):
    """Texts of the files that list hard images, in FotW's format."""
    codes = {gender: code for code, gender in GENDER_CODES.items()}
    rows = {split: [] for split in SPLITS}
    for scene in scenes:
        view = scene.labelled
        numbers = [*scene.given_box, codes[view.person.gender]]
        numbers.append(int(_attributes(view)["Smiling"]))
        rows[scene.split].append(
            ",".join([scene.file_name, *map(str, numbers)])
        )
    return {
        f"fotw/{FOTW_PARTS[split][0]}": _lines(", ".join(FOTW_COLUMNS), *lines)
        for split, lines in rows.items()
    }


def _lines(*lines):
    return "".join(f"{line}\n" for line in lines)


def _attributes(view):
    return attributes_of(view.person, view.amplitudes)


def _truth(scenes):
    """Arrays of `load_face_attributes_truth`."""
    labelled = [scene.labelled.truth for scene in scenes]
    none = np.full(4, np.nan, np.float32)
    return {
        "file_name": np.array([s.file_name for s in scenes]),
        "split": np.array([s.split for s in scenes]),
        "person": np.array([s.labelled.person.number for s in scenes]),
        "age": np.array([s.labelled.person.age for s in scenes]),
        "attributes": np.array(
            [list(_attributes(s.labelled).values()) for s in scenes]
        ),
        "is_hidden": np.array([s.is_hidden for s in scenes]),
        "other_box": np.stack(
            [s.other.truth["face_box"] if s.other else none for s in scenes]
        ),
        **{
            name: np.stack([truth[name] for truth in labelled])
            for name in labelled[0]
        },
    }
