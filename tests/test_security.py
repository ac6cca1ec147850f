"""Files from elsewhere run nothing, lead nowhere, and take no memory."""

import ast
import json
import os
import re
import socket
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fdin_tf.data.celeba import load_celeba
from fdin_tf.data.celeba_lists import CELEBA_LISTS
from fdin_tf.data.celeba_lists import read_celeba_list
from fdin_tf.data.clips import CLIP_SCHEMA
from fdin_tf.data.clips import read_clip_table
from fdin_tf.data.fold_files import read_test_folds
from fdin_tf.data.fotw import load_fotw
from fdin_tf.data.image_files import read_image
from fdin_tf.data.us_adult_faces import load_us_adult_faces
from fdin_tf.explain.html_report import Section
from fdin_tf.explain.html_report import write_html_report
from fdin_tf.faces.landmarks import load_landmarks
from fdin_tf.faces.video import VideoError
from fdin_tf.faces.video import probe_video
from fdin_tf.faces.video import read_frames
from fdin_tf.file_limits import MAX_LINE
from fdin_tf.models.model_files import load_model_file
from fdin_tf.models.vggface_formats import read_matconvnet
from fdin_tf.models.weight_files import list_keras_h5
from fdin_tf.models.weight_files import read_keras_h5
from fdin_tf.models.weight_files import read_numpy
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from recipes.cache import Config as CacheConfig
from recipes.cache import run as run_cache
from recipes.cli import run_recipe
from recipes.predict_files import write_tables
from tests.faces.photo_clip import write_video
from tests.fuzz.mutations import check_refusal
from tests.fuzz.mutations import memory_limit

ROOT = Path(__file__).parents[1]
MODULES = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
CALLS = {"eval", "exec", "compile", "__import__"}
# Of a module, or of any object: what runs or unpacks what a file holds.
ATTRIBUTES = {
    *("torch.load", "yaml.load", "os.system", "os.popen"),
    *("extractall", "unpack_archive", "enable_unsafe_deserialization"),
}
ARGUMENTS = {("safe_mode", False), ("allow_pickle", True), ("shell", True)}


def dangers(source):
    """What in a source could run or unpack what is in a file, by line."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").split(".")[0]]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [node.func.id] if node.func.id in CALLS else []
        elif isinstance(node, ast.Attribute):
            called = {ast.unparse(node), node.attr} & ATTRIBUTES
            yield from (f"line {node.lineno}: {name}" for name in called)
        elif isinstance(node, ast.keyword):
            value = getattr(node.value, "value", None)
            if isinstance(value, bool) and (node.arg, value) in ARGUMENTS:
                yield f"line {node.value.lineno}: {node.arg}"
        yield from (
            f"line {node.lineno}: {name}"
            for name in names
            if name in MODULES | CALLS
        )


def test_nothing_in_the_package_runs_or_unpacks_what_a_file_holds():
    files = [
        path
        for room in ("layers", "fdin_tf", "recipes")
        for path in sorted((ROOT / room).rglob("*.py"))
    ]
    assert ROOT / "fdin_tf" / "models" / "model_files.py" in files
    found = [
        f"{path.relative_to(ROOT)}, {line}"
        for path in files
        for line in dangers(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import cloudpickle.pickle as p",
        "eval(text)",
        "exec(text)",
        "torch.load(path)",
        "yaml.load(text)",
        "archive.extractall(folder)",
        "keras.config.enable_unsafe_deserialization()",
        "keras.saving.load_model(path, safe_mode=False)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(line, shell=True)",
    ],
)
def test_what_would_run_or_unpack_a_file_is_found(source):
    assert len(list(dangers(source))) == 1


@pytest.fixture
def with_code(tmp_path):
    """A model whose file holds Python code."""
    inputs = keras.Input((2,))
    outputs = keras.layers.Lambda(lambda x: x + 1)(inputs)
    path = tmp_path / "code.keras"
    keras.Model(inputs, outputs).save(path)
    return path


def test_a_model_with_code_is_refused_in_one_line(with_code, capsys):
    with pytest.raises(ValueError, match="without running code") as error:
        load_model_file(with_code)
    check_refusal(error.value, "code.keras")
    with pytest.raises(SystemExit) as end:
        run_recipe(load_model_file, with_code)
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_damaged_model_is_refused_in_one_line(with_code):
    with_code.write_bytes(with_code.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"is no \.keras file") as error:
        load_model_file(with_code)
    check_refusal(error.value, "code.keras")


ELSEWHERE = ("../1.jpg", "/etc/1.jpg", "a/1.jpg", "C:\\1.jpg", "..", "1\0.jpg")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_annotations_of_fotw_name_files_of_their_folder_only(tmp_path, name):
    Image.new("RGB", (20, 20)).save(tmp_path / "1.jpg")
    (tmp_path / "smiles_trset").mkdir()
    (tmp_path / "gender_fex_trset.csv").write_text(
        "image_name,bbox_x,bbox_y,bbox_width,bbox_height,gender,smile\n"
        f"{name},1,2,10,10,0,1\n"
    )
    with pytest.raises(ValueError, match="line 2, column `image_name`") as e:
        load_fotw(tmp_path, {0: "male"})
    check_refusal(e.value, "gender_fex_trset.csv")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_lists_of_celeba_name_files_of_their_folder_only(tmp_path, name):
    path = tmp_path / "list_eval_partition.txt"
    path.write_text(f"000001.jpg 0\n{name} 1\n")
    with pytest.raises(ValueError, match="line 2: expected the name of an ima"):
        read_celeba_list(path)


def test_celeba_does_not_leave_its_folder(tmp_path):
    layout = CELEBA_LISTS["list_attr_celeba.txt"]
    row = "../../secret.jpg " + " ".join(["1"] * len(layout.columns))
    lines = ["1", " ".join(layout.columns), row]
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines))
    (tmp_path / "img_align_celeba").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "img_align_celeba" / "1.jpg")
    with pytest.raises(ValueError, match=r"secret\.jpg"):
        load_celeba(tmp_path)


@pytest.mark.parametrize("column", ["clip_id", "path", "subject", "database"])
@pytest.mark.parametrize("sign", ["\0", "\n", "\x1b[31m", "\u2028"])
def test_texts_with_control_characters_are_refused(tmp_path, column, sign):
    row = {
        **{"clip_id": "a", "path": "a.mp4", "subject": "1", "database": "x"},
        **{"age": 3, "gender": "female", "spontaneity": "posed"},
    }
    row[column] += f"{sign}b"
    path = tmp_path / "clips.csv"
    pd.DataFrame([row]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=rf"line 2, column `{column}`") as e:
        read_clip_table(path)
    check_refusal(e.value, "clips.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"ffconcat version 1.0\nfile whole.avi\n",
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:%d/a.ts\n#EXT-X-ENDLIST\n",
        b"v=0\nm=video %d RTP/AVP 96\nc=IN IP4 127.0.0.1\n",
        b"\xff\xd8\xff\xe0",
    ],
)
def test_a_list_of_other_files_is_no_video(tmp_path, content):
    frames = np.zeros((3, 48, 64, 3), "uint8")
    write_video(tmp_path / "whole.avi", frames, codec="MJPG")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        if b"%d" in content:
            content %= server.getsockname()[1]
        path = tmp_path / "list.mp4"
        path.write_bytes(content)
        with pytest.raises(VideoError, match="begins as none of MP4"):
            probe_video(path)
        with pytest.raises(BlockingIOError):  # nobody called
            server.accept()


def test_an_image_that_would_start_a_program_is_not_opened(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n"
    )
    with pytest.raises(ValueError, match="cannot identify image file"):
        read_image(path)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "reason"),
    [
        (24, "<I", 10**6, "announces 1e.06 frames per second"),
        (32, "<I", 2**31 - 1, "frames in .* seconds"),
        (32, "<I", 3600 * 25, "90000 frames in 3600 seconds"),
    ],
)
def test_a_video_of_hours_is_refused_by_its_header(
    tmp_path, offset, layout, value, reason
):
    path = tmp_path / "a.avi"
    frames = np.zeros((3, 48, 64, 3), "uint8")
    write_video(path, frames, codec="I420")
    content = bytearray(path.read_bytes())
    struct.pack_into(
        layout, content, content.index(b"strh") + 8 + offset, value
    )
    path.write_bytes(content)
    with memory_limit(2**26), pytest.raises(VideoError, match=reason):
        read_frames(path)


def test_frames_beyond_the_header_are_not_read_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("fdin_tf.faces.video.MAX_FRAMES", 3)
    frames = np.zeros((8, 48, 64, 3), "uint8")
    write_video(tmp_path / "a.mkv", frames, codec="FFV1")
    path = tmp_path / "a.mkv"
    content = path.read_bytes()  # a duration of nothing: no promise of frames
    at = content.index(b"\x44\x89")
    zero = content[: at + 3] + bytes(8) + content[at + 11 :]
    path.write_bytes(zero)
    with pytest.raises(VideoError, match="holds more than 3 frames"):
        list(read_frames(path))


def png_of(width, height):
    """A PNG that claims a size, with rows of zeros that are packed away."""

    def chunk(kind, body):
        tail = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + tail

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(2**20), 9)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", pixels),
            chunk(b"IEND", b""),
        ]
    )


@pytest.mark.parametrize("size", [(100_000, 100_000), (12_000, 12_000)])
def test_an_image_of_absurd_size_takes_no_memory(tmp_path, size):
    path = tmp_path / "a.png"
    path.write_bytes(png_of(*size))
    with memory_limit(2**26), pytest.raises(ValueError, match="at most") as e:
        read_image(path)
    check_refusal(e.value, "a.png")


def packed_zeros(path, name, size, head=b""):
    """A zip archive that unpacks to `size` zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        member.write(head)
        for _ in range(size // 2**22):
            member.write(bytes(2**22))


def npy_head(shape, kind="<f8"):
    """What begins an array of NumPy."""
    text = str({"descr": kind, "fortran_order": False, "shape": shape})
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize("read", [load_landmarks, read_numpy])
def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path, read):
    path = tmp_path / "bomb.npz"
    size = 2**29
    packed_zeros(path, "landmarks.npy", size, npy_head((size // 1088, 68, 2)))
    assert path.stat().st_size < 2**20
    with memory_limit(2**26), pytest.raises(ValueError, match="claims") as e:
        read(path)
    check_refusal(e.value, "bomb.npz")


@pytest.mark.parametrize("read", [load_landmarks, read_numpy])
@pytest.mark.parametrize("shape", [(2**27, 68, 2), (2**60, 2), (10**30,)])
def test_an_array_of_absurd_shape_takes_no_memory(tmp_path, read, shape):
    path = tmp_path / "shape.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("landmarks.npy", npy_head(shape))
    with memory_limit(2**26), pytest.raises(ValueError, match="npz") as error:
        read(path)
    check_refusal(error.value, "shape.npz")


def test_a_table_larger_than_any_is_refused_unread(tmp_path):
    path = tmp_path / "landmarks.csv"
    with open(path, "wb") as file:
        file.write(b"x_0,y_0\n")
        os.truncate(path, 2**30)  # a gigabyte, of which nothing is stored
    with memory_limit(2**26), pytest.raises(ValueError, match="at most 268"):
        load_landmarks(path)


@pytest.mark.parametrize(
    "content",
    [b",".join(b"x_%d" % k for k in range(10**6)), b"x\n" + b"," * 10**6],
)
def test_a_million_columns_are_refused(tmp_path, content):
    path = tmp_path / "landmarks.csv"
    path.write_bytes(content)
    expected = f"lines of at most {MAX_LINE:,} bytes"
    with memory_limit(2**26), pytest.raises(ValueError, match=expected):
        load_landmarks(path)


@pytest.mark.parametrize("name", ["clips.csv", "landmarks.csv"])
def test_cells_without_a_column_are_not_taken_for_others(tmp_path, name):
    names = [f"{axis}_{k}" for k in range(5) for axis in "xy"]
    if name == "clips.csv":
        names = list(CLIP_SCHEMA.columns)
    row = ",".join(str(k) for k in range(len(names) + 1))
    (tmp_path / name).write_text(f"{','.join(names)}\n{row}\n")
    read = read_clip_table if name == "clips.csv" else load_landmarks
    with pytest.raises(ValueError, match=r"as many cells .* in the first row"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": ' + "1" * 10_000 + "}", "{", "\ud800"]
)
def test_lists_that_no_json_can_be_are_refused(tmp_path, text):
    folder = tmp_path / "folds" / "1"
    folder.mkdir(parents=True)
    (folder / "test.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    clips = pd.DataFrame({"clip_id": ["a"], "spontaneity": ["posed"]})
    with pytest.raises(ValueError, match="is not valid JSON") as error:
        read_test_folds(clips, tmp_path / "folds")
    check_refusal(error.value, "test.json")


@pytest.fixture
def keras_h5(tmp_path):
    """A function that writes a Keras file with one layer, as it is told."""

    def write(fill):
        path = tmp_path / "weights.h5"
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = [b"fc8"]
            group = file.create_group("fc8")
            group.attrs["weight_names"] = [b"kernel"]
            fill(group)
        return path

    return write


def refused(path, reason):
    """Reads the file of `keras_h5`, which must be refused."""
    with memory_limit(2**26), pytest.raises(ValueError, match=reason) as error:
        read_keras_h5(path, list_keras_h5(path))
    check_refusal(error.value, path.name)


def test_weights_that_claim_a_terabyte_take_no_memory(keras_h5):
    def fill(group):
        group.create_dataset("kernel", (2**19, 2**19), "f4", chunks=(64, 64))

    refused(keras_h5(fill), "'kernel' claims 1,099,511,627,776 bytes in 0 sto")


def test_weights_that_are_packed_away_take_no_memory(keras_h5):
    def fill(group):
        zeros = group.create_dataset(
            "kernel", (2**26,), "f4", chunks=(2**22,), compression="gzip"
        )
        zeros[:] = 0

    with memory_limit(2**30):
        path = keras_h5(fill)
    refused(path, "claims 268,435,456 bytes")


@pytest.mark.parametrize("way", ["link", "raw", "view"])
def test_weights_of_other_files_are_not_read(keras_h5, tmp_path, way):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.arange(4.0)

    def fill(group):
        if way == "link":
            group["kernel"] = h5py.ExternalLink(str(secret), "kernel")
        elif way == "raw":
            file = [(str(secret), 0, 32)]
            group.create_dataset("kernel", (4,), "f8", external=file)
        else:
            view = h5py.VirtualLayout((4,), "f8")
            view[:] = h5py.VirtualSource(str(secret), "kernel", (4,))
            group.create_virtual_dataset("kernel", view)

    refused(keras_h5(fill), "in (an)?other file")


def test_a_matlab_file_that_unpacks_to_gigabytes_is_refused(tmp_path):
    engine = zlib.compressobj(9)
    body = engine.compress(struct.pack("<II", 14, 2**29))
    body += b"".join(engine.compress(bytes(2**22)) for _ in range(128))
    body += engine.flush()
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"
    path = tmp_path / "bomb.mat"
    path.write_bytes(head + struct.pack("<II", 15, len(body)) + body)
    with memory_limit(2**26), pytest.raises(ValueError, match="claims") as e:
        read_matconvnet(path, ["fc8"])
    check_refusal(e.value, "bomb.mat")


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "psychology-attributes.xlsx"
    packed_zeros(path, "xl/workbook.xml", 2**29)
    with memory_limit(2**26), pytest.raises(ValueError, match="claims") as e:
        load_us_adult_faces(tmp_path)
    check_refusal(e.value, path.name)


def test_an_error_shows_control_characters_and_does_not_send_them(capsys):
    def run(config):
        raise FileNotFoundError(f"a\x1b]0;title\x07{config}\n\r\u202e.mp4")

    with pytest.raises(SystemExit):
        run_recipe(run, "\udcff")
    text = "error: a\\x1b]0;title\\x07\\udcff \\u202e.mp4\n"
    assert capsys.readouterr().err == text


def test_a_report_shows_names_that_are_no_text_and_runs_none(tmp_path):
    name = "</td><script>x</script>\udcff\0 javascript:alert(1)"
    table = pd.DataFrame({name[:23]: [name[:23]]})  # pandas takes texts only
    path = write_html_report(
        tmp_path / "report.html",
        name,
        {name: name},
        [Section(name, name, {name: table})],
    )
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 5
    assert set(re.findall(r'href="([^"]*)"', text)) == {"#section-1"}


def test_tables_of_predictions_hold_names_that_are_no_text(tmp_path):
    rows = [{"video": "a\udcff,b\n.mp4", "estimate": 31.0}]
    write_tables(rows, tmp_path, "clips", {})
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert table.video.tolist() == ["a\\udcff,b\n.mp4"]
    written = json.loads((tmp_path / "predictions.json").read_text("utf-8"))
    assert written["clips"] == rows


def test_brackets_in_names_are_shown_as_they_are(tmp_path, capsys):
    with progress_bar() as bar:
        bar.add_task("[/b] of [red]", total=1, note="[/i]")
        shown = bar.get_renderable()
    with console.capture() as printed:
        console.print(shown)
    assert {"[/b] of [red]", "[/i]"} <= set(
        re.findall(r"\[/b\] of \[red\]|\[/i\]", printed.get())
    )
    run_cache(CacheConfig(cache_dir=tmp_path / "[red]cache[" / "b]"))
    assert "[red]cache[/b]" in capsys.readouterr().out.replace("\n", "")
