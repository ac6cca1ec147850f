"""The nine regions of an aligned face: the cells of a 3x3 grid, row by row.

"Left" means left in the image.
"""

#: Names of the regions, by their number.
REGIONS = (
    "left_eye",
    "forehead",
    "right_eye",
    "left_cheek",
    "nose",
    "right_cheek",
    "left_mouth",
    "mouth",
    "right_mouth",
)

#: Number of the region at the same place of the mirrored face.
MIRRORED = (2, 1, 0, 5, 4, 3, 8, 7, 6)


def region_number(region):
    """Number of a region, given by its name or its number.

    Raises:
        ValueError: If there is no such region.

    Example:

    >>> region_number("nose"), region_number(8)
    (4, 8)
    """
    if region in REGIONS:
        return REGIONS.index(region)
    if region in range(len(REGIONS)):
        return int(region)
    raise ValueError(
        f"Expected a region: one of {', '.join(REGIONS)}, or its number, 0 to "
        f"{len(REGIONS) - 1}. Received: region={region!r}"
    )
