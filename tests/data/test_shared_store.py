"""The shared store: whole or absent, whatever breaks off or is damaged."""

import json
import pickle
import sys

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from fdin_tf.data.shared_folder import SharedFolder
from fdin_tf.data.shared_folder import shared_folder
from fdin_tf.data.shared_store import SharedStore


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    if request.param == "file":
        yield SharedStore(f"file://{tmp_path}/store")
        return
    yield SharedStore(f"memory://{tmp_path.name}")
    memory = fsspec.filesystem("memory")
    if memory.exists(tmp_path.name):
        memory.rm(tmp_path.name, recursive=True)


@pytest.fixture
def folder(tmp_path):
    """Three files, two of them alike, and a hidden one."""
    folder = tmp_path / "here"
    (folder / "variables").mkdir(parents=True)
    (folder / "model.bin").write_bytes(bytes(range(256)) * 40)
    (folder / "variables/weights.bin").write_bytes(b"weights")
    (folder / "variables/best.bin").write_bytes(b"weights")
    (folder / ".half.tmp").write_text("half")
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def objects(store, name):
    """Paths of the files of a thing in a local store, by their content."""
    return sorted((store / f"{name}.d").iterdir())


def test_a_folder_comes_back_whole(store, folder, tmp_path):
    assert not store.has("runs/a")
    assert not store.fetch("runs/a", tmp_path / "there")
    store.publish(folder, "runs/a")
    assert store.has("runs/a")
    assert store.files("runs/a") == [
        "model.bin", "variables/best.bin", "variables/weights.bin",
    ]  # fmt: skip
    assert store.fetch("runs/a", tmp_path / "there")
    assert contents(tmp_path / "there") == contents(folder)
    assert not (tmp_path / "there/.half.tmp").exists()


def test_a_file_comes_back_and_replaces_another(store, folder, tmp_path):
    store.publish(folder / "model.bin", "model.bin")
    copy = tmp_path / "copy"
    copy.write_text("other")
    assert store.fetch("model.bin", copy)
    assert copy.read_bytes() == (folder / "model.bin").read_bytes()


def test_names_are_those_of_a_folder(store, folder):
    assert store.names("models/age") == []
    for name in ("models/age/2", "models/age/10", "models/gender/1"):
        store.publish(folder, name)
    assert store.names("models/age") == ["models/age/10", "models/age/2"]


def test_what_is_removed_is_not_there(store, folder, tmp_path):
    store.publish(folder, "runs/a/result")
    store.publish(folder, "runs/a/checkpoints")
    store.publish(folder, "runs/b")
    store.remove("runs/a/checkpoints")
    assert not store.has("runs/a/checkpoints")
    assert store.has("runs/a/result")
    store.remove("runs/a")
    assert not store.fetch("runs/a/result", tmp_path / "there")
    assert store.has("runs/b")
    store.remove("runs/a")  # again, without an error


def test_what_is_replaced_leaves_nothing_behind(folder, tmp_path):
    store = SharedStore(f"file://{tmp_path}/store")
    store.publish(folder, "a")
    assert len(objects(tmp_path / "store", "a")) == 2  # two are alike
    (folder / "model.bin").write_bytes(b"newer")
    assert not store.holds(folder, "a")
    store.publish(folder, "a")
    assert store.holds(folder, "a")
    assert len(objects(tmp_path / "store", "a")) == 2
    assert store.fetch("a", tmp_path / "there")
    assert contents(tmp_path / "there") == contents(folder)


class Noting(LocalFileSystem):
    """A local store that notes what is sent, and can break off."""

    cachable = False

    def __init__(self, fails_at=None, **kwargs):
        super().__init__(**kwargs)
        self.sent, self.fails_at = [], fails_at

    def _note(self, path):
        if self.fails_at is not None and len(self.sent) >= self.fails_at:
            raise ConnectionResetError("the line is cut")
        self.sent.append(path)

    def put_file(self, lpath, rpath, **kwargs):
        self._note(rpath)
        super().put_file(lpath, rpath, **kwargs)

    def pipe_file(self, path, value, **kwargs):
        self._note(path)
        super().pipe_file(path, value, **kwargs)


def noting_store(folder, fails_at=None):
    store = SharedStore(f"file://{folder}")
    store._fs = Noting(fails_at)
    return store


def test_what_is_there_is_not_sent_again(folder, tmp_path):
    store = noting_store(tmp_path / "store")
    store.publish(folder, "a")
    assert len(store._fs.sent) == 3
    store.publish(folder, "a")
    assert len(store._fs.sent) == 3
    # Of what has changed, that alone is sent, and the manifest.
    (folder / "model.bin").write_bytes(b"newer")
    store.publish(folder, "a")
    assert len(store._fs.sent) == 5


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_half_an_upload_is_nothing_and_is_completed(folder, tmp_path, fails_at):
    """It breaks off before, between, and right before the manifest."""
    place = tmp_path / "store"
    with pytest.raises(OSError, match=r"ConnectionResetError: the line is cut"):
        noting_store(place, fails_at).publish(folder, "a")
    store = SharedStore(f"file://{place}")
    assert len(list(place.rglob("a.d/*"))) == fails_at
    assert not store.has("a")
    assert not store.fetch("a", tmp_path / "there")
    assert not (tmp_path / "there").exists()
    store.publish(folder, "a")
    assert store.fetch("a", tmp_path / "there")
    assert contents(tmp_path / "there") == contents(folder)
    assert len(objects(place, "a")) == 2


def test_an_update_that_breaks_off_leaves_what_was_there(folder, tmp_path):
    place = tmp_path / "store"
    SharedStore(f"file://{place}").publish(folder, "a")
    before = contents(folder)
    (folder / "model.bin").write_bytes(b"newer")
    with pytest.raises(OSError, match="the line is cut"):
        noting_store(place, fails_at=1).publish(folder, "a")
    assert SharedStore(f"file://{place}").fetch("a", tmp_path / "there")
    assert contents(tmp_path / "there") == before


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_half_a_manifest_is_nothing(folder, tmp_path, share):
    store = SharedStore(f"file://{tmp_path}/store")
    store.publish(folder, "a")
    manifest = tmp_path / "store/a.json"
    text = manifest.read_text()
    manifest.write_text(text[: int(share * len(text))])
    assert not store.has("a")
    store.publish(folder, "a")
    assert manifest.read_text() == text


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_what_is_damaged_is_told_and_sent_again(folder, tmp_path, damage):
    store = SharedStore(f"file://{tmp_path}/store")
    store.publish(folder, "a")
    path = max(objects(tmp_path / "store", "a"), key=lambda x: x.stat().st_size)
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[1000] ^= 1
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(data[:1000])
    else:
        path.unlink()
    damaged = []
    assert not store.fetch("a", tmp_path / "there", damaged)
    assert damaged == [f"{store.url}/a"]
    assert not list(tmp_path.glob("*there*"))
    store.publish(folder, "a")
    assert store.fetch("a", tmp_path / "there")
    assert contents(tmp_path / "there") == contents(folder)


class Replacing(LocalFileSystem):
    """A local store in which a thing is replaced while it is read."""

    cachable = False

    def __init__(self, replace, **kwargs):
        super().__init__(**kwargs)
        self.replace = replace

    def get_file(self, rpath, lpath, **kwargs):
        self.replace()
        super().get_file(rpath, lpath, **kwargs)


def test_what_is_replaced_while_it_is_read_is_read_again(folder, tmp_path):
    store = SharedStore(f"file://{tmp_path}/store")
    store.publish(folder, "a")
    reader = SharedStore(store.url)

    def replace():
        for path in folder.glob("*.bin"):
            path.write_bytes(b"newer")
        (folder / "variables/best.bin").write_bytes(b"newer, too")
        store.publish(folder, "a")

    reader._fs = Replacing(replace)
    damaged = []
    assert reader.fetch("a", tmp_path / "there", damaged)
    assert contents(tmp_path / "there") == contents(folder)
    assert damaged == []


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["files"][0].update(name="../outside"),
        lambda m: m["files"][0].update(name="/outside"),
        lambda m: m["files"][0].update(sha256="../../outside"),
        lambda m: m["files"][0].update(bytes="many"),
        lambda m: m["files"].append("text"),
        lambda m: m.pop("is_folder"),
        lambda m: m.update(format=2),
    ],
)
def test_a_manifest_that_could_do_harm_is_none(folder, tmp_path, change):
    store = SharedStore(f"file://{tmp_path}/store")
    store.publish(folder, "a")
    path = tmp_path / "store/a.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    assert not store.has("a")
    assert not store.fetch("a", tmp_path / "there")


@pytest.mark.parametrize(
    "name", ["", "..", "a/../b", "/a", "a//b", "a/", "a\\b", ".", "a\n"]
)
def test_a_name_that_leads_elsewhere_is_refused(store, folder, name):
    for call in (
        store.has,
        store.remove,
        lambda n: store.publish(folder, n),
        lambda n: store.fetch(n, folder / "new"),
    ):
        with pytest.raises(ValueError, match=r"none of them `\.\.`.*name="):
            call(name)


def test_a_store_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "store").write_text("a file where the folder should be")
    store = SharedStore(f"file://{tmp_path}/store")
    with pytest.raises(OSError, match=r"read and written. .*url=file") as told:
        store.check()
    assert "\n" not in str(told.value)


def test_a_store_that_can_be_written_is_found_so_without_a_trace(tmp_path):
    SharedStore(f"file://{tmp_path}/store").check()
    assert not list((tmp_path / "store").iterdir())


def test_a_package_that_is_not_installed_is_told(monkeypatch):
    for module in list(sys.modules):
        if module.split(".")[0] == "s3fs":
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ImportError, match=r"s3://bucket/a, Install s3fs"):
        SharedStore("s3://bucket/a")


def test_an_unknown_kind_of_store_is_refused():
    with pytest.raises(ValueError, match=r"fsspec knows.*url=nowhere://a"):
        SharedStore("nowhere://a")


def test_a_password_in_the_url_is_refused_and_not_shown():
    with pytest.raises(ValueError, match="without a password") as told:
        SharedStore("sftp://me:secret@example.org/folder")
    assert "secret" not in str(told.value)


def test_without_a_url_nothing_is_shared(tmp_path):
    assert shared_folder(None, tmp_path) is None


def test_a_folder_of_another_machine_is_that_of_its_environment(
    folder, tmp_path, monkeypatch
):
    url = f"file://{tmp_path}/store"
    shared = shared_folder(url, tmp_path / "one")
    path = tmp_path / "one/runs/a"
    assert shared.local(path) == path
    monkeypatch.setenv("FDIN_TF_CACHE_DIR", str(tmp_path / "one/other"))
    assert shared.local(path) == path  # this process began
    there = pickle.loads(pickle.dumps(shared))
    assert isinstance(there, SharedFolder)
    assert there.local(path) == tmp_path / "one/other/runs/a"
    assert there.name(there.local(path)) == shared.name(path) == "runs/a"
    # It arrives from there as it came.
    assert pickle.loads(pickle.dumps(there)).root == tmp_path / "one"
    monkeypatch.delenv("FDIN_TF_CACHE_DIR")
    assert pickle.loads(pickle.dumps(shared)).local(path) == path
