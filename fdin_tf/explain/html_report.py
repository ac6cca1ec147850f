"""One self-contained HTML file: facts, text, tables, pictures, videos."""

import base64
import html
import string
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fdin_tf.data.cache import atomic_path
from fdin_tf.explain.plots import figure_svg

_VIDEO_TYPES = {".webm": "video/webm", ".mp4": "video/mp4"}
_PAGE = string.Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; media-src data:;
 style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
 max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.25; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
p { max-width: 46rem; }
nav ul { columns: 2; padding-left: 1.2rem; }
a { color: #0b5394; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .9rem;
 font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: left;
 vertical-align: top; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid #666; overflow-wrap: normal; }
.number { text-align: right; white-space: nowrap; }
tbody th { font-weight: 400; }
figure { margin: 1.5rem 0; }
img, video { max-width: 100%; height: auto; }
figcaption { font-size: .9rem; color: #444; max-width: 46rem; }
@media print {
 body { margin: 0; max-width: none; font-size: 10pt; }
 nav { display: none; }
 figure, tr { break-inside: avoid; }
 h2, caption { break-after: avoid; }
}
</style>
</head>
<body>
<header>
<h1>$title</h1>
$facts
</header>
<nav aria-label="Contents">
<ul>
$contents
</ul>
</nav>
<main>
$sections
</main>
</body>
</html>
""")


class Section(NamedTuple):
    """A part of a report.

    Attributes:
        heading: One line.
        text: Paragraphs, parted by empty lines.
        tables: Dict from a caption to a DataFrame; its index is not shown.
        figures: Dict from a caption to a matplotlib `Figure`. Its label is
            the text for readers who cannot see it; without one, the caption.
        videos: Dict from a caption to the path of a `.webm` or `.mp4` file.
            The caption is also the text for readers who cannot see it.
    """

    heading: str
    text: str = ""
    tables: dict | None = None
    figures: dict | None = None
    videos: dict | None = None


def write_html_report(path, title, facts, sections):
    """Writes a report that opens without network, at once or not at all.

    Style, pictures (SVG) and videos are inside the file; it has no script,
    and its own policy forbids browsers to load anything. All text is escaped.

    Args:
        path: Path of the HTML file.
        title: Headline.
        facts: Dict of what the report is about: printed as a table on top.
        sections: `Section`s, or tuples of the same order.

    Returns:
        `path`.

    Raises:
        ValueError: If there is no section, or a video ends in neither `.webm`
            nor `.mp4`.
        FileNotFoundError: If there is no such video.

    Example:

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> section = Section("Errors", "In years.")
    >>> _ = write_html_report(path, "A < B", {"clips": 3}, [section])
    >>> "<h1>A &lt; B</h1>" in path.read_text(encoding="utf-8")
    True
    """
    sections = [Section(*section) for section in sections]
    if not sections:
        raise ValueError(
            "Expected at least one section of the report. Received: sections=[]"
        )
    contents = [
        f'<li><a href="#section-{k}">{html.escape(section.heading)}</a></li>'
        for k, section in enumerate(sections, start=1)
    ]
    page = _PAGE.substitute(
        title=html.escape(title),
        facts=_facts(facts),
        contents="\n".join(contents),
        sections="\n".join(
            _section(k, section) for k, section in enumerate(sections, start=1)
        ),
    )
    with atomic_path(path) as temporary:
        # Names of files may have bytes that are no text.
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return path


def _facts(facts):
    rows = [
        f'<tr><th scope="row">{html.escape(str(name))}</th>'
        f"<td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    ]
    return f"<table>\n<tbody>\n{chr(10).join(rows)}\n</tbody>\n</table>"


def _section(number, section):
    paragraphs = [
        f"<p>{html.escape(' '.join(text.split()))}</p>"
        for text in section.text.split("\n\n")
        if text.strip()
    ]
    figures = [_figure(*item) for item in (section.figures or {}).items()]
    videos = [_video(*item) for item in (section.videos or {}).items()]
    tables = [_table(*item) for item in (section.tables or {}).items()]
    return "\n".join(
        [
            f'<section aria-labelledby="section-{number}">',
            f'<h2 id="section-{number}">{html.escape(section.heading)}</h2>',
            *paragraphs,
            *figures,
            *videos,
            *tables,
            "</section>",
        ]
    )


def _figure(caption, figure):
    # As an image: ids and styles of one picture cannot meet those of another.
    svg = base64.b64encode(figure_svg(figure, has_paths=True)).decode()
    text = html.escape(figure.get_label() or caption)
    return (
        f'<figure>\n<img alt="{text}" src="data:image/svg+xml;base64,{svg}">\n'
        f"<figcaption>{html.escape(caption)}</figcaption>\n</figure>"
    )


def _video(caption, path):
    path = Path(path)
    if path.suffix.lower() not in _VIDEO_TYPES:
        raise ValueError(
            f"A video of a report must end in {' or '.join(_VIDEO_TYPES)}. "
            f"Received: path={path}"
        )
    kind = _VIDEO_TYPES[path.suffix.lower()]
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    return (
        f'<figure>\n<video controls muted loop aria-label="{text}" '
        f'src="data:{kind};base64,{data}"></video>\n'
        f"<figcaption>{text}</figcaption>\n</figure>"
    )


def _table(caption, table):
    columns = {str(name): table.iloc[:, k] for k, name in enumerate(table)}
    styles = [
        ' class="number"' if pd.api.types.is_numeric_dtype(values) else ""
        for values in columns.values()
    ]
    heads = [
        f'<th scope="col"{style}>{html.escape(name)}</th>'
        for name, style in zip(columns, styles)
    ]
    rows = [
        "".join(f"<td{style}>{cell}</td>" for style, cell in zip(styles, row))
        for row in zip(*map(_cells, columns.values()))
    ]
    return "\n".join(
        [
            '<div class="wide">',
            f"<table>\n<caption>{html.escape(caption)}</caption>",
            f"<thead>\n<tr>{''.join(heads)}</tr>\n</thead>",
            "<tbody>",
            *(f"<tr>{row}</tr>" for row in rows),
            "</tbody>\n</table>\n</div>",
        ]
    )


def _cells(values):
    """Texts of one column; its numbers have decimals alike."""
    decimals = 2
    if pd.api.types.is_float_dtype(values):
        largest = values.abs().max()
        decimals = 0 if largest >= 1e4 else 2 if largest >= 1 else 3

    def text(value):
        if pd.api.types.is_scalar(value) and pd.isna(value):
            return "-"
        if isinstance(value, float):
            small = 0 < abs(value) < 1e-3
            return f"{value:.1e}" if small else f"{value:.{decimals}f}"
        return html.escape(str(value))

    return [text(value) for value in values]
