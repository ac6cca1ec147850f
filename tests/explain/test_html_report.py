"""The HTML report: whole, escaped, self-contained, readable by machines."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fdin_tf.explain.html_report import Section
from fdin_tf.explain.html_report import write_html_report

EVIL = "</table><script>alert('x')</script>\"&"
VOID = {"meta", "img"}


class Parsed(HTMLParser):
    """Elements, their texts, and whether every one is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


def make_figure(label=""):
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    figure.set_label(label)
    return figure


@pytest.fixture
def page(tmp_path):
    table = pd.DataFrame(
        {
            EVIL: ["a<b", None],
            "error": [6.408, np.nan],
            "p": [1e-7, 0.25],
            "clips": [240, 3],
        }
    )
    path = write_html_report(
        tmp_path / "new" / "report.html",
        f"Title {EVIL}",
        {EVIL: EVIL, "clips": 3},
        [
            Section("First", f"One.\n\nTwo {EVIL}", {f"Cap {EVIL}": table}),
            Section(
                f"Second {EVIL}",
                figures={"A figure": make_figure(f"What {EVIL} shows"),
                         "Another": make_figure()},
            ),
            ("Third", "A plain tuple."),
        ],
    )  # fmt: skip
    return path.read_text(encoding="utf-8")


def test_what_comes_from_data_is_escaped(page):
    parsed = Parsed(page)
    assert parsed.all("script") == []
    for tag in ("title", "h1", "h2", "p", "caption", "th", "td"):
        assert any(EVIL in text for text in parsed.texts[tag]), tag
    assert "a<b" in parsed.texts["td"]


def test_the_file_needs_nothing_else(page):
    parsed = Parsed(page)
    for tag, attributes in parsed.elements:
        for name in ("src", "href"):
            if name in attributes:
                assert attributes[name].startswith(("data:", "#")), tag
    assert "@import" not in page
    assert re.search(r"url\(", page) is None
    (policy,) = [
        m for m in parsed.all("meta") if m.get("http-equiv") is not None
    ]
    assert "default-src 'none'" in policy["content"]


def test_pictures_are_svg_with_a_text_for_who_cannot_see_them(page):
    images = Parsed(page).all("img")
    assert [i["alt"] for i in images] == [f"What {EVIL} shows", "Another"]
    for image in images:
        head, data = image["src"].split(",")
        assert head == "data:image/svg+xml;base64"
        assert b"</svg>" in base64.b64decode(data)


def test_language_headers_and_contents_are_marked(page):
    parsed = Parsed(page)
    assert parsed.all("html") == [{"lang": "en"}]
    scopes = [th.get("scope") for th in parsed.all("th")]
    assert scopes == ["row"] * 2 + ["col"] * 4
    links = [a["href"] for a in parsed.all("a")]
    assert links == [f"#{h2['id']}" for h2 in parsed.all("h2")]
    assert len(links) == 3


def test_numbers_of_a_column_have_decimals_alike(page):
    cells = Parsed(page).texts["td"]
    table = cells[cells.index("a<b") :]
    assert table == ["a<b", "6.41", "1.0e-07", "240", "-", "-", "0.250", "3"]


def test_paragraphs_are_parted_by_empty_lines(page):
    assert Parsed(page).texts["p"] == ["One.", f"Two {EVIL}", "A plain tuple."]


def test_the_same_report_has_the_same_bytes(tmp_path):
    sections = [Section("First", figures={"A figure": make_figure()})]
    one, other = (
        write_html_report(tmp_path / name, "T", {}, sections).read_bytes()
        for name in ("one.html", "other.html")
    )
    assert one == other


@pytest.mark.parametrize("end", ["webm", "MP4"])
def test_videos_are_inside_with_controls_and_a_text(tmp_path, end):
    video = tmp_path / f"clip.{end}"
    video.write_bytes(b"\x1a\x45 some video")
    path = write_html_report(
        tmp_path / "report.html", "T", {},
        [Section("First", videos={f"Relevance {EVIL}": video})],
    )  # fmt: skip
    video.unlink()
    parsed = Parsed(path.read_text(encoding="utf-8"))
    (found,) = parsed.all("video")
    head, data = found["src"].split(",")
    assert head == f"data:video/{end.lower()};base64"
    assert base64.b64decode(data) == b"\x1a\x45 some video"
    assert {"controls", "muted", "loop"} <= set(found)
    assert "autoplay" not in found
    assert found["aria-label"] == f"Relevance {EVIL}"
    assert parsed.texts["figcaption"] == [f"Relevance {EVIL}"]
    (policy,) = [
        m for m in parsed.all("meta") if m.get("http-equiv") is not None
    ]
    assert "media-src data:;" in policy["content"]


def test_a_video_of_another_kind_or_none_is_an_error(tmp_path):
    (tmp_path / "clip.avi").touch()
    for name, error, words in (
        ("clip.avi", ValueError, r"end in .webm or .mp4.*path=.*clip.avi"),
        ("gone.webm", FileNotFoundError, "gone.webm"),
    ):
        section = Section("First", videos={"A video": tmp_path / name})
        with pytest.raises(error, match=words):
            write_html_report(tmp_path / "report.html", "T", {}, [section])
    assert not (tmp_path / "report.html").exists()


def test_a_report_without_sections_is_an_error(tmp_path):
    with pytest.raises(
        ValueError, match=r"at least one section.*sections=\[\]"
    ):
        write_html_report(tmp_path / "report.html", "T", {}, [])
    assert list(tmp_path.iterdir()) == []
