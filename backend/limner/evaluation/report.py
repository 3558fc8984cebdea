# SPDX-License-Identifier: Apache-2.0
"""The report as files: report.json, report.html and a picture grid for each case."""

import json
from pathlib import Path

from jinja2 import Environment
from PIL import Image

from limner.evaluation.evaluate import Report
from limner.evaluation.metrics import Estimate

COLUMNS = {
    "kd": ("KD-EffLite0 x1000", "realism: kernel distance to the photos, lower is better"),
    "rank1": ("rank-1", "share of portraits whose photo is found first among all"),
    "distance": ("descriptor distance", "to the photo; the same person's lie below 0.6"),
    "edge_f1": ("edge F1", "do edges lie where strokes are"),
    "psnr": ("PSNR, dB", "to the photo; rewards blur"),
    "ssim": ("SSIM", "to the photo; rewards blur"),
}
_PAGE = """<!doctype html><meta charset="utf-8"><title>Limner: evaluation</title>
<style>
body { font: 15px sans-serif; margin: 2em auto; max-width: 76em; color: #222 }
table { border-collapse: collapse } td, th { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ccc }
td:first-child, th:first-child { text-align: left } small { color: #666 } img { max-width: 100% }
</style>
<h1>Evaluation</h1>
<p>Held-out pictures only; in brackets 95 % bootstrap intervals.</p>
<ul>{% for name, value in facts.items() %}<li>{{ name }}: {{ show(value) }}</li>{% endfor %}</ul>
{% for case, title in titles.items() %}
<h2>{{ title }}</h2>
<table><tr><th></th>{% for label, hint in columns.values() %}<th title="{{ hint }}">{{ label }}</th>{% endfor %}</tr>
{% for row in rows if row.case == case %}<tr><td>{{ row.candidate }}</td>
{% for key in columns %}<td>{{ show(row.numbers[key]) if key in row.numbers }}</td>{% endfor %}</tr>{% endfor %}
</table>
{% if case in grids %}
<p><small>From top to bottom: the drawing, the rows of the table in their order, the photo.</small>
<p><img src="{{ case }}.png" alt="{{ title }}">{% endif %}
{% endfor %}
<p><small>Weights: {% for name, sum in weights.items() %}{{ name }} {{ sum[:12] }} {% endfor %}</small>
"""


def show(estimate: Estimate) -> str:
    """A number with its interval, to three digits."""
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def write_report(report: Report, folder: Path) -> Path:
    """Writes the files into `folder`; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    for name, grid in report.grids.items():
        Image.fromarray(grid).save(folder / f"{name}.png")
    template = Environment(autoescape=True).from_string(_PAGE)
    page = folder / "report.html"
    page.write_text(template.render(**vars(report), columns=COLUMNS, show=show), encoding="utf-8")
    return page
