"""How the columns of one broker's table are to be read: a value that is suggested, answered, saved.

What the headings and values do not decide is a question, and a mapping with questions reads nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from accounts.statements.headings import TARGETS, plain
from accounts.statements.table_values import DAY_FIRST, MONTH_FIRST, YEAR_FIRST

ROUND_TRIPS, EXECUTIONS, CASH_ROWS = "round trips", "executions", "cash rows"
LAYOUTS = (ROUND_TRIPS, EXECUTIONS, CASH_ROWS)
GROSS, NET = "gross", "net"
AS_BOOKED, COST_POSITIVE = "cost is negative", "cost is positive"
OUT_NEGATIVE, OUT_POSITIVE = "withdrawal is negative", "withdrawal is positive"
IGNORE = "ignore"
WORD, COLUMN = "word: ", "column: "
TEXTS = ("sheet", "time_zone", "currency", "known_as")
CHOICES: dict[str, tuple[str, ...]] = {
    "layout": LAYOUTS,
    "decimal": (".", ","),
    "date_order": ("", DAY_FIRST, MONTH_FIRST, YEAR_FIRST),
    "profit_is": (GROSS, NET),
    "costs": (AS_BOOKED, COST_POSITIVE),
    "withdrawals": (OUT_NEGATIVE, OUT_POSITIVE),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table and what it means; a target may have several, then they are added."""

    target: str
    index: int
    heading: str


@dataclass(frozen=True, slots=True)
class Question:
    """What only a person can decide. options: the possible answers; empty for free text."""

    key: str
    text: str
    options: tuple[str, ...] = ()
    suggested: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """How to read one table. header_row counts from 0 within the sheet.

    profit_is: whether the profit column already contains swap, commission and fees (net) or not.
    costs: the sign that commissions and fees have in the file; withdrawals: that of rows whose word says
    that money leaves.
    time_zone: IANA name where the file states it, else empty: the broker's zone applies.
    headings: the whole heading row, by which a saved mapping is found again.
    words: what the values of the side or type column mean: buy, sell, ignore, or a kind of money row.
    """

    layout: str
    header_row: int
    columns: tuple[Column, ...]
    sheet: str = ""
    decimal: str = "."
    date_order: str = ""
    profit_is: str = GROSS
    costs: str = AS_BOOKED
    withdrawals: str = OUT_NEGATIVE
    time_zone: str = ""
    currency: str = ""
    known_as: str = ""
    words: tuple[tuple[str, str], ...] = ()
    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()

    def indexes(self, target: str) -> tuple[int, ...]:
        """The columns that hold a target, from left to right."""
        return tuple(column.index for column in self.columns if column.target == target)

    def has(self, *targets: str) -> bool:
        """Whether every target has a column."""
        return all(self.indexes(target) for target in targets)

    @property
    def headings_hash(self) -> str:
        """Which tables the mapping fits: those with the same headings in the same columns."""
        return headings_hash(self.headings)

    def answered(self, key: str, value: str) -> Mapping:
        """The mapping with one question answered. Raises ValueError for an answer that is no option."""
        question = next((q for q in self.questions if q.key == key), None)
        if question is None:
            raise ValueError(f"There is no open question {key!r}.")
        if question.options and value not in question.options:
            raise ValueError(f"{key} was {value!r}; expected one of {', '.join(question.options)}.")
        rest = tuple(q for q in self.questions if q is not question)
        answered = replace(self, questions=rest)
        if key.startswith(WORD):
            return replace(answered, words=(*self.words, (key.removeprefix(WORD), value)))
        if key.startswith(COLUMN):
            number, _, heading = value.partition(": ")
            return answered.with_column(int(number) - 1, heading, key.removeprefix(COLUMN))
        return replace(answered, **{key: value})  # type: ignore[arg-type]

    def with_column(self, index: int, heading: str, target: str) -> Mapping:
        """The mapping with a column given another meaning; an empty target takes its meaning away."""
        if target and target not in TARGETS:
            raise ValueError(f"The meaning was {target!r}; expected one of {', '.join(TARGETS)}.")
        kept = [column for column in self.columns if column.index != index]
        if target:
            kept.append(Column(target, index, heading))
        rest = tuple(q for q in self.questions if q.key != COLUMN + target)
        columns = tuple(sorted(kept, key=lambda column: column.index))
        return replace(self, columns=columns, questions=rest)

    def to_dict(self) -> dict[str, Any]:
        """The mapping as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The mapping that `to_dict` gave. Raises ValueError for anything else."""
        try:
            rest = dict(values)
            found = cls(
                columns=tuple(Column(**column) for column in _list("columns", rest.pop("columns"))),
                questions=tuple(
                    Question(**(question | {"options": tuple(question["options"])}))
                    for question in _list("questions", rest.pop("questions", ()))
                ),
                words=tuple((word, side) for word, side in _list("words", rest.pop("words", ()))),
                notes=tuple(_list("notes", rest.pop("notes", ()))),
                headings=tuple(_list("headings", rest.pop("headings", ()))),
                **rest,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"This is no column mapping: {error}.") from error
        _check(found)
        return found


def _check(mapping: Mapping) -> None:
    """Raises ValueError for the first value that has another type or meaning than it must have."""
    for name in TEXTS:
        _expect(getattr(mapping, name), str, name)
    _expect(mapping.header_row, int, "header_row")
    for column in mapping.columns:
        _expect(column.index, int, "The index of a column")
        _expect(column.heading, str, "The heading of a column")
        _expect_one_of(column.target, TARGETS, "The meaning of a column")
    for name, texts in _lists_of_texts(mapping):
        for text in texts:
            _expect(text, str, name)
    for name, options in CHOICES.items():
        if name == "layout" and not mapping.layout and _is_asked(mapping, name):
            continue  # the table does not say it: a person will
        _expect_one_of(getattr(mapping, name), options, name)


def _is_asked(mapping: Mapping, key: str) -> bool:
    return any(question.key == key for question in mapping.questions)


def _lists_of_texts(mapping: Mapping) -> Iterable[tuple[str, Iterable[Any]]]:
    yield "Each of headings", mapping.headings
    yield "Each of notes", mapping.notes
    for pair in mapping.words:
        yield "Each of words and its meaning", pair
    for question in mapping.questions:
        yield "A question", (question.key, question.text, question.suggested, *question.options)


def _list(name: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} was {_brief(value)}; expected a list.")
    return value


def _expect(value: Any, kind: type, name: str) -> None:
    if type(value) is not kind or (kind is int and value < 0):
        expected = "a whole number from 0" if kind is int else "a text"
        raise ValueError(f"{name} was {_brief(value)}; expected {expected}.")


def _expect_one_of(value: Any, options: tuple[str, ...], name: str) -> None:
    if value not in options:
        expected = ", ".join(option or '""' for option in options)
        raise ValueError(f"{name} was {_brief(value)}; expected one of {expected}.")


def _brief(value: Any) -> str:
    return repr(value)[:60]


def headings_hash(headings: Iterable[str]) -> str:
    """A fingerprint of headings that ignores case, spacing and asides."""
    return hashlib.sha256("|".join(plain(heading) for heading in headings).encode()).hexdigest()


def asked(mapping: Mapping, *questions: Question) -> Mapping:
    """The mapping with more questions."""
    return replace(mapping, questions=(*mapping.questions, *questions))
