"""Which clips `recipes.explain` looks at, and how they are grouped."""

from fdin_tf.explain import age_groups
from fdin_tf.explain import of_group

GROUPINGS = ("age", "gender", "spontaneity")


def group_clips(clips, config):
    """The clips to look at, and the group of each by every grouping.

    Raises:
        ValueError: If there are no labels for a grouping that was asked for,
            or no such group.
    """
    groupings = {
        "age": age_groups(clips.age, config.age_edges),
        "gender": clips.gender,
        "spontaneity": clips.spontaneity,
    }
    for name in config.group_by or ():
        if clips[name].isna().all():
            raise ValueError(
                f"Expected clips with a `{name}` to group by; none has one. "
                f"Received: group_by={' '.join(config.group_by)}"
            )
    asked = GROUPINGS if config.group_by is None else config.group_by
    groupings = {
        name: groupings[name] for name in asked if clips[name].notna().any()
    }
    if config.group is not None:
        there = [
            group
            for of in groupings.values()
            for group in of.dropna().sort_values().unique()
        ]
        holding = [of for of in groupings.values() if config.group in set(of)]
        if not holding:
            raise ValueError(
                f"Expected one of the groups {', '.join(map(repr, there))}. "
                f"Received: group={config.group!r}"
            )
        clips = of_group(clips, holding[0], config.group)
        groupings = {name: of[clips.index] for name, of in groupings.items()}
    return clips, groupings


def check_clip_ids(clips, config, source="the clip table"):
    """Checks that the clips that were named are there."""
    named = {"clips": config.clips}
    if config.replace_by != "zeros":
        named["replace_by"] = (config.replace_by,)
    for option, ids in named.items():
        for clip_id in ids:
            if clip_id not in set(clips.clip_id):
                raise ValueError(
                    f"Expected the id of a clip of {source}, such as "
                    f"{clips.clip_id.iloc[0]!r}. Received: {option}={clip_id!r}"
                )
