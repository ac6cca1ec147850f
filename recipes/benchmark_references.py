"""What our networks are timed against: PyTorch, and Keras' own LSTM."""

import copy
import dataclasses
import importlib.util
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from layers import SequenceLSTM
from recipes.benchmark_timing import num_processors

NOT_INSTALLED = "PyTorch is not installed: pip install 'fdin-tf[bench]'"
STOCK_LSTM = "with Keras' LSTM"


@dataclasses.dataclass(frozen=True)
class Reference:
    """A network in PyTorch.

    Attributes:
        name: Which way of running it this is.
        train: Does a training step; None where it is not for training.
        infer: Does a forward pass.
    """

    name: str
    train: Callable | None
    infer: Callable


def has_pytorch():
    """Whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def pytorch_networks(convert, model, batch, loss, precision, compiled):
    """The ways in which PyTorch runs one of our networks.

    Training is by its fused Adam. In bfloat16 products are chosen by its
    autocast; where nothing is trained, the weights may be bfloat16 as well.

    Args:
        convert: Function from our model to a `torch.nn.Module`, of
            `recipes.benchmark_pytorch`.
        model: Our model.
        batch: Inputs and targets, as arrays.
        loss: `squared` or `absolute` error.
        precision: `float32` or `mixed_bfloat16`.
        compiled: Whether to try `torch.compile` too.

    Returns:
        List of `Reference`, and notes: why there is none, or one less.
    """
    if not has_pytorch():
        return [], [NOT_INSTALLED]
    import torch

    device, notes = _prepare(torch)
    half = precision != "float32"
    inputs = [torch.from_numpy(x).to(device) for x in batch[0].values()]
    (target,) = (torch.from_numpy(x).to(device) for x in batch[1].values())

    def answer(run):
        with torch.autocast(device, torch.bfloat16, enabled=half):
            return run(*inputs)

    def reference(name, module, wrap=lambda module: module):
        run = wrap(module)
        optimizer = torch.optim.Adam(
            [p for p in module.parameters() if p.requires_grad],
            lr=1e-3,
            fused=True,
        )

        def train():
            module.train()
            optimizer.zero_grad(set_to_none=True)
            away = answer(run) - target
            error = away.square() if loss == "squared" else away.abs()
            error = error.mean()
            error.backward()
            optimizer.step()
            return error.item()

        def infer():
            module.eval()
            with torch.inference_mode():
                return answer(run).cpu().numpy()

        return Reference(name, train, infer)

    module = convert(model).to(device)
    found = [reference("PyTorch", module)]
    if compiled:
        fresh = copy.deepcopy(module)
        found.append(reference("PyTorch, compiled", fresh, torch.compile))
        _keep_if_it_runs(found, notes)
    if half:
        small = copy.deepcopy(module)
        for name, parameter in small.named_parameters():
            # Matrices alone: normalisation wants all it has in float32.
            if parameter.ndim > 1 and not name.startswith("answer"):
                parameter.data = parameter.data.to(torch.bfloat16)
        whole = reference("PyTorch, bfloat16 weights", small)
        found.append(dataclasses.replace(whole, train=None))
    return found, notes


def pytorch_encoders(encoder, frames, precisions, compiled):
    """The ways in which PyTorch encodes frames, channels last.

    Args:
        encoder: Our encoder.
        frames: `(n, height, width, 3)`, uint8.
        precisions: `float32`, `mixed_bfloat16` or both.
        compiled: Whether to try `torch.compile` too, with frozen weights.

    Returns:
        As `pytorch_networks`. Features come as float16, as they are cached.
    """
    if not has_pytorch():
        return [], [NOT_INSTALLED]
    import torch

    from recipes.benchmark_pytorch import vggface_from_keras

    device, notes = _prepare(torch)
    chunks = torch.from_numpy(frames).to(device).split(64)

    def reference(name, run):
        def infer():
            with torch.inference_mode():
                return np.concatenate(
                    [run(x).to(torch.float16).cpu().numpy() for x in chunks]
                )

        return Reference(name, None, infer)

    found = []
    for precision in precisions:
        name = precision.removeprefix("mixed_")
        module = vggface_from_keras(encoder).eval().to(device)
        module = module.to(getattr(torch, name))
        found.append(reference(f"PyTorch {name}", module))
        if compiled:
            frozen = torch.compile(module, options={"freezing": True})
            found.append(reference(f"PyTorch {name}, compiled", frozen))
            _keep_if_it_runs(found, notes)
    return found, notes


def with_stock_lstm(model):
    """The same network with `keras.layers.LSTM` in place of `SequenceLSTM`.

    Args:
        model: FDIN, or another functional model.

    Returns:
        Functional Keras model with weights of its own, of the same values.
    """

    def clone(layer):
        if isinstance(layer, SequenceLSTM):
            return _StockLSTM(
                layer.units,
                layer.return_sequences,
                name=layer.name,
                dtype=layer.dtype_policy,
            )
        return layer.__class__.from_config(layer.get_config())

    stock = keras.models.clone_model(model, clone_function=clone)
    stock.set_weights(model.get_weights())
    return stock


class _StockLSTM(keras.layers.Layer):
    """`keras.layers.LSTM` on every region, all regions in one batch.

    Args:
        units: Number of units.
        return_sequences: Whether every step is returned, or the last.
        **kwargs: Base layer arguments, such as `name` and `dtype`.

    Call arguments:
        sequence: Float tensor `(batch, regions, frames, features)`.
        mask: Bool tensor `(batch, frames)`.

    Returns:
        Float tensor `(batch, regions, [frames,] units)`.
    """

    def __init__(self, units, return_sequences, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.lstm = keras.layers.LSTM(
            units, return_sequences=return_sequences, dtype=self.dtype_policy
        )
        self.return_sequences = return_sequences
        self.supports_masking = True

    def build(self, sequence_shape):
        self.lstm.build((None, *sequence_shape[-2:]))

    def call(self, sequence, mask=None, training=False):
        batch, regions, frames, features = ops.shape(sequence)
        rows = ops.reshape(sequence, (batch * regions, frames, features))
        if mask is not None:
            mask = ops.repeat(mask, regions, axis=0)
        rows = self.lstm(rows, mask=mask, training=training)
        rest = ops.shape(rows)[1:]
        return ops.reshape(rows, (batch, regions, *rest))

    def compute_mask(self, sequence, mask=None):
        return None  # every layer of a network is given the mask

    def compute_output_shape(self, sequence_shape):
        *batch, frames, _ = sequence_shape
        if self.return_sequences:
            batch.append(frames)
        return (*batch, self.units)


def _prepare(torch):
    """The device that PyTorch runs on, beside TensorFlow; and notes."""
    import tensorflow as tf

    torch.set_num_threads(num_processors())
    if not tf.config.list_physical_devices("GPU"):
        return "cpu", []
    if torch.cuda.is_available():
        return "cuda", []
    return "cpu", ["PyTorch sees no GPU: it runs on the processor."]


def _keep_if_it_runs(found, notes):
    """Drops the last reference, and says so, where its compiler fails."""
    reference = found[-1]
    try:
        if reference.train is not None:
            reference.train()
        reference.infer()
    except Exception as error:  # whatever a compiler may say
        reason = str(error).strip().splitlines() or [""]
        notes.append(
            f"{reference.name}: fails here ({type(error).__name__}: "
            f"{reason[0][:120]})"
        )
        found.pop()
