"""What a report holds. Plain data: whoever has these numbers can have the report."""

from dataclasses import dataclass, field

from labelsieve.core.types import Interval, Kind
from labelsieve.project.auditing import AuditTables
from labelsieve.project.curves import CurvePoint


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One item as the report shows it: a small picture (a data: URI), a text, or a few fields of a row."""

    key: str
    note: str = ""
    picture: str = ""
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    tiny: bool = False  # the picture has so few pixels that they should be seen


@dataclass(frozen=True, slots=True)
class Forecast:
    """An estimate, not a measurement: the score after `more` labels, and the gain from now until then."""

    labels: int
    more: int
    score: Interval
    gain: Interval


@dataclass(frozen=True, slots=True)
class Curve:
    """The score on the audit slice by number of training labels. `found` (labels, odd found) is of a screen."""

    metric: str = "accuracy"
    points: tuple[CurvePoint, ...] = ()
    control: tuple[CurvePoint, ...] = ()
    over_control: Interval | None = None  # gained over as many labels drawn at random, paired by audit item
    forecast: Forecast | None = None
    found: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ConfusionShown:
    """A confusion with some of its items. An empty name means: not said, or not there (multilabel)."""

    true: str
    said: str
    count: int
    items: tuple[Exhibit, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryShown:
    """One query: how many items of each purpose were asked and answered, the reasons given, some of the items."""

    number: int
    at: str
    strategy: str
    purposes: tuple[tuple[str, int], ...]
    answered: int
    reasons: tuple[tuple[str, int], ...] = ()
    items: tuple[Exhibit, ...] = ()
    scored: int = 0
    seconds: float | None = None

    @property
    def asked(self) -> int:
        return sum(count for _, count in self.purposes)


@dataclass(frozen=True, slots=True)
class AnnotatorSpending:
    """What one annotator did. `seconds` holds for the `timed` answers; money is 0 where no price is set."""

    name: str
    answers: int
    skipped: int = 0
    unsure: int = 0
    timed: int = 0
    seconds: float = 0.0
    median_seconds: float | None = None
    money: float = 0.0


@dataclass(frozen=True, slots=True)
class Spending:
    """All answers, minutes and money, with the budgets (0 = none set)."""

    annotators: tuple[AnnotatorSpending, ...] = ()
    currency: str = ""
    budget_labels: int = 0
    budget_minutes: float = 0.0
    budget_money: float = 0.0

    @property
    def answers(self) -> int:
        return sum(one.answers for one in self.annotators)

    @property
    def minutes(self) -> float:
        return sum(one.seconds for one in self.annotators) / 60

    @property
    def money(self) -> float:
        return sum(one.money for one in self.annotators)

    @property
    def timed(self) -> int:
        return sum(one.timed for one in self.annotators)


@dataclass(frozen=True, slots=True)
class Found:
    """How many items were answered, and how many of them are odd: of an arm, of a query, or in all."""

    name: str
    answered: int = 0
    odd: int = 0


@dataclass(frozen=True, slots=True)
class SearchStep:
    """One query of a screen: what was searched for, what was drawn at random, and what each arm had on its list."""

    number: int
    labels: int  # by hand, since the beginning
    found: int
    search: Found
    drawn: Found
    arms: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """What a screen has found, and what it can promise. `found` counts near-duplicates, `looked_at` does not."""

    found: int = 0
    looked_at: int = 0
    searched: Found = field(default_factory=lambda: Found("search"))
    drawn: Found = field(default_factory=lambda: Found("random"))
    arms: tuple[Found, ...] = ()
    steps: tuple[SearchStep, ...] = ()
    calibration: int = 0  # dull items
    promises: tuple[str, ...] = ()  # what the last audit showed, in sentences
    look: str = ""  # how many were drawn, and how sure it is
    assumes: tuple[str, ...] = ()
    next_cost: str = ""
    waiting: str = ""  # an audit that is not answered yet
    taught: tuple[str, ...] = ()  # one line a source
    doubtful: tuple[Exhibit, ...] = ()  # labelled dull, and closer to what is odd


@dataclass(frozen=True, slots=True)
class AsideShown:
    """Something that was set aside, at which stage, and why."""

    key: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that the report says, one field a section. Empty fields become a sentence on what to do next."""

    project: str
    task: str
    kind: Kind
    made: str  # ISO 8601
    items: int
    labels: int  # items with an answer that trains
    dull: str = "dull"  # of a screen: the class that is not odd
    class_counts: tuple[tuple[str, int], ...] = ()
    audit: AuditTables | None = None
    audit_labels: int = 0
    curve: Curve = field(default_factory=Curve)
    confusions: tuple[ConfusionShown, ...] = ()
    doubts: tuple[ConfusionShown, ...] = ()  # two classes that the head hesitates between
    doubted: int = 0  # unlabelled items that were looked at for it
    queries: tuple[QueryShown, ...] = ()
    queries_total: int = 0
    purposes: tuple[tuple[str, int], ...] = ()  # items asked by all queries, by purpose
    spending: Spending = field(default_factory=Spending)
    search: Search | None = None  # of a screen
    stop: bool = False
    reasons: tuple[str, ...] = ()
    set_aside: tuple[AsideShown, ...] = ()
    set_aside_total: int = 0
    facts: tuple[tuple[str, str], ...] = ()  # what a reader needs to repeat this
    commands: tuple[str, ...] = ()
