"""The references in PyTorch: the same networks, in answer, step and work."""

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fdin_tf.training.fit_config import FitConfig  # noqa: E402
from fdin_tf.training.fit_config import compile_model  # noqa: E402
from recipes import benchmark_references  # noqa: E402
from recipes.benchmark_pytorch import fdin_from_keras  # noqa: E402
from recipes.benchmark_pytorch import siam_from_keras  # noqa: E402
from recipes.benchmark_pytorch import vggface_from_keras  # noqa: E402
from recipes.benchmark_references import pytorch_encoders  # noqa: E402
from recipes.benchmark_references import pytorch_networks  # noqa: E402
from recipes.benchmark_sizes import EncoderSize  # noqa: E402
from recipes.benchmark_sizes import FdinSize  # noqa: E402
from recipes.benchmark_sizes import SiamSize  # noqa: E402

FDIN = FdinSize(
    clips=3, frames=5, feature_shape=(6, 6, 4), dense_units=7,
    lstm_units=(6, 6), relation_units=(9, 8), head_units=(6, 5),
)  # fmt: skip
SIAM = SiamSize(
    clips=3, frames=4, frame_shape=(33, 31, 1), conv_units=(4, 6, 5),
    attention_units=3, dense_units=10, rnn_units=6,
)  # fmt: skip
SIZES = {"fdin": (FDIN, fdin_from_keras), "siam": (SIAM, siam_from_keras)}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads of PyTorch that wait for each other starve beside others."""
    monkeypatch.setattr(benchmark_references, "num_processors", lambda: 1)
    torch.set_num_threads(1)


@pytest.fixture(params=SIZES)
def network(request):
    """Our network with weights of every kind, its size, and PyTorch's."""
    size, convert = SIZES[request.param]
    keras.utils.set_random_seed(1)
    model = size.build()
    rng = np.random.default_rng(2)
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            units = layer.gamma.shape[0]
            layer.set_weights(list(rng.uniform(0.5, 2, (4, units))))
    if request.param == "siam":
        scale = model.get_layer("appearance").encoder.get_layer("scale")
        shape = scale.mean_face.shape
        scale.mean_face.assign(rng.normal(size=shape, scale=0.3))
        scale.deviation.assign(1.7)
        scale.background = -1.0
    return model, size, convert


def padded(size):
    """A batch whose clips have 1, 3 and all of their frames."""
    inputs, targets = size.batch()
    lengths = np.array([[1], [3], [size.frames]])
    inputs["mask"] = np.arange(size.frames) < lengths
    for name in inputs:
        if name == "frames":  # what surrounds a face
            inputs[name][..., :4, :] = 0
    return inputs, targets


def as_tensors(inputs):
    first, mask = (torch.from_numpy(array) for array in inputs.values())
    return first, mask


def test_answers_agree_to_a_ten_thousandth(network):
    model, size, convert = network
    inputs, _ = padded(size)
    ours = model.predict_on_batch(inputs)["age"]
    with torch.inference_mode():
        its = convert(model).eval()(*as_tensors(inputs)).numpy()
    assert np.ptp(ours) > 1e-3
    np.testing.assert_allclose(its, ours, rtol=1e-4, atol=1e-6)


def test_one_step_without_dropout_gives_the_same_weights(network):
    model, size, convert = network
    inputs, targets = padded(size)
    is_siam = "siam" in model.name
    for layer in model.layers:
        if hasattr(layer, "dropout") or hasattr(layer, "rate"):
            layer.rate = 0.0
        if layer.name == "relations":
            layer.dropout = layer._drop.rate = 0.0
    module = convert(model).train()
    answer = module(*as_tensors(inputs))
    away = answer - torch.from_numpy(targets["age"])
    (away.abs() if is_siam else away**2).mean().backward()
    before = {
        name: value.detach().clone()
        for name, value in module.named_parameters()
    }
    trained = [p for p in module.parameters() if p.requires_grad]
    torch.optim.SGD(trained, lr=0.1).step()

    loss = "absolute" if is_siam else "squared"
    compile_model(model, "age", FitConfig(loss=loss))
    compiled = model.loss
    model.compile(keras.optimizers.SGD(0.1), loss=compiled)
    model.train_on_batch(inputs, targets)
    ours = dict(convert(model).named_parameters())
    moved = 0
    for name, value in module.named_parameters():
        if not value.requires_grad:
            continue
        np.testing.assert_allclose(
            value.detach(), ours[name].detach(), rtol=1e-3, atol=2e-5,
            err_msg=name,
        )  # fmt: skip
        moved += float((value.detach() - before[name]).abs().max()) > 1e-5
    assert moved > 0.7 * len(trained)


def test_encoders_agree():
    size = EncoderSize(frames=2, frame_shape=(48, 32, 3), filters=(3, 4, 5, 6))
    encoder = size.build()
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 32, 3), "uint8")
    with torch.inference_mode():
        its = vggface_from_keras(encoder)(torch.from_numpy(frames)).numpy()
    ours = encoder.predict_on_batch(frames)
    assert its.shape == ours.shape == (2, 3, 2, 6)
    np.testing.assert_allclose(its, ours, rtol=1e-4, atol=1e-3)


def test_lstms_of_two_sizes_cannot_be_stacked():
    size = FdinSize(
        feature_shape=(3, 3, 2), dense_units=4, lstm_units=(4, 5),
        relation_units=(4,), head_units=(4,),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"one size.*units=\[4, 5\]"):
        fdin_from_keras(size.build())


def counted(module, *inputs):
    """Operations of a forward pass, counted by PyTorch."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.eval()(*inputs)
    return counter.get_total_flops()


def test_work_of_convolutions_is_what_pytorch_counts():
    size = EncoderSize(frames=1, frame_shape=(32, 48, 3), filters=(2, 3, 4, 5))
    module = vggface_from_keras(size.build())
    frames = torch.zeros((1, 32, 48, 3), dtype=torch.uint8)
    assert size.flops() == counted(module, frames)


def test_every_way_of_running_it_gives_nearly_the_same(network):
    model, size, convert = network
    loss = "absolute" if "siam" in model.name else "squared"
    batch = size.batch()

    def without_dropout(model):
        module = convert(model)
        for part in module.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        return module

    exact = model.predict_on_batch(batch[0])["age"]
    for precision, tolerance in (("float32", 1e-4), ("mixed_bfloat16", 0.1)):
        found, notes = pytorch_networks(
            without_dropout, model, batch, loss, precision, compiled=False
        )
        assert notes == []
        for reference in found:
            np.testing.assert_allclose(
                reference.infer(), exact, atol=tolerance * np.abs(exact).max()
            )
        losses = [found[0].train() for _ in range(6)]
        assert losses[-1] < losses[0]
    assert [reference.name for reference in found] == [
        "PyTorch", "PyTorch, bfloat16 weights",
    ]  # fmt: skip
    assert found[1].train is None


def test_encoders_run_in_every_precision():
    size = EncoderSize(frames=3, frame_shape=(32, 32, 3), filters=(3, 4, 5, 6))
    encoder = size.build()
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), "uint8")
    precisions = ("float32", "mixed_bfloat16")
    found, notes = pytorch_encoders(encoder, frames, precisions, False)
    assert notes == []
    exact = encoder.predict_on_batch(frames)
    assert [reference.name for reference in found] == [
        "PyTorch float32", "PyTorch bfloat16",
    ]  # fmt: skip
    for reference, tolerance in zip(found, (2e-3, 5e-2)):
        features = reference.infer()
        assert features.dtype == np.float16
        np.testing.assert_allclose(
            features, exact, atol=tolerance * np.abs(exact).max()
        )


def test_a_compiler_that_fails_is_told_of(monkeypatch):
    def refuse(module, **options):
        def run(*inputs):
            raise RuntimeError("no C++ compiler\nsecond line")

        return run

    monkeypatch.setattr(torch, "compile", refuse)
    model = FDIN.build()
    found, notes = pytorch_networks(
        fdin_from_keras, model, FDIN.batch(), "squared", "float32", True
    )
    assert [reference.name for reference in found] == ["PyTorch"]
    assert notes == [
        "PyTorch, compiled: fails here (RuntimeError: no C++ compiler)"
    ]
