"""What a page says: Report builds Content of figures, charts and tables; the views draw and export it.

To write a page: one file with one Report, one line in `REPORTS`. `title` is the question; `uses` names the
filters it answers to; `build` reads through `self.filters` (whose accounts are the person's own) and
returns Content. Pages write nothing and do not import each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from tradershub.core import formats
from tradershub.reports.filters import ACCOUNTS, BROKER, CURRENCY, PERIOD, SYMBOL, Filters
from tradershub.reports.tables import Table

__all__ = ["ACCOUNTS", "BROKER", "CURRENCY", "PERIOD", "SYMBOL"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Why a figure is provisional, and where its cause is shown."""

    text: str
    link: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the answer. why: formula, n, period, rate and its day, what was left out."""

    label: str
    text: str
    unit: str = ""
    note: str = ""
    note_tone: str = ""
    tone: str = ""
    why: str = ""
    mark: Mark | None = None
    lead: bool = False
    link: str = ""


def money_figure(label: str, amount: Decimal | None, currency: str, **more: Any) -> Figure:
    """A balance: no sign unless it is negative."""
    return Figure(label, formats.money(amount, currency), unit=currency, **more)


def pnl_figure(label: str, amount: Decimal | None, currency: str, **more: Any) -> Figure:
    """Profit or loss: always with its sign, and coloured."""
    text = formats.signed(amount, currency)
    return Figure(label, text, unit=currency, tone=formats.gain_class(text), **more)


def flow_figure(label: str, amount: Decimal | None, currency: str, **more: Any) -> Figure:
    """Money moved in or out: with its sign, neither won nor lost."""
    return Figure(label, formats.signed(amount, currency), unit=currency, **more)


@dataclass(frozen=True, slots=True)
class Series:
    """A line (or the marks) of a chart. role fixes its colour: balance, equity, deposits, drawdown.

    points: (ISO day or moment, value); a value may be None where nothing is known.
    """

    name: str
    role: str
    points: Sequence[tuple[str, Decimal | None]]
    style: str = "line"


@dataclass(frozen=True, slots=True)
class Chart:
    """unit: of the vertical axis. zooms: whether zooming sets the page's period. digits: of the values."""

    key: str
    title: str
    series: Sequence[Series]
    unit: str
    digits: int = 2
    zooms: bool = False
    small: bool = False
    table: str = ""

    def payload(self) -> dict[str, Any]:
        """What js/charts.js draws. Floats are for the pixels only; the table keeps the decimals."""
        return {
            "title": self.title,
            "unit": self.unit,
            "digits": self.digits,
            "zooms": self.zooms,
            "small": self.small,
            "series": [
                {
                    "name": one.name,
                    "role": one.role,
                    "style": one.style,
                    "points": [[at, None if v is None else float(v)] for at, v in one.points],
                }
                for one in self.series
            ],
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence above the answer; tone: "", "warning" or "error"."""

    text: str
    tone: str = ""
    link: str = ""
    link_text: str = ""


@dataclass
class Content:
    """The page in its order: notices, figures, charts, tables. empty: shown alone when there is nothing."""

    figures: Sequence[Figure] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notices: Sequence[Notice] = ()
    lead: str = ""
    title: str = ""
    empty: str = ""
    next_steps: Sequence[tuple[str, str]] = ()
    context: dict[str, Any] = field(default_factory=dict)

    def table(self, key: str) -> Table | None:
        return next((table for table in self.tables if table.key == key), None)


class Report:
    """One page. A report about one row (`about_row`) has an address with the row's number."""

    title: ClassVar[str]
    group: ClassVar[str] = "Accounts"
    description: ClassVar[str] = ""
    template: ClassVar[str] = "reports/page.html"
    uses: ClassVar[tuple[str, ...]] = (ACCOUNTS, BROKER, PERIOD)
    about_row: ClassVar[bool] = False

    def __init__(self, filters: Filters, *, params: Any, pk: int | None = None) -> None:
        self.filters = filters
        self.params = params
        self.pk = pk

    def build(self) -> Content:
        """The whole page. Raises Http404 for a row that is not this person's."""
        raise NotImplementedError
