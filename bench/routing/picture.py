"""The curves as a picture: a panel per scenario, regret over time per policy, and bars of the gap closed. SVG by hand.

Must not compute anything but coordinates.
"""

from __future__ import annotations

from html import escape

from bench.routing.play import Result
from bench.routing.report import Results, gap

#: Okabe and Ito's colours, told apart by nearly everybody; the engine is the heavy one.
COLOURS = {
    "static": "#999999",
    "breaker": "#E69F00",
    "window30": "#56B4E9",
    "ewma": "#009E73",
    "thompson": "#CC79A7",
    "callward": "#D55E00",
    "callward-configured": "#0072B2",
    "oracle": "#000000",
}
WIDTH, HEIGHT, COLUMNS = 330, 190, 3
LEFT, RIGHT, TOP, BOTTOM = 46, 96, 26, 24


def _text(x: float, y: float, what: str, size: int = 10, anchor: str = "start", colour: str = "#333") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(what)}</text>'
    )


def _curve(runs: list[Result]) -> list[float]:
    bins = len(runs[0].curve)
    return [sum(r.curve[i] for r in runs) / len(runs) for i in range(bins)]


def _panel(x: float, y: float, scenario: str, results: Results) -> list[str]:
    """Regret over time, and the gap closed as bars beside it."""
    curves = {name: _curve(runs) for name, runs in results.items() if name != "oracle"}
    top = max(max(curve) for curve in curves.values()) or 1.0
    left, right, up, down = x + LEFT, x + WIDTH - RIGHT, y + TOP, y + HEIGHT - BOTTOM
    parts = [_text(left, y + 15, scenario, 12)]
    for share in (0.0, 0.5, 1.0):
        at = down - (down - up) * share
        parts.append(f'<line x1="{left}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(_text(left - 4, at + 3, f"{top * share:.0f}", 9, "end"))
    parts.append(_text(left, down + 14, "0", 9))
    parts.append(_text(right, down + 14, "end", 9, "end"))
    for name, curve in curves.items():
        step = (right - left) / max(1, len(curve) - 1)
        points = " ".join(f"{left + i * step:.1f},{down - (down - up) * v / top:.1f}" for i, v in enumerate(curve))
        heavy = 2.2 if name == "callward" else 1.0
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="{heavy}"/>')
    bar_left, row = right + 10, 0
    parts.append(_text(bar_left, up - 2, "gap closed", 8))
    for name in curves:
        closed = gap(results, name) if name != "static" else None
        if closed is None:
            continue
        width = (WIDTH - LEFT - (right - left) - 14) * min(max(closed.mean, 0.0), 1.0) * 0.62
        at = up + 4 + row * 21
        parts.append(f'<rect x="{bar_left}" y="{at:.1f}" width="{width:.1f}" height="8" fill="{COLOURS[name]}"/>')
        parts.append(_text(bar_left, at + 17, f"{name[:11]} {closed.mean:.0%}", 8))
        row += 1
    if row == 0:
        parts.append(_text(bar_left, up + 12, "(no gap here)", 8))
    return parts


def draw(everything: dict[str, Results]) -> str:
    """All scenarios as one SVG."""
    rows = (len(everything) + COLUMNS - 1) // COLUMNS
    width, height = COLUMNS * WIDTH, rows * HEIGHT + 60
    title = "Regret per 1000 first attempts over time (mean over seeds; lower is better; the oracle is 0)"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif">'
        ),
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        _text(12, 20, title, 13),
    ]
    x = 12.0
    names = [name for name in COLOURS if any(name in results for results in everything.values()) and name != "oracle"]
    for name in names:
        parts.append(f'<rect x="{x}" y="32" width="14" height="6" fill="{COLOURS[name]}"/>')
        parts.append(_text(x + 18, 39, name, 10))
        x += 30 + 6.5 * len(name)
    for place, (scenario, results) in enumerate(everything.items()):
        parts += _panel(place % COLUMNS * WIDTH, 50 + place // COLUMNS * HEIGHT, scenario, results)
    return "\n".join([*parts, "</svg>"]) + "\n"
