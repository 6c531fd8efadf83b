"""One column of a table -> numbers: what kind of values it holds, and how each value is written."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix

MISSING = frozenset({"", "?", "-", "na", "n/a", "nan", "null", "none", "nat", "#n/a", "missing"})
FORMATS = ("iso", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y", "%d/%m/%Y %H:%M",
           "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M")  # fmt: skip
TAIL = 3.0  # scales from the centre beyond which a number grows as its logarithm
SPIKE = 0.2  # share of a column that makes one number a value of its own (a spike at 0)
KNOTS = 17  # quantiles of a number
BUCKETS = 16  # of words of rare values
COUNTED = 1000  # values whose frequency is kept
_PLAIN = re.compile(r"^[^\d\s.,+-]?\s*([+-]?[\d.,' ]*\d)\s*[^\d\s.,+-]?$")  # one sign of currency or percent
_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """What `learn_column` found; all fields are JSON."""

    name: str
    numeric: bool = False
    decimal_comma: bool = False
    date: str = ""  # one of FORMATS
    has_time: bool = False
    missing: bool = False  # some value was missing: a flag says so
    centre: float = 0.0
    scale: float = 1.0
    knots: tuple[float, ...] = ()
    values: tuple[str, ...] = ()  # each has a column of its own
    rare: bool = False  # there are other values: their words go into buckets
    counts: tuple[tuple[str, float], ...] = ()  # (value, log share), where `rare`

    @property
    def width(self) -> int:
        """How many numbers a value becomes."""
        number = 2 if self.numeric or self.date else 0
        parts = (4 + 2 * self.has_time) if self.date else 0
        return number + parts + self.missing + len(self.values) + (BUCKETS + 1) * self.rare

    def encode(self, raw: Sequence[Any]) -> Matrix:
        """(n, width) of n values. Cost: a few us a value."""
        texts = [as_text(value) for value in raw]
        blocks: list[Matrix] = []
        if self.date:
            blocks += self._moments(raw)
        elif self.numeric:
            blocks.append(self._scaled(parse_numbers(texts, self.decimal_comma)))
        if self.missing:
            blocks.append(np.array([[text == ""] for text in texts], np.float32))
        if self.values:
            blocks.append(self._one_hot(texts))
        if self.rare:
            blocks.append(self._buckets(texts))
        empty = np.empty((len(raw), 0), np.float32)
        return np.concatenate([empty, *(b.reshape(len(raw), -1) for b in blocks)], axis=1, dtype=np.float32)

    def _scaled(self, numbers: Numbers) -> Matrix:
        """(n, 2): robust z-score, its tails bent, and the share of the pool below, from -1 to 1. Missing: 0 in both."""
        known = np.isfinite(numbers)
        x = np.where(known, numbers, self.centre)
        z = (x - self.centre) / self.scale
        far = np.maximum(np.abs(z) - TAIL, 0.0)
        z = np.sign(z) * (np.minimum(np.abs(z), TAIL) + np.log1p(far))
        rank = np.interp(x, self.knots, np.linspace(-1, 1, len(self.knots)))
        return (np.stack([z, rank], axis=1) * known[:, None]).astype(np.float32)

    def _moments(self, raw: Sequence[Any]) -> list[Matrix]:
        moments = [parse_moment(value, self.date) for value in raw]
        known = [moment for moment in moments if moment is not None]
        ordinal = np.array([np.nan if m is None else m.timestamp() / 86400 for m in moments])
        turns = np.zeros((len(raw), 3))
        at = [i for i, m in enumerate(moments) if m is not None]
        turns[at] = [[m.timetuple().tm_yday / 366, m.weekday() / 7, (m.hour + m.minute / 60) / 24] for m in known]
        angle = 2 * np.pi * turns[:, : 2 + self.has_time]
        there = np.isfinite(ordinal)[:, None]
        wheel = np.concatenate([np.sin(angle), np.cos(angle)], axis=1) * there
        return [self._scaled(ordinal), wheel.astype(np.float32)]

    def _one_hot(self, texts: Sequence[str]) -> Matrix:
        number = {value: i for i, value in enumerate(self.values)}
        hot = np.zeros((len(texts), len(self.values)), np.float32)
        for row, text in enumerate(texts):
            at = number.get(text)
            if at is not None:
                hot[row, at] = 1.0
        return hot

    def _buckets(self, texts: Sequence[str]) -> Matrix:
        """(n, BUCKETS + 1): signed counts of the words of a value without a column, and its log share."""
        out = np.zeros((len(texts), BUCKETS + 1), np.float32)
        share = dict(self.counts)
        rarest = min(share.values(), default=0.0)
        own = set(self.values)
        for row, text in enumerate(texts):
            if not text or (self.numeric and np.isfinite(parse_numbers([text], self.decimal_comma)[0])):
                continue
            out[row, BUCKETS] = share.get(text, rarest)
            if text not in own:
                for word in text.casefold().split()[:50]:
                    mark = zlib.crc32(word.encode("utf-8", "surrogatepass"))
                    out[row, mark % BUCKETS] += 1.0 if mark & 0x10000 else -1.0
        return out


def learn_column(name: str, raw: Sequence[Any], most: int) -> Column | None:
    """The column that `raw` values (a part of the pool) make, with at most `most` values of their own.

    None where there is nothing to tell apart: constant, all missing, or a different single word in every row.
    """
    texts = [as_text(value) for value in raw]
    known = [text for text in texts if text]
    if len(set(texts)) < 2:
        return None
    missing = len(known) < len(texts)
    comma = _decimal_comma(known)
    numbers = parse_numbers(known, comma)
    finite = numbers[np.isfinite(numbers)]
    if 2 * len(finite) >= len(known):
        return _number_column(name, known, finite, most, missing=missing, comma=comma)
    moments = _moments_of([value for value, text in zip(raw, texts, strict=True) if text])
    if moments is not None:
        return _date_column(name, *moments, missing=missing)
    return _value_column(name, Counter(known), most, missing=missing)


def to_json(column: Column) -> dict[str, Any]:
    """The fields of a column."""
    return asdict(column)


def from_json(fields: dict[str, Any]) -> Column:
    """The column whose fields these are."""
    known = dict(fields)
    for name in ("knots", "values"):
        known[name] = tuple(known[name])
    known["counts"] = tuple((value, share) for value, share in known["counts"])
    return Column(**known)


def as_text(value: Any) -> str:
    """A value as text, "" where it is missing; integral numbers without decimals."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if not np.isfinite(value) else str(int(value)) if value == int(value) else repr(float(value))
    text = str(value).strip()
    return "" if len(text) <= 7 and text.casefold() in MISSING else text


def parse_numbers(texts: Sequence[str], decimal_comma: bool) -> Numbers:
    """(n,) numbers; NaN for what is none or not finite. Currency signs, percent and thousands are understood."""
    out = np.array([_number(text, decimal_comma) for text in texts], dtype=np.float64)
    out[~(np.abs(out) < 1e300)] = np.nan
    return out


def _number(text: str, decimal_comma: bool) -> float:
    try:
        return float(text)
    except ValueError:
        found = _PLAIN.match(text) if len(text) < 40 else None
    if not found:
        return np.nan
    digits = re.sub("[' ]", "", found[1])
    digits = digits.replace(".", "").replace(",", ".") if decimal_comma else digits.replace(",", "")
    try:
        return float(digits)
    except ValueError:
        return np.nan


def parse_moment(value: Any, form: str) -> datetime | None:
    """A date or time as an aware datetime in UTC (a time without a zone is taken as UTC); None for what is none."""
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, date):
            moment = datetime(value.year, value.month, value.day)
        elif form == "iso":
            moment = datetime.fromisoformat(str(value).strip())
        else:
            moment = datetime.strptime(str(value).strip(), form)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _decimal_comma(texts: Sequence[str]) -> bool:
    """Whether a comma stands before decimals: one that cannot stand between thousands decides."""
    bare = [found[1] for text in texts if "," in text and len(text) < 40 and (found := _PLAIN.match(text))]
    return any(not _THOUSANDS.match(re.sub("[' ]", "", digits)) for digits in bare)


def _moments_of(values: Sequence[Any]) -> tuple[str, list[datetime]] | None:
    """The format that reads most values (at least 8 in 10), and what it reads."""
    probe = values[:200]
    read = {form: sum(parse_moment(value, form) is not None for value in probe) for form in FORMATS}
    form = max(FORMATS, key=lambda f: read[f])
    if 10 * read[form] < 8 * len(probe):
        return None
    return form, [moment for value in values if (moment := parse_moment(value, form)) is not None]


def _spread(numbers: Numbers) -> dict[str, Any]:
    """Centre, scale and knots; the scale is the interquartile range, or the deviation where that is 0."""
    low, centre, high = np.quantile(numbers, [0.25, 0.5, 0.75])
    scale = (high - low) / 1.349 or float(numbers.std()) or 1.0
    knots = np.unique(np.quantile(numbers, np.linspace(0, 1, KNOTS)))
    return {"centre": float(centre), "scale": float(scale), "knots": tuple(map(float, knots))}


def _number_column(
    name: str, known: Sequence[str], finite: Numbers, most: int, *, missing: bool, comma: bool
) -> Column:
    """Numbers, and a flag for each frequent word among them (such as "unknown") and for a spike at one number."""
    count = Counter(known)
    words = {value: n for value, n in count.items() if not np.isfinite(parse_numbers([value], comma)[0])}
    spikes = {value: n for value, n in count.items() if n >= SPIKE * len(known)} if len(count) > 2 else {}
    values = _frequent(Counter(words | spikes), len(known), most, 0.02)
    spread = _spread(finite)
    return Column(name, numeric=True, decimal_comma=comma, missing=missing, values=values, **spread)


def _date_column(name: str, form: str, moments: Sequence[datetime], *, missing: bool) -> Column:
    ordinal = np.array([moment.timestamp() / 86400 for moment in moments])
    has_time = any(moment.hour or moment.minute for moment in moments)
    return Column(name, date=form, has_time=has_time, missing=missing, **_spread(ordinal))


def _value_column(name: str, count: Counter[str], most: int, *, missing: bool) -> Column | None:
    total = sum(count.values())
    values = _frequent(count, total, most, 0.003)
    rest = total - sum(count[value] for value in values)
    if not values and 10 * len(count) >= 9 * total and not any(" " in value for value in list(count)[:100]):
        return Column(name, missing=True) if missing else None
    rare = 100 * rest > total
    shares = sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))[:COUNTED] if rare else []
    counts = tuple((value, float(np.log((n + 1) / (total + 1)))) for value, n in shares)
    return Column(name, missing=missing, values=values, rare=rare, counts=counts)


def _frequent(count: Counter[str], total: int, most: int, share: float) -> tuple[str, ...]:
    often = [value for value, n in count.items() if n >= max(2, share * total)]
    return tuple(sorted(often, key=lambda value: (-count[value], value))[:most])
