"""The parts of the benchmark that are about networks."""

import gc

import keras
import numpy as np
import tensorflow as tf

from fdin_tf.data.encode import encoding_function
from fdin_tf.explain.lrp import ClipPropagator
from fdin_tf.training.fit_config import FitConfig
from fdin_tf.training.fit_config import compile_model
from fdin_tf.training.precision import precision_policy
from recipes.benchmark_references import STOCK_LSTM
from recipes.benchmark_references import pytorch_encoders
from recipes.benchmark_references import pytorch_networks
from recipes.benchmark_references import with_stock_lstm
from recipes.benchmark_sizes import TRAINING
from recipes.benchmark_timing import Case

OURS = "fdin_tf"
#: Steps of one call of `fit`.
_FIT_STEPS = 4
#: Frames that are encoded at once, here and there.
_CHUNK = 64


def time_fdin(config, stopwatch):
    """FDIN: training steps and forward passes, in each precision.

    Ours is `Model.train_on_batch` and `Model.predict_on_batch` on tensors,
    and `Model.fit` on a `tf.data.Dataset` of them, compiled by
    `compile_model`.

    Args:
        config: `recipes.benchmark.Config`.
        stopwatch: `Stopwatch`.

    Yields:
        `Comparison`, of training and of inference in turn.
    """
    for precision in config.precisions:
        with precision_policy(precision):
            model = config.fdin.build()
        stock = {STOCK_LSTM: with_stock_lstm(model)}
        yield from _time_network(
            "FDIN", model, stock, config.fdin, "squared", precision, config,
            stopwatch,
        )  # fmt: skip


def time_siam(config, stopwatch):
    """SIAM, as `time_fdin`."""
    for precision in config.precisions:
        with precision_policy(precision):
            model = config.siam.build()
        yield from _time_network(
            "SIAM", model, {}, config.siam, "absolute", precision, config,
            stopwatch,
        )  # fmt: skip


def _time_network(name, model, stock, size, loss, precision, config, stopwatch):
    batch, dtype = size.batch(), precision.removeprefix("mixed_")
    inputs, targets = _tensors(batch)
    models = {OURS: model, **stock}
    for each in models.values():
        compile_model(each, "age", FitConfig(loss=loss))
    references, notes = pytorch_networks(
        _convert(name), model, batch, loss, precision, config.compiled
    )

    def case(name, run, flops, units=1):
        return Case(name, run, units, flops, dtype)

    def train(each):
        return lambda: each.train_on_batch(inputs, targets)

    def infer(each):
        return lambda: each.predict_on_batch(inputs)

    flops = TRAINING * size.flops()
    cases = [case(key, train(each), flops) for key, each in models.items()]
    fitted = case(f"{OURS}, fit", _fit(model, inputs, targets), flops,
                  _FIT_STEPS)  # fmt: skip
    cases.insert(1, fitted)
    cases += [case(r.name, r.train, flops) for r in references if r.train]
    of_batch = f"{size.clips} clips x {size.frames} frames"
    yield stopwatch.compare(
        f"{name} training, {dtype}, {of_batch}", "step", cases, notes
    )
    flops = size.flops()
    cases = [case(key, infer(each), flops) for key, each in models.items()]
    cases += [case(r.name, r.infer, flops) for r in references]
    yield stopwatch.compare(
        f"{name} inference, {dtype}, {of_batch}", "call", cases, notes
    )
    del models, references, cases, fitted
    gc.collect()


def _fit(model, inputs, targets):
    """A call of `fit`, as long as some steps are."""
    steps = tf.data.Dataset.from_tensors((inputs, targets)).repeat(_FIT_STEPS)
    return lambda: model.fit(steps, verbose=0, shuffle=False)


def time_encoder(config, stopwatch):
    """The layout of VGG-Face.

    Ours is what clips are encoded by, in chunks of 64 frames.

    Yields:
        `Comparison`, of one frame.
    """
    size, precision = config.encoder, config.precisions[-1]
    encoders = {}
    for each in {"float32": None, precision: None}:
        with precision_policy(each):
            encoders[each] = size.build()
        encoders[each].set_weights(encoders["float32"].get_weights())
    encode = encoding_function(encoders[precision])
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (size.frames, *size.frame_shape), "uint8")
    references, notes = pytorch_encoders(
        encoders["float32"], frames, config.precisions, config.compiled
    )
    notes = [
        *notes,
        "Lowest cosine of our features to those in float32: "
        f"{_lowest_cosine(frames, encoders['float32'], encode):.6f}",
    ]

    def case(name, run, precision):
        dtype = precision.removeprefix("mixed_")
        return Case(name, run, size.frames, size.flops(), dtype)

    dtype = precision.removeprefix("mixed_")
    cases = [
        case(
            f"{OURS} {dtype}",
            lambda: _encoded(frames, encode),
            precision,
        ),
        case(
            "Keras float32, predict",
            lambda: encoders["float32"].predict(frames, _CHUNK, verbose=0),
            "float32",
        ),
    ]
    for reference in references:
        is_half = "bfloat16" in reference.name
        policy = "mixed_bfloat16" if is_half else "float32"
        cases.append(case(reference.name, reference.infer, policy))
    yield stopwatch.compare(
        f"Frame encoder (VGG-Face), {size.frames} frames", "frame", cases, notes
    )


def time_lrp(config, stopwatch):
    """Relevance propagation beside the forward pass that it explains.

    Both in float32, of a whole batch, compiled.

    Yields:
        `Comparison`, of one batch, for FDIN on features and SIAM on frames.
    """
    for name, size in (("FDIN", config.fdin), ("SIAM", config.siam)):
        with precision_policy("float32"):
            model = size.build()
        compile_model(model, "age")
        inputs, _ = _tensors(size.batch())
        propagator = ClipPropagator(model)
        cases = [
            Case("LRP", _then_numpy(propagator, inputs)),
            Case("forward pass", _forward(model, inputs)),
        ]
        yield stopwatch.compare(
            f"LRP of {name}, float32, {size.clips} clips x {size.frames} "
            "frames",
            "call",
            cases,
        )


def _then_numpy(propagator, inputs):
    return lambda: propagator(inputs).pixels.numpy()


def _forward(model, inputs):
    return lambda: model.predict_on_batch(inputs)


def _encoded(frames, encode):
    """Features of all frames, float16, chunk by chunk."""
    chunks = np.split(frames, range(_CHUNK, len(frames), _CHUNK))
    return np.concatenate([encode(chunk) for chunk in chunks])


def _lowest_cosine(frames, encoder, encode):
    """Of all frames, between what `encode` gives and the float32 encoder."""
    few = frames[:_CHUNK]
    exact = encoder.predict_on_batch(few).reshape(len(few), -1)
    exact = exact.astype("float64")
    found = encode(few).reshape(len(few), -1).astype("float64")
    lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(found, axis=1)
    return float(((exact * found).sum(1) / lengths).min())


def _tensors(batch):
    return keras.tree.map_structure(tf.constant, batch)


def _convert(name):
    """Function to the network in PyTorch, which may not be installed."""

    def convert(model):
        from recipes import benchmark_pytorch

        return getattr(benchmark_pytorch, f"{name.lower()}_from_keras")(model)

    return convert
