# SPDX-License-Identifier: Apache-2.0
"""The report as files: report.json and report.html, beside the picture grids."""

import json
from pathlib import Path

from jinja2 import Environment

from limner.evaluation.evaluate import Report
from limner.evaluation.metrics import Estimate

COLUMNS = {
    "kd": ("KD-EffLite0 x1000", "realism: kernel distance to the photos, lower is better"),
    "rank1": ("rank-1", "share whose photo is found first among all"),
    "distance": ("descriptor distance", "to the photo; the same person's lie below 0.6"),
    "edge_f1": ("edge F1", "do edges lie where strokes are"),
    "psnr": ("PSNR, dB", "to the photo; rewards blur"),
    "ssim": ("SSIM", "to the photo; rewards blur"),
    "pearson": ("Pearson's r", "to the photo"),
    "detail": ("detail", "root mean square, in gray levels, of what half the side would lose"),
    "grid4": ("grid of 4", "how much steeper the steepest line of 4-pixel cells is; photos have next to none"),
    "grid16": ("grid of 16", "how much steeper the steepest line of 16-pixel cells is; photos have next to none"),
    "nearest_effl": ("P-EffLite0 to the nearest", "distance of EfficientNet-lite0's features from a training face's"),
    "nearest_dlib": ("descriptor to the nearest", "distance of dlib's descriptor from a training face's"),
    "near_effl": ("near by P-EffLite0", "share nearer than 95 % of the held-out photos are"),
    "near_dlib": ("near by descriptor", "share nearer than 95 % of the held-out photos are"),
    "color_error": ("color error", "mean, in opponent colors of 8x8 blocks, against the sketch, in 0..255"),
    "color_r": ("color r", "correlation of the opponent colors of 8x8 blocks with the sketch's"),
    "reached": ("reached", "share of the faces whose best candidate is within the tolerance"),
    "residual": ("mean square", "of the best candidate, made small, against the input"),
    "differ_effl": ("apart, P-EffLite0", "mean distance between the candidates of one face"),
    "differ_dlib": ("apart, descriptor", "mean distance between the candidates of one face"),
    "moved": ("moved", "mean absolute difference, in gray levels"),
}
_PAGE = """<!doctype html><meta charset="utf-8"><title>Limner: evaluation</title>
<style>
body { font: 15px sans-serif; margin: 2em auto; max-width: 84em; color: #222 }
table { border-collapse: collapse } td, th { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ccc }
td:first-child, th:first-child { text-align: left } small { color: #666 } img { max-width: 100% }
.not { color: #b00 } .met { color: #070 }
</style>
<h1>Evaluation</h1>
<p>Held-out pictures only. In brackets 95 % intervals: bootstrap over pictures, Wilson's for shares.
The portraits are imagined faces.</p>
<h2>Asked and measured</h2>
<table><tr><th>asked</th><th>measured</th><th>n</th><th>met</th></tr>
{% for one in report.marks %}<tr><td>{{ one.mark.asked }}</td>
<td>{% if one.found %}{{ show(one.found) }} {{ one.mark.unit }}{% endif %}</td>
<td>{{ one.found.count if one.found }}</td>
<td class="{{ 'met' if one.met else 'not' if one.met is false }}">{{ one.verdict }}</td></tr>{% endfor %}
</table>
<p><small>"look" takes an eye. The full pass and its speed against DeepFaceDrawing's published size are measured by
<code>limner bench</code>.</small>
{% for section in report.sections %}
<h2>{{ section.title }}</h2>
{% for text in section.missing %}<p class="not">{{ text }}{% endfor %}
{% for text in section.notes %}<p>{{ text }}{% endfor %}
{% for table in section.tables %}
<h3>{{ table.title }}</h3>
<table><tr><th></th>{% for key in table.columns %}<th title="{{ columns[key][1] }}">{{ columns[key][0] }}</th>
{% endfor %}</tr>
{% for row in table.rows %}<tr><td>{{ row.label }}</td>
{% for key in table.columns %}<td>{{ show(row.numbers[key]) if key in row.numbers }}</td>{% endfor %}</tr>{% endfor %}
</table>
{% if table.note %}<p><small>{{ table.note }}</small>{% endif %}
{% if table.grid %}<p><img src="{{ table.grid }}.png" alt="{{ table.title }}" loading="lazy">{% endif %}
{% endfor %}
{% for name, text in section.captions.items() %}
<p><small>{{ text }}</small><p><img src="{{ name }}.png" alt="{{ section.title }}" loading="lazy">
{% endfor %}
{% endfor %}
<p><small>Weights, {{ "%.1f"|format(report.weights_mb) }} MB:
{% for name, sum in report.weights.items() %}{{ name }} {{ sum[:12] }} {% endfor %}</small>
"""


def show(estimate: Estimate) -> str:
    """A number with its interval, to three digits."""
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def write_report(report: Report, folder: Path) -> Path:
    """Writes the files into `folder`, where the sections' grids are; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
    template = Environment(autoescape=True).from_string(_PAGE)
    page = folder / "report.html"
    page.write_text(template.render(report=report, columns=COLUMNS, show=show), encoding="utf-8")
    return page


def summary(report: Report) -> list[str]:
    """The marks as lines of text: the verdict, what was asked, what was measured."""
    lines = []
    for one in report.marks:
        measured = "" if one.found is None else f": {show(one.found)} {one.mark.unit}".rstrip()
        lines.append(f"{one.verdict:>12}  {one.mark.asked}{measured}")
    return lines
