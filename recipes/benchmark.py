"""How fast everything is, beside PyTorch and Keras, on this machine.

    python -m recipes.benchmark                    # small sizes, for a look
    python -m recipes.benchmark paper              # the papers' sizes
    python -m recipes.benchmark paper --parts fdin siam --repeats 9
    python -m recipes.benchmark smoke              # for the tests

Parts: `fdin` and `siam` (training steps and inference), `encoder` (VGG-Face,
frames per second), `faces` (decoding, detection, following, alignment),
`video` (from an .mp4 to an explained answer, and its memory), `input` (cached
features beside the training step that they feed), `lrp` (relevance beside the
forward pass) and `memory` (of training steps). What is compared runs in turns
in one process; the networks in PyTorch (extra `bench`) have the weights of
ours. On a machine that others use too, --patience lets every round wait for a
quiet moment.

`python -m recipes.benchmark_gpu` times the networks on the JAX and PyTorch
backends of Keras, and on their GPUs.

Writes `benchmark.json` with every single time, `benchmark.png` and
`benchmark.svg` to --output-dir, after each part.
"""

import dataclasses
from pathlib import Path

from rich.console import Console

from fdin_tf.data.cache import write_json
from fdin_tf.explain.plots import save_figure
from fdin_tf.progress import console
from recipes.benchmark_drawn import VideoSize
from recipes.benchmark_input import DEMO_NETWORK
from recipes.benchmark_input import time_input
from recipes.benchmark_machine import load_average
from recipes.benchmark_machine import machine_facts
from recipes.benchmark_machine import multiplication_rates
from recipes.benchmark_memory import time_memory
from recipes.benchmark_networks import time_encoder
from recipes.benchmark_networks import time_fdin
from recipes.benchmark_networks import time_lrp
from recipes.benchmark_networks import time_siam
from recipes.benchmark_report import as_json
from recipes.benchmark_report import plot_results
from recipes.benchmark_report import print_results
from recipes.benchmark_sizes import EncoderSize
from recipes.benchmark_sizes import FdinSize
from recipes.benchmark_sizes import SiamSize
from recipes.benchmark_timing import Stopwatch
from recipes.benchmark_video import time_faces
from recipes.benchmark_video import time_video
from recipes.cli import config_from_presets
from recipes.cli import run_recipe

#: What can be timed, in this order.
PARTS = {
    "fdin": time_fdin,
    "siam": time_siam,
    "encoder": time_encoder,
    "faces": time_faces,
    "video": time_video,
    "input": time_input,
    "lrp": time_lrp,
    "memory": time_memory,
}
PRECISIONS = ("float32", "mixed_bfloat16")
#: The sizes of the papers.
FDIN, SIAM = FdinSize(), SiamSize()
ENCODER, VIDEO = EncoderSize(), VideoSize()


@dataclasses.dataclass(frozen=True)
class Config:
    """What is timed, and how large.

    Attributes:
        parts: Which of `fdin siam encoder faces video input lrp memory`.
        precisions: `float32`, `mixed_bfloat16` or both; the last one is that
            of the encoder and of the way from video to answer, the first one
            that of `memory`.
        repeats: Rounds of every comparison.
        compiled: Try `torch.compile` as well; it takes minutes.
        patience: Seconds that a round may wait for other processes to end.
        output_dir: Folder of the results.
        fdin: Size of FDIN.
        siam: Size of SIAM.
        encoder: Size of the frame encoder.
        video: Drawn videos.
        fed: Network that the cached features feed.
        fed_clips: Clips of an epoch of them.
    """

    parts: tuple[str, ...] = tuple(PARTS)
    precisions: tuple[str, ...] = PRECISIONS
    repeats: int = 5
    compiled: bool = True
    patience: float = 0.0
    output_dir: Path = Path("results/benchmark")
    fdin: FdinSize = FDIN
    siam: SiamSize = SIAM
    encoder: EncoderSize = ENCODER
    video: VideoSize = VIDEO
    fed: FdinSize = DEMO_NETWORK
    fed_clips: int = 240


DEMO = Config(
    repeats=3,
    compiled=False,
    fdin=FdinSize(
        clips=4, frames=24, dense_units=256, lstm_units=(256, 256),
        relation_units=(512, 512), head_units=(256, 128),
    ),
    siam=SiamSize(
        clips=2, frames=12, frame_shape=(66, 66, 1), conv_units=(32, 64, 64),
        attention_units=64, dense_units=512, rnn_units=128,
    ),
    encoder=EncoderSize(frames=64),
    video=VideoSize(heights=(480,), seconds=(2.0, 10.0)),
)  # fmt: skip
SMOKE = Config(
    precisions=("float32",),
    repeats=2,
    compiled=False,
    fdin=FdinSize(
        clips=2, frames=3, feature_shape=(6, 6, 5), dense_units=4,
        lstm_units=(4,), relation_units=(6,), head_units=(4,),
    ),
    siam=SiamSize(
        clips=2, frames=2, frame_shape=(30, 30, 1), conv_units=(2, 3, 3),
        attention_units=2, dense_units=4, rnn_units=3,
    ),
    encoder=EncoderSize(frames=3, filters=(2, 3, 4, 5)),
    video=VideoSize(
        heights=(128,), seconds=(0.5, 1.0), frames_per_second=25.0
    ),
    fed=FdinSize(
        clips=2, frames=4, feature_shape=(3, 3, 2), dense_units=4,
        lstm_units=(4,), relation_units=(6,), head_units=(4,),
    ),
    fed_clips=6,
)  # fmt: skip
PRESETS = {
    "demo": ("Small sizes, for a look.", DEMO),
    "paper": ("Sizes of the papers; half an hour on two cores.", Config()),
    "smoke": ("A minute, for the tests.", SMOKE),
}


def run(config):
    """Times the parts, prints and writes what was found.

    Args:
        config: `Config`.

    Returns:
        Dict from the name of a part to a list of `Comparison` and `Table`.

    Raises:
        ValueError: If there is no such part or precision, or a size is not
            valid.
    """
    _check("parts", config.parts, PARTS)
    _check("precisions", config.precisions, PRECISIONS)
    stopwatch = Stopwatch(
        config.repeats,
        patience=config.patience,
        report=lambda title: console.print(f"Timing: {title}"),
    )
    screen = Console(highlight=False, markup=False, soft_wrap=True)
    facts = machine_facts()
    facts["load average at the beginning"] = load_average()
    rates = multiplication_rates(config.precisions)
    for name, fact in facts.items():
        screen.print(f"{name}: {fact}")
    for dtype, rate in rates.items():
        screen.print(f"{dtype} products: {rate / 1e9:.0f} GFLOP/s")
    found = {}
    for part in PARTS:
        if part in config.parts:
            found[part] = list(PARTS[part](config, stopwatch))
            facts["load average at the end"] = load_average()
            _write(found, config, facts, rates)
    results = [result for part in found.values() for result in part]
    screen.print()
    print_results(results, rates)
    screen.print(f"load average at the end: {load_average()}")
    console.print(f"Times and chart: {config.output_dir}", soft_wrap=True)
    return found


def _check(name, values, choices):
    for value in values or [None]:
        if value not in choices:
            raise ValueError(
                f"Expected `{name}` to be of {', '.join(choices)}. Received: "
                f"{name}={values}"
            )


def _write(found, config, facts, rates):
    """All that was found so far."""
    folder = config.output_dir
    settings = dataclasses.asdict(config) | {"output_dir": str(folder)}
    write_json(
        folder / "benchmark.json",
        {
            "config": settings,
            "machine": facts,
            "flops_per_second": rates,
            "parts": {
                part: as_json(results, rates) for part, results in found.items()
            },
        },
    )
    results = [result for part in found.values() for result in part]
    title = f"{facts['processor']}, {facts['processors']} processors"
    save_figure(plot_results(results, title), folder / "benchmark")


if __name__ == "__main__":
    run_recipe(run, config_from_presets(PRESETS, default="demo"))
