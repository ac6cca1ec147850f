"""Which subjects and clips a set holds, and the two files that list them."""

import dataclasses

import numpy as np

#: Name of the file that lists the clips.
FILE_DETAILS = "Synthetic_Smile_Database_File_Details.txt"
#: Name of the file that lists the subjects.
SUBJECT_DETAILS = "Synthetic_Smile_Database_Subject_Details.txt"

#: Most subjects of a set: their codes have three digits.
MAX_SUBJECTS = 999

_GENDERS = ("female", "male")
#: Youngest and oldest age of a set, years, both included.
AGES = (8, 76)
_GOLDEN = (5**0.5 - 1) / 2
_FILE_WORDS = {"posed": "deliberate", "spontaneous": "spontaneous"}


@dataclasses.dataclass(frozen=True)
class Subject:
    """One subject as the details files list it.

    Attributes:
        code: Three digits, from `"001"` on.
        seed: Seed of everything that is drawn for this subject.
        age: Age in years.
        gender: `"female"` or `"male"`.
    """

    code: str
    seed: int
    age: int
    gender: str


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip as the details files list it.

    Attributes:
        subject: Its `Subject`.
        take: Number among the subject's clips, from 1 on.
        spontaneity: `"posed"` or `"spontaneous"`.
    """

    subject: Subject
    take: int
    spontaneity: str

    @property
    def clip_id(self):
        """Name of the clip's files without their endings.

        >>> anna = Subject("007", seed=6, age=31, gender="female")
        >>> Clip(anna, take=2, spontaneity="posed").clip_id
        '007_deliberate_smile_2'
        """
        word = _FILE_WORDS[self.spontaneity]
        return f"{self.subject.code}_{word}_smile_{self.take}"


def draw_subjects(seed, num_subjects):
    """Draws ages and genders of a set.

    Ages are spread evenly over 8 to 76 years, whatever the number of
    subjects, by steps of the golden ratio; of two subjects in a row one is
    female and one is male, in random order.

    Args:
        seed: Seed of the set; subject i has the seed `10000 * seed + i`.
        num_subjects: 1 to 999.

    Returns:
        List of `Subject`.

    >>> len(draw_subjects(seed=0, num_subjects=3))
    3
    """
    rng = np.random.default_rng(seed)
    start = rng.random()
    first = rng.integers(2, size=MAX_SUBJECTS)
    youngest, oldest = AGES
    span = oldest + 1 - youngest
    return [
        Subject(
            code=f"{i + 1:03d}",
            seed=10000 * seed + i,
            age=youngest + int(span * ((start + i * _GOLDEN) % 1)),
            gender=_GENDERS[(first[i // 2] + i) % 2],
        )
        for i in range(num_subjects)
    ]


def list_clips(subject, clips_per_subject):
    """The clips of a subject: posed and spontaneous ones in turn."""
    types = tuple(_FILE_WORDS)
    return [
        Clip(subject, take=k + 1, spontaneity=types[k % 2])
        for k in range(clips_per_subject)
    ]


def file_details(clips):
    """Text of the file that lists the clips, in UvA-NEMO's format.

    Five lines of heading, then one line for each clip: file name, subject
    code, gender, age in years and type of the smile, set apart by tabs and
    padded by blanks. Lines end with carriage return and line feed.
    """
    rows = [
        (
            f"{clip.clip_id}.mp4",
            clip.subject.code,
            clip.subject.gender,
            clip.subject.age,
            _FILE_WORDS[clip.spontaneity],
        )
        for clip in clips
    ]
    names = ("File name", "Subject code", "Gender", "Age", "Smile type")
    return _details("clips", names, (32, 3, 6, 2, 11), rows)


def subject_details(subjects):
    """Text of the file that lists the subjects: code, gender and age."""
    rows = [(s.code, s.gender, s.age) for s in subjects]
    names = ("Subject code", "Gender", "Age")
    return _details("subjects", names, (3, 6, 2), rows)


def _details(what, names, widths, rows):
    heading = [
        f"Synthetic Smile Database: {what}",
        "Drawn faces; nothing was recorded from a person.",
        "",
        "\t".join(names),
        "-" * 60,
    ]
    lines = [
        "\t".join(f"{value!s:<{width}}" for value, width in zip(row, widths))
        for row in rows
    ]
    return "".join(line + "\r\n" for line in heading + lines)
