"""Draws the results as bars: one SVG each, which follows the reader's light or dark theme.

python benchmarks/plot.py [--results benchmarks/results] [--plots benchmarks/plots]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
WIDTH, LABELS, VALUES = 760, 230, 90
ROW, BAR, HEAD, GAP = 22, 13, 30, 12
# An image has no colour of the page around it, so it asks for the theme itself.
STYLE = """
svg{color:#1f2328;--own:#0969da;--limit:#57606a;--other:#afb8c1;font:13px system-ui,sans-serif}
@media (prefers-color-scheme:dark){svg{color:#e6edf3;--own:#4493f8;--limit:#9198a1;--other:#484f58}}
text{fill:currentColor}.title{font-size:16px;font-weight:600}.head{font-weight:600}.note{opacity:.7}
.own{fill:var(--own)}.limit{fill:var(--limit)}.other{fill:var(--other)}
"""


class Bar(NamedTuple):
    label: str
    value: float
    said: str


class Panel(NamedTuple):
    """Bars of one unit, with a scale of their own."""

    head: str
    bars: list[Bar]


class Plot(NamedTuple):
    title: str
    note: str
    panels: list[Panel]


def kinds(bars: list[Bar]) -> list[str]:
    """The classes of bars: ours, the limit and others; where no name is among them, all are ours."""
    words = (("llmstream", "own"), ("limit", "limit"))
    found = [next((name for word, name in words if word in bar.label), "") for bar in bars]
    return [name or "other" for name in found] if any(found) else ["own"] * len(bars)


def text(x: float, y: float, said: str, of: str = "") -> str:
    styled = f' class="{of}"' if of else ""
    return f'<text x="{x:g}" y="{y:g}"{styled}>{escape(said)}</text>'


def panel_lines(panel: Panel, top: float) -> list[str]:
    lines = [text(0, top + 14, panel.head, "head")]
    longest = max((bar.value for bar in panel.bars), default=0.0) or 1.0
    classes = kinds(panel.bars)
    for number, bar in enumerate(panel.bars):
        y = top + HEAD + number * ROW
        length = max(bar.value / longest * (WIDTH - LABELS - VALUES), 1.0)
        lines += [
            text(0, y + 11, bar.label),
            f'<rect class="{classes[number]}" x="{LABELS}" y="{y:g}" width="{length:.1f}" height="{BAR}"/>',
            text(LABELS + length + 6, y + 11, bar.said),
        ]
    return lines


def svg(plot: Plot) -> str:
    lines, top = [text(0, 18, plot.title, "title"), text(0, 40, plot.note, "note")], 58.0
    for panel in plot.panels:
        lines += panel_lines(panel, top)
        top += HEAD + len(panel.bars) * ROW + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -4 {WIDTH + 16} {top:g}" role="img">',
            f"<title>{escape(plot.title)}</title><style>{STYLE}</style>",
            *lines,
            "</svg>\n",
        ]
    )


def taken(found: dict[str, Any]) -> str:
    return f"{found['python']}, {found['date']}"


def peers(found: dict[str, Any]) -> Plot:
    wires = {"chat": "OpenAI's chat wire", "messages": "Anthropic's messages wire"}
    panels = []
    for wire, named in wires.items():
        rows = {
            name.removesuffix(f", {wire}"): row
            for name, row in found["clients"].items()
            if row["wire"] == wire
        }
        bars = [Bar(name, row["ratio"], f"{row['ratio']:.3g}") for name, row in rows.items()]
        first = [Bar(name, row["first_ms"], f"{row['first_ms']:.2f} ms") for name, row in rows.items()]
        if rows:
            panels += [
                Panel(f"{named}: CPU an event, the limit being 1", bars),
                Panel(f"{named}: from the call to the first text", first),
            ]
    return Plot("One stream of 2,000 events", f"Shorter is better. {taken(found)}", panels)


def many(found: dict[str, Any]) -> Plot:
    """The usual ones; what TLS costs is memory most of all."""
    rows = {
        name: row
        for name, row in found["runs"].items()
        if "us_per_event" in row and row.get("loop") != "uvloop"
    }

    def bars(key: str, said: str, tls: bool = False) -> list[Bar]:
        wanted = {name: row for name, row in rows.items() if tls or not row.get("tls")}
        return [Bar(name, row[key], said.format(row[key])) for name, row in wanted.items() if key in row]

    panels = [
        Panel("CPU an event while all run; the limit on asyncio being 1", bars("ratio", "{:.2f}")),
        Panel("Delay of an event: the median of the best round", bars("lag_p50_best_ms", "{:.2f} ms")),
        Panel("CPU to open and close a stream", bars("open_close_ms", "{:.2f} ms")),
        Panel("Memory a stream", bars("kb_a_stream", "{:.0f} KB", tls=True)),
    ]
    return Plot("Many streams at once, 20 events a second each", f"Shorter is better. {taken(found)}", panels)


def micro(found: dict[str, Any]) -> Plot:
    def bars(costs: dict[str, float]) -> list[Bar]:
        return [Bar(name, cost, f"{cost:.2f} µs") for name, cost in costs.items()]  # noqa: RUF001 - the unit

    layers = {
        f"{dialect}, {layer}": cost
        for dialect, costs in found["decoders"].items()
        for layer, cost in costs.items()
        if layer != "growth"
    }
    faces = {name: found["sync"][f"{name}_us"] for name in ("async", "sync")}
    folds = {name: cost for name, cost in found["reducer"].items() if "growth" not in name}
    panels = [
        Panel("An event of each dialect", bars(layers)),
        Panel("A frame", bars(found["framer"])),
        Panel("An event folded", bars(folds)),
        Panel("An event written as JSON", bars(found["serial_write"])),
        Panel("An event made", bars(found["events_made"])),
        Panel("An event from the network", bars(faces)),
    ]
    return Plot("The pieces, in microseconds", f"Shorter is better. {taken(found)}", panels)


def imports(found: dict[str, Any]) -> Plot:
    costs = [Bar(name, cost, f"{cost:.0f} ms") for name, cost in found.items() if isinstance(cost, float)]
    return Plot(
        "CPU of an import", f"Shorter is better. {taken(found)}", [Panel("Over a bare interpreter", costs)]
    )


PLOTS: dict[str, Callable[[dict[str, Any]], Plot]] = {
    "imports": imports,
    "micro": micro,
    "many": many,
    "peers": peers,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--plots", type=Path, default=HERE / "plots")
    options = parser.parse_args()
    options.plots.mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        source = options.results / f"{name}.json"
        if source.is_file():
            drawn = svg(draw(json.loads(source.read_text("utf-8"))))
            (options.plots / f"{name}.svg").write_text(drawn, "utf-8")
            print(options.plots / f"{name}.svg")


if __name__ == "__main__":
    main()
