"""Axes of a chart: data -> pixels, round ticks, grid lines with their text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelsieve.project.report.markup import Markup, el, joined
from labelsieve.project.report.words import percent


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot of `width` x `height` pixels with room for its text, and the ranges of its data."""

    width: int
    height: int
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    left: int = 46
    right: int = 16
    top: int = 16
    bottom: int = 44

    def x(self, value: float) -> float:
        """Pixels from the left."""
        share = (value - self.x_low) / ((self.x_high - self.x_low) or 1)
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most `most` round values from low to high, steps of 1, 2 or 5.

    >>> ticks(0, 200, 5)
    [0.0, 50.0, 100.0, 150.0, 200.0]
    """
    if high <= low:
        return [low]
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def share_axis(frame: Frame, values: Sequence[float]) -> Markup:
    """Grid lines across the plot, with per cents at the left."""
    return value_axis(frame, values, percent)


def value_axis(frame: Frame, values: Sequence[float], text: Callable[[float], str]) -> Markup:
    """Grid lines across the plot, with their text at the left."""
    x1, x2 = frame.left, frame.width - frame.right
    return joined(
        el("line", class_="grid", x1=x1, x2=x2, y1=frame.y(v), y2=frame.y(v))
        + el("text", text(v), class_="tick end", x=x1 - 8, y=frame.y(v) + 4)
        for v in values
    )


def bottom_axis(frame: Frame, values: Sequence[float], text: Callable[[float], str], name: str) -> Markup:
    """The line below the plot with its ticks, and the name of what it counts."""
    base = frame.height - frame.bottom
    out = el("line", class_="base", x1=frame.left, x2=frame.width - frame.right, y1=base, y2=base)
    for value in values:
        out += el("text", text(value), class_="tick middle", x=frame.x(value), y=base + 18)
    middle = (frame.left + frame.width - frame.right) / 2
    return out + el("text", name, class_="name middle", x=middle, y=frame.height - 6)


def path(points: Sequence[tuple[float, float]], close: bool = False) -> str:
    """The `d` of a line through pixel points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if close else "")
