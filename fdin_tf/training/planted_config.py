"""What the planted benchmark can be told."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class PlantedConfig:
    """The planted-relation benchmark.

    Attributes:
        name: Name of the run in MLflow.
        pairs: Pairs of regions that are planted, one after the other.
        seeds: Seeds of the clips, the split and the weights; each gives a set
            of clips of its own.
        other_modes: Further targets: `signed_lag`, which a sum over regions
            equals too, and `amplitude_ratio`, which is harder.
        other_pairs: The other targets, FDIN with sharpened importance and the
            additive network are tried on so many of the pairs, with the first
            seed.
        num_subjects: Drawn people in a set.
        clips_per_subject: Clips of each.
        size: Side of the drawn frames, pixels.
        dense_units: Units of the dense layer on every region.
        lstm_units: Units of every LSTM.
        relation_units: Units of the relation layers (of the regional
            network's layers on each region).
        entropy_penalty: Of the network whose importance is sharpened, in the
            second half of its training.
        epochs: Epochs of every training; the best is chosen on validation.
        batch_size: Clips per step.
        precision: `auto` (by the hardware), `float32`, `mixed_bfloat16` or
            `mixed_float16`.
        tune: Train every network with every setting of the grid and report
            the validation clips' R2, instead of the benchmark.
        output_dir: Folder for tables and pictures.
        cache_dir: Folder of clips, features and results; None for the user's
            cache folder.
        restart: Forget an earlier run with the same settings.
    """

    name: str = "planted"
    pairs: tuple[str, ...] = (
        "left_cheek-mouth",
        "right_eye-left_mouth",
        "forehead-right_cheek",
        "left_eye-right_mouth",
        "nose-left_mouth",
    )
    seeds: tuple[int, ...] = (0, 1, 2)
    other_modes: tuple[str, ...] = ("signed_lag", "amplitude_ratio")
    other_pairs: int = 2
    num_subjects: int = 100
    clips_per_subject: int = 12
    size: int = 192
    dense_units: int = 32
    lstm_units: tuple[int, ...] = (32, 32)
    relation_units: tuple[int, ...] = (128, 128)
    entropy_penalty: float = 0.02
    epochs: int = 40
    batch_size: int = 32
    precision: str = "float32"
    tune: bool = False
    output_dir: Path = Path("results/planted")
    cache_dir: Path | None = None
    restart: bool = False
