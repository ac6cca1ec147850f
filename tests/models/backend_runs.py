"""Small models that are asked, trained and asked again, for comparison.

    python -m tests.models.backend_runs FOLDER NAME ...

reads `NAME.keras` of each from the folder, and leaves `NAME.npz` and the
trained model, `NAME-trained.keras`, in it.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from tests.backends import recorded
from tests.models import test_fdin
from tests.models import test_siam

TARGET = "age"


def build_on_features():
    """FDIN on features, with all that is added to the loss."""
    return test_fdin.build_tiny(
        TARGET, dropout=0.0, neutral_frames=2, entropy_penalty=0.5
    )


def build_on_frames():
    """FDIN on frames, its encoder trained along.

    Motion is normalised, so that clips differ clearly: the normalisation of a
    batch that is all alike would enlarge its last digits.
    """
    return test_fdin.build_tiny(
        TARGET,
        inputs="frames",
        encoder=test_fdin.small_encoder(),
        frame_shape=(12, 24, 3),
        chunk_size=3,
        dropout=0.0,
        neutral_frames=1,
        normalize_motion=True,
        entropy_penalty=0.5,
        entropy_delay=2,
    )


def build_siam():
    """SIAM, with all that is added to the loss."""
    return test_siam.build_tiny(
        TARGET,
        l2=1e-3,
        spatial_penalty=0.1,
        temporal_penalty=0.1,
        penalty_delay=1,
        penalty_ramp=2,
    )


MODELS = {
    "fdin_features": build_on_features,
    "fdin_frames": build_on_frames,
    "siam": build_siam,
}


def make_clips(model, clips=4, frames=7):
    """Clips that a model takes, with holes and a real frame each."""
    rng = np.random.default_rng(seed=5)
    mask = rng.uniform(size=(clips, frames)) < 0.7
    mask[:, frames // 2] = True
    (name,) = set(model.input) - {"mask"}
    shape = (clips, frames, *model.input[name].shape[2:])
    if name == "frames":
        values = rng.integers(0, 256, shape, dtype="uint8")
    else:
        values = rng.normal(size=shape).astype("float32")
    return {name: values, "mask": mask}


def ask(model):
    """Answers on clips of two lengths; name to array."""
    return {
        f"{frames} frames": np.asarray(
            model.predict(make_clips(model, frames=frames), verbose=0)[TARGET]
        )
        for frames in (7, 4)
    }


def run(model):
    """Asks, trains and asks again; name to array.

    Training is by plain descent, whose steps are in proportion to the
    gradients: what is not quite zero stays small.
    """
    before = ask(model)
    rate = 1e-5 if model.name.startswith("siam") else 1e-2
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), {TARGET: "mse"})
    ages = before["7 frames"] + np.array([[1.0], [-2.0], [0.5], [2.0]])
    with recorded():
        history = model.fit(
            make_clips(model),
            {TARGET: ages},
            batch_size=4,
            epochs=5,
            verbose=0,
        )
    after = ask(model)
    return {
        **{f"before, {name}": answer for name, answer in before.items()},
        "loss of each epoch": np.array(history.history["loss"]),
        **{f"after, {name}": answer for name, answer in after.items()},
        **{w.path: np.array(w.numpy(), "float32") for w in model.weights},
    }


def main(folder, names):
    for name in names:
        model = keras.saving.load_model(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", **run(model))
        model.save(folder / f"{name}-trained.keras")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
