"""What a broker lets trade: a symbol's currencies, terms, hours, commission and swap."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from enum import StrEnum

from tradershub.finance.decimals import ZERO
from tradershub.finance.fx import Rule
from tradershub.finance.sides import Side
from tradershub.finance.swap import FOREX_WEEK
from tradershub.finance.terms import IS_FOREX, ContractTerms


@dataclass(frozen=True, slots=True)
class Session:
    """Trading hours from a weekday and wall time to another, Monday 0. The end is exclusive."""

    from_day: int
    from_time: time
    to_day: int
    to_time: time

    def holds(self, weekday: int, at: time) -> bool:
        begin, end, now = (
            (self.from_day, self.from_time),
            (self.to_day, self.to_time),
            (weekday, at),
        )
        return begin <= now < end if begin < end else now >= begin or now < end


@dataclass(frozen=True, slots=True)
class Hours:
    """When a symbol trades, by the wall clock of `zone`. Without sessions: always.

    closed_on: whole dates of the zone without trading.
    """

    sessions: tuple[Session, ...] = ()
    zone: tzinfo = UTC
    closed_on: frozenset[date] = frozenset()

    def is_open(self, at: datetime) -> bool:
        if not self.sessions and not self.closed_on:
            return True
        local = at.astimezone(self.zone)
        if local.date() in self.closed_on:
            return False
        weekday, clock = local.weekday(), local.time()
        return not self.sessions or any(s.holds(weekday, clock) for s in self.sessions)


class Scheme(StrEnum):
    """How a commission is computed; the functions are those of `finance.commission`."""

    NONE = "none"
    PER_LOT = "per_lot"
    PER_TRADE = "per_trade"
    PER_MILLION = "per_million"
    PERCENT = "percent"
    BASIS_POINTS = "basis_points"
    POINTS = "points"
    SHARE_OF_PROFIT = "share_of_profit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionTerms:
    """rate: positive, in the scheme's unit. minimum and maximum bound a percentage, each deal.

    currency: of money rates and bounds, "" for the account's. opening_only: deals that only close
    are free, as where a round turn is charged at once.
    """

    scheme: Scheme = Scheme.NONE
    rate: Decimal = ZERO
    minimum: Decimal = ZERO
    maximum: Decimal | None = None
    currency: str = ""
    opening_only: bool = False


class SwapMode(StrEnum):
    """POINTS, MONEY (a lot), INTEREST (percent a year), FINANCING (OANDA's), REOPEN (in points)."""

    POINTS = "points"
    MONEY = "money"
    INTEREST = "interest"
    FINANCING = "financing"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapTerms:
    """Rates as quoted, negative when the trader pays. week: charges by weekday, Monday 0.

    currency: of MONEY, "" for the account's. holidays: nights the day before carries.
    """

    mode: SwapMode = SwapMode.POINTS
    long: Decimal = ZERO
    short: Decimal = ZERO
    currency: str = ""
    days_in_year: int = 360
    week: Mapping[int, int] = field(default_factory=lambda: FOREX_WEEK)
    holidays: frozenset[date] = frozenset()

    def rate(self, side: Side) -> Decimal:
        return self.long if side == "buy" else self.short


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A tradable name. Its price is `quote` currency for one unit of `base`; profit is in `quote`.

    base: "" where the thing traded is no currency. rule: how profits are converted. stops_level:
    least distance of stops and resting orders from the market, in points. larger_leg: buys and
    sells cost what the larger of both does.
    """

    name: str
    base: str
    quote: str
    terms: ContractTerms
    rule: Rule = Rule.BY_MARKET
    hours: Hours = Hours()
    commission: CommissionTerms = CommissionTerms()
    swap: SwapTerms = field(default_factory=SwapTerms)
    stops_level: int = 0
    larger_leg: bool = False

    @property
    def is_pair(self) -> bool:
        """Whether the quote is a rate between two currencies."""
        return bool(self.base) and self.terms.mode in IS_FOREX

    @property
    def margin_currency(self) -> str:
        return self.base if self.is_pair else self.quote

    @property
    def tick(self) -> Decimal:
        """The smallest step of its price."""
        return self.terms.tick_size or self.terms.point

    @property
    def stops_distance(self) -> Decimal:
        """`stops_level` as price."""
        return self.stops_level * self.terms.point
