"""The report's charts: plain SVG whose colours come from the page, so that they follow light, dark and print."""

from collections.abc import Sequence

from labelsieve.project.auditing import Calibration
from labelsieve.project.curves import CurvePoint
from labelsieve.project.report.axes import Frame, bottom_axis, path, share_axis, ticks, value_axis
from labelsieve.project.report.data import Curve, Forecast
from labelsieve.project.report.markup import Markup, el, joined
from labelsieve.project.report.words import between, count, percent, points

SIZES = ((760, 330, "wide"), (358, 280, "narrow"))  # one is shown, by the width of the page


def _canvas(frame: Frame, class_: str, says: str, *children: Markup) -> Markup:
    box = f"0 0 {frame.width} {frame.height}"
    return el("svg", children, class_=f"chart {class_}", viewBox=box, role="img", aria_label=says)


def learning_chart(curve: Curve) -> Markup:
    """The learning curve with its interval, the random control and the estimate, in both sizes."""
    last = curve.points[-1]
    says = f"Learning curve: {percent(last.score.mean)} {curve.metric} at {count(last.labels, 'label')}."
    return joined(_learning(curve, width, height, class_, says) for width, height, class_ in SIZES)


def _learning(curve: Curve, width: int, height: int, class_: str, says: str) -> Markup:
    all_points = [*curve.points, *curve.control]
    x_high = curve.forecast.labels if curve.forecast else max(point.labels for point in all_points)
    low = min(point.score.low for point in all_points)
    frame = Frame(width, height, 0, x_high, int(max(low, 0.0) * 5) / 5, 1.0, right=24)
    x_ticks = [value for value in ticks(0, x_high, 4 if width < 500 else 7) if value == int(value)]
    parts = [
        share_axis(frame, ticks(frame.y_low, 1.0)),
        bottom_axis(frame, x_ticks, lambda v: f"{v:,.0f}", "training labels"),
        _band(frame, curve.points),
    ]
    if curve.control:
        parts.append(_line(frame, curve.control, "control"))
    if curve.forecast:
        parts.append(_estimate(frame, curve.points[-1], curve.forecast))
    parts += [_line(frame, curve.points, "line"), _end(frame, curve)]
    return _canvas(frame, class_, says, *parts)


def _band(frame: Frame, line: Sequence[CurvePoint]) -> Markup:
    if len(line) < 2:
        return Markup()
    upper = [(frame.x(p.labels), frame.y(p.score.high)) for p in line]
    lower = [(frame.x(p.labels), frame.y(p.score.low)) for p in reversed(line)]
    return el("path", class_="band", d=path([*upper, *lower], close=True))


def _line(frame: Frame, line: Sequence[CurvePoint], class_: str) -> Markup:
    at = [(frame.x(p.labels), frame.y(p.score.mean)) for p in line]
    dots = [
        el("circle", el("title", _said(p)), class_=f"dot {class_}", cx=x, cy=y, r=3 if class_ == "control" else 3.5)
        for p, (x, y) in zip(line, at, strict=True)
    ]
    whisker = _whisker(frame, line[0], class_) if len(line) == 1 else Markup()
    return whisker + el("path", class_=class_, d=path(at)) + joined(dots)


def _whisker(frame: Frame, point: CurvePoint, class_: str) -> Markup:
    x = frame.x(point.labels)
    return el("line", class_=f"whisker {class_}", x1=x, x2=x, y1=frame.y(point.score.low), y2=frame.y(point.score.high))


def _said(point: CurvePoint) -> str:
    return f"{count(point.labels, 'label')}: {percent(point.score.mean)} ({between(point.score)})"


def _end(frame: Frame, curve: Curve) -> Markup:
    """The last value beside its dot: where there is room, to the left of a following estimate."""
    last = curve.points[-1]
    x, y = frame.x(last.labels), frame.y(last.score.mean)
    return el("text", percent(last.score.mean), class_="value end", x=x - 4, y=_beside(frame, y))


def _beside(frame: Frame, y: float) -> float:
    """Where the text of a point stands: above it, or below where the plot ends."""
    return y - 12 if y - 26 > frame.top else y + 24


def _estimate(frame: Frame, last: CurvePoint, then: Forecast) -> Markup:
    start, end = (frame.x(last.labels), frame.y(last.score.mean)), (frame.x(then.labels), frame.y(then.score.mean))
    top, bottom = frame.y(then.score.high), frame.y(then.score.low)
    cone = [start, (end[0], top), (end[0], bottom)]
    title = f"Estimate at {count(then.labels, 'label')}: {percent(then.score.mean)} ({between(then.score)})"
    parts = [
        el("path", class_="cone", d=path(cone, close=True)),
        el("path", class_="estimate", d=path([start, end])),
        el("line", class_="whisker", x1=end[0], x2=end[0], y1=top, y2=bottom),
        el("circle", el("title", title), class_="dot hollow", cx=end[0], cy=end[1], r=4),
        el("text", f"≈ {percent(then.score.mean)}", class_="value quiet end", x=end[0] - 10, y=_beside(frame, end[1])),
    ]
    return joined(parts)


def found_chart(found: Sequence[tuple[int, int]]) -> Markup:
    """Odd items found by number of labels, in both sizes."""
    says = f"Odd items found: {found[-1][1]} in {count(found[-1][0], 'label')}."
    return joined(_found(found, width, height, class_, says) for width, height, class_ in SIZES)


def _found(found: Sequence[tuple[int, int]], width: int, height: int, class_: str, says: str) -> Markup:
    frame = Frame(width, height, 0, found[-1][0], 0, max(found[-1][1], 4) * 1.2, right=24)
    y_ticks = [value for value in ticks(0, frame.y_high) if value == int(value)]
    x_ticks = [value for value in ticks(0, frame.x_high, 4 if width < 500 else 7) if value == int(value)]
    at = [(frame.x(0), frame.y(0)), *((frame.x(n), frame.y(k)) for n, k in found)]
    dots = [
        el("circle", el("title", f"{count(n, 'label')}: {k} odd"), class_="dot line", cx=x, cy=y, r=3.5)
        for (n, k), (x, y) in zip(found, at[1:], strict=True)
    ]
    floor = (at[-1][0], frame.y(0))
    parts = [
        value_axis(frame, y_ticks, lambda v: f"{v:,.0f}"),
        bottom_axis(frame, x_ticks, lambda v: f"{v:,.0f}", "labels"),
        el("path", class_="band", d=path([*at, floor], close=True)),
        el("path", class_="line", d=path(at)),
        *dots,
        el("text", f"{found[-1][1]:,} found", class_="value end", x=at[-1][0], y=_beside(frame, at[-1][1])),
    ]
    return _canvas(frame, class_, says, *parts)


def calibration_chart(calibration: Calibration) -> Markup:
    """A reliability diagram: what the head said against how often it was right, with intervals."""
    frame = Frame(360, 350, 0, 1, 0, 1, left=50, bottom=48, right=20)
    every = ticks(0, 1)
    widest = max(part.count for part in calibration.bins)
    parts = [
        share_axis(frame, every),
        bottom_axis(frame, every, percent, "how sure the head was"),
        el("line", class_="diagonal", x1=frame.x(0), y1=frame.y(0), x2=frame.x(1), y2=frame.y(1)),
    ]
    for part in calibration.bins:
        x, y = frame.x(part.said), frame.y(part.right.mean)
        title = f"said {percent(part.said)}, right {percent(part.right.mean)} ({between(part.right)}) of {part.count}"
        ends = {"y1": frame.y(part.right.low), "y2": frame.y(part.right.high)}
        parts.append(el("line", class_="whisker", x1=x, x2=x, **ends))
        radius = 3 + 3 * (part.count / widest) ** 0.5
        parts.append(el("circle", el("title", title), class_="dot line", cx=x, cy=y, r=radius))
    says = f"Calibration: an expected error of {points(calibration.error).lstrip('+')} points."
    return _canvas(frame, "square", says, *parts)
