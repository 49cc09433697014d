"""The picture of a report: bars in SVG that follow the reader's light or dark scheme.

Owns: where everything stands and its colours. Must not know: what is compared.
"""

from __future__ import annotations

from html import escape

WIDTH, LABELS, BARS, ROW, GAP = 760, 220, 440, 20, 44
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .paper { fill: #ffffff } .bar { fill: #8c959f } .ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .paper { fill: #0d1117 } .bar { fill: #6e7681 } .ours { fill: #58a6ff }
}
"""


def plot(panels: dict[str, dict[str, float]]) -> str:
    """Bars for each panel's names and microseconds. Those of this proxy stand out."""
    top, parts = 8, []
    for title, bars in panels.items():
        parts.append(_text(12, top + 22, f"{title}: CPU µs per request", "title"))
        most = max(bars.values())
        for line, (name, value) in enumerate(bars.items()):
            parts += _bar(top + 32 + line * ROW, name, value, value / most)
        top += GAP + len(bars) * ROW
    size = f'width="{WIDTH}" height="{top + 12}" viewBox="0 0 {WIDTH} {top + 12}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            "<title>Processor time of each proxy; less is better</title>",
            f"<style>{STYLE}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _bar(top: int, name: str, value: float, share: float) -> list[str]:
    kind = "ours" if name.startswith("this proxy") else "bar"
    width = max(1, round(BARS * share))
    return [
        _text(12, top + 14, name),
        f'<rect class="{kind}" x="{LABELS}" y="{top + 2}" width="{width}" height="{ROW - 5}"/>',
        _text(LABELS + width + 6, top + 14, f"{value:,.0f}".replace(",", " ")),
    ]


def _text(x: int, y: int, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(words)}</text>'
