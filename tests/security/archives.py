"""Archives that are small on disk and large in memory."""

import zipfile


def packed_zeros(path, name, size, head=b""):
    """A zip archive that unpacks to `size` zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        member.write(head)
        for _ in range(size // 2**22):
            member.write(bytes(2**22))
