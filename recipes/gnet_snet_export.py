"""Exported models of `recipes.gnet_snet`."""

from pathlib import Path

from fdin_tf.models.gnet_snet import average_networks
from fdin_tf.progress import console
from fdin_tf.serving.export_images import export_image_model
from fdin_tf.serving.export_images import image_card
from fdin_tf.statistics import clustered_mean
from fdin_tf.training.gnet_snet_tables import numbers_in

#: Names of the exported models, and what they answer.
MODELS = {"gnet": "gender", "snet": "smile"}


def is_finished(call, config):
    """Whether tables, report and models are where they are wanted.

    Args:
        call: `Call`.
        config: `Config` of `recipes.gnet_snet`.
    """
    if not call.is_finished:
        return False
    return config.export_dir is None or all(
        exported(call, config, name) for name in MODELS
    )


def exported(call, config, name):
    """Folder of the version that this study exported, or None.

    Args:
        call: `Call`.
        config: `Config` of `recipes.gnet_snet`, with an `export_dir`.
        name: One of `MODELS`.
    """
    path = Path(call.models.get(name, ""))
    wanted = (config.export_dir / name).resolve()
    is_there = path.parent == wanted and (path / "saved_model.pb").is_file()
    return path if is_there else None


def export_models(study, data, call, config):
    """Writes GNet and SNet of the first seed, where they are not there yet.

    The accuracy on a model's card is that of the pipeline: a photograph, the
    face nearest to its middle. Photographs in which no face was found are
    not among them; their number is beside it.

    Args:
        study: `Study`.
        data: `StudyData`.
        call: `Call`, inside of its tracker's run.
        config: `Config` of `recipes.gnet_snet`.

    Returns:
        Dict from a name to the folder of the model's version.
    """
    paths = {}
    if config.export_dir is None:
        return paths
    pipeline = study.pipeline[study.pipeline.seed == config.seeds[0]]
    for name, stages, crops in (
        ("gnet", study.gnet, config.gnet_crops),
        ("snet", study.snet, config.snet_crops),
    ):
        paths[name] = exported(call, config, name)
        if paths[name] is not None:
            continue
        target = MODELS[name]
        networks = [stage.load() for stage in stages]
        is_one = len(networks) == 1
        answered = pipeline[pipeline[target].notna()]
        accuracy, error = clustered_mean(
            100.0 * (answered[target] == answered[f"true_{target}"]),
            answered.subject,
        )
        card = image_card(
            name,
            target,
            list(numbers_in(crops)),
            config.image_size,
            _trained_on(data, config),
            {
                "on": "validation images, the face nearest to the middle",
                "images": len(answered),
                "without_a_face": len(pipeline) - len(answered),
                "accuracy": accuracy,
                "standard_error": error,
            },
            call.facts,
        )
        paths[name] = export_image_model(
            networks[0] if is_one else average_networks(networks),
            config.export_dir.resolve() / name,
            card,
        )
        call.tracker.log_file(paths[name] / "assets.extra" / "card.json", name)
        console.print(f"Exported: {paths[name]}", soft_wrap=True)
    return paths


def _trained_on(data, config):
    large, small = data.parts["large"], data.parts["small"]
    weights = config.vggface_weights
    return {
        "databases": [*dict.fromkeys([*large.database, *small.database])],
        "is_drawn": data.photographs.is_synthetic,
        "step_1": "persons of the large set" if weights is None else "VGG-Face",
        "images": len(large) + len(small),
    }
