"""A learning curve in the terminal, drawn with braille dots."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

Curve = Sequence[tuple[float, float]]  # (labels, score), labels ascending
STYLES = ("cyan", "yellow", "magenta", "green")
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # [row][column] of one braille cell


def plot(curves: Mapping[str, Curve], width: int = 64, height: int = 14, title: str = "") -> str:
    """Text of `height` + 3 lines with rich markup: one colour a curve, axes in labels and score.

    >>> print(plot({}, title="nothing yet"))
    nothing yet
    """
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return title
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    low, high = (low - 0.05, high + 0.05) if high - low < 1e-9 else (low, high)
    right = right if right > left else left + 1
    cells: dict[tuple[int, int], int] = {}
    colours: dict[tuple[int, int], str] = {}
    for style, curve in zip(STYLES, curves.values(), strict=False):
        for px, py in _pixels(curve, (left, right), (low, high), (2 * width - 1, 4 * height - 1)):
            cell = (py // 4, px // 2)
            cells[cell] = cells.get(cell, 0) | _DOTS[py % 4][px % 2]
            colours[cell] = style
    lines = [title] if title else []
    for row in range(height):
        mark = f"{high:.2f}" if row == 0 else f"{low:.2f}" if row == height - 1 else ""
        drawn = (_cell(cells.get((row, column), 0), colours.get((row, column))) for column in range(width))
        lines.append(f"{mark:>6} [dim]│[/]" + "".join(drawn))
    lines.append(" " * 7 + "[dim]└" + "─" * width + "[/]")
    lines.append(" " * 8 + f"{left:<{width // 2}.0f}{f'{right:.0f} labels':>{width - width // 2}}")
    lines.append(
        " " * 8
        + "   ".join(f"[{s}]●[/] {n} {c[-1][1]:.3f}" for s, (n, c) in zip(STYLES, curves.items(), strict=False) if c)
    )
    return "\n".join(lines)


def _pixels(
    curve: Curve, across: tuple[float, float], up: tuple[float, float], size: tuple[int, int]
) -> list[tuple[int, int]]:
    """The dots of a curve, with straight lines between its points; the first row is the top."""
    spots = [
        ((x - across[0]) / (across[1] - across[0]) * size[0], (up[1] - y) / (up[1] - up[0]) * size[1]) for x, y in curve
    ]
    found = [(round(x), round(y)) for x, y in spots[:1]]
    for (x0, y0), (x1, y1) in pairwise(spots):
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0))))
        found += [(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps)) for i in range(1, steps + 1)]
    return found


def _cell(dots: int, style: str | None) -> str:
    return f"[{style}]{chr(0x2800 + dots)}[/]" if dots else " "


def mean_curve(runs: Sequence[Curve]) -> Curve:
    """The mean of several runs that share their label counts, as far as each of them got.

    >>> mean_curve([[(10, 0.25), (20, 0.5)], [(10, 0.75)]])
    [(10, 0.5), (20, 0.5)]
    """
    sums: dict[float, list[float]] = {}
    for run in runs:
        for labels, score in run:
            sums.setdefault(labels, []).append(score)
    return [(labels, sum(scores) / len(scores)) for labels, scores in sorted(sums.items())]
