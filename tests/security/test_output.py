"""What is printed and written shows names, and obeys none."""

import json
import re

import pandas as pd
import pytest

from fdin_tf.explain.html_report import Section
from fdin_tf.explain.html_report import write_html_report
from fdin_tf.progress import console
from fdin_tf.progress import progress_bar
from recipes.cache import Config as CacheConfig
from recipes.cache import run as run_cache
from recipes.cli import run_recipe
from recipes.predict_files import write_tables


def test_an_error_shows_control_characters_and_does_not_send_them(capsys):
    def run(config):
        raise FileNotFoundError(f"a\x1b]0;title\x07{config}\n\r\u202e.mp4")

    with pytest.raises(SystemExit):
        run_recipe(run, "\udcff")
    text = "error: a\\x1b]0;title\\x07\\udcff \\u202e.mp4\n"
    assert capsys.readouterr().err == text


def test_a_report_shows_names_that_are_no_text_and_runs_none(tmp_path):
    name = "</td><script>x</script>\udcff\0 javascript:alert(1)"
    table = pd.DataFrame({name[:23]: [name[:23]]})  # pandas takes texts only
    path = write_html_report(
        tmp_path / "report.html",
        name,
        {name: name},
        [Section(name, name, {name: table})],
    )
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 5
    assert set(re.findall(r'href="([^"]*)"', text)) == {"#section-1"}


def test_tables_of_predictions_hold_names_that_are_no_text(tmp_path):
    rows = [{"video": "a\udcff,b\n.mp4", "estimate": 31.0}]
    write_tables(rows, tmp_path, "clips", {})
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert table.video.tolist() == ["a\\udcff,b\n.mp4"]
    written = json.loads((tmp_path / "predictions.json").read_text("utf-8"))
    assert written["clips"] == rows


def test_brackets_in_names_are_shown_as_they_are(tmp_path, capsys):
    with progress_bar() as bar:
        bar.add_task("[/b] of [red]", total=1, note="[/i]")
        shown = bar.get_renderable()
    with console.capture() as printed:
        console.print(shown)
    assert {"[/b] of [red]", "[/i]"} <= set(
        re.findall(r"\[/b\] of \[red\]|\[/i\]", printed.get())
    )
    run_cache(CacheConfig(cache_dir=tmp_path / "[red]cache[" / "b]"))
    assert "[red]cache[/b]" in capsys.readouterr().out.replace("\n", "")
