"""One self-contained HTML page: figures, the table, and how the tickets were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from string import Template

from ticket_hub.comparison.ladder import Bars, MeasuredLadder
from ticket_hub.comparison.ladder_tables import ladder_table
from ticket_hub.report.figures import ladder_figure
from ticket_hub.report.learning import curves_figure
from ticket_hub.report.style import theme_css, themed_svg

__all__ = ["facts_list", "figure_block", "page", "shell"]

_SHELL = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root{--ink:#1a1a1a;--paper:#ffffff;--soft:#555555;--line:#d0d0d0;--band:#f4f4f4}
@media (prefers-color-scheme:dark){
:root{--ink:#e6e6e6;--paper:#161616;--soft:#b0b0b0;--line:#4a4a4a;--band:#222222}
$dark
}
body{color:var(--ink);background:var(--paper);font:16px/1.5 system-ui,sans-serif;
margin:0 auto;padding:1rem;max-width:70rem}
h1{font-size:1.6rem;line-height:1.2}
h2{font-size:1.2rem;margin-top:2rem}
figure{margin:1rem 0;overflow-x:auto}
figure svg{width:100%;min-width:40rem;height:auto}
figcaption,.soft{color:var(--soft);font-size:.9rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child,th:last-child,td:last-child{text-align:left}
thead th{background:var(--band);white-space:normal;vertical-align:bottom}
pre{background:var(--band);padding:.8rem;overflow-x:auto;font-size:.85rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
</style>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")


def page(
    ladder: MeasuredLadder,
    *,
    facts: Mapping[str, str],
    recipe: str = "",
    notes: Sequence[str] = (),
    bars: Bars = "range",
) -> str:
    """The page as text; it asks for nothing from any other place.

    Args:
        facts: what names the tickets and where they come from: title -> text.
        recipe: the whole recipe as TOML, so that a reader can repeat the search.
        notes: what the evidence shows and does not show, one sentence each.
    """
    parts = [
        *(f"<p>{escape(note)}</p>" for note in notes),
        figure_block(themed_svg(ladder_figure(ladder, bars=bars)), about_ladder(ladder)),
        "<h2>The numbers</h2>",
        ladder_table(ladder).html(),
        '<p class="soft">Means over n trials, from the least to the greatest in parentheses.</p>',
        "<h2>While they train</h2>",
        figure_block(themed_svg(curves_figure(ladder)), _ABOUT_CURVES),
        "<h2>Where this comes from</h2>",
        facts_list(facts),
    ]
    if recipe:
        parts += ["<h2>The recipe</h2>", f"<pre><code>{escape(recipe)}</code></pre>"]
    return shell(ladder.title, parts)


def shell(title: str, parts: Sequence[str]) -> str:
    """A whole page of parts that are HTML already; the title is text."""
    return _SHELL.substitute(
        title=escape(title), dark=theme_css(), body="\n".join(filter(None, parts))
    )


_ABOUT_CURVES = "Accuracy and validation loss of the tickets during training, at some levels."


def about_ladder(ladder: MeasuredLadder, *, of: str = "") -> str:
    """What the figure of a ladder shows.

    Args:
        of: whose values they are.
    """
    metric = f"Test {ladder.metric.name}"
    if not ladder.stops_early:
        return (
            f"{metric} at the last iteration, and that iteration, against the weights that "
            f"remain{of}. No validation loss was reported. The dashed line is the dense network."
        )
    return (
        f"{metric} at the early stop, and the iteration of the early stop, against the weights "
        f"that remain{of}. The early stop is the first minimum of the validation loss; the test "
        "set chooses nothing. The dashed line is the dense network."
    )


def figure_block(svg: str, caption: str) -> str:
    """A figure with its caption, which is also what a screen reader says of it."""
    labelled = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)
    return f"<figure>\n{labelled}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def facts_list(facts: Mapping[str, str]) -> str:
    """Names and texts, one pair a line."""
    rows = "\n".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items()
    )
    return f"<dl>\n{rows}\n</dl>"
