"""The first rows of an unknown table, as they stand and as they would be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from accounts import imports
from accounts.models import StatementImport
from accounts.statements.base import DealLine, NotAStatement, Refusal
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import HubError
from tradershub.desk.columns import ColumnsForm


@dataclass(frozen=True, slots=True)
class FirstRows:
    """deals: None while a question is open. trouble: why nothing can be shown."""

    headings: tuple[str, ...]
    raw: list[list[str]]
    deals: list[DealLine] | None = None
    refusals: tuple[Refusal, ...] = ()
    question: str = ""
    trouble: str = ""

    @property
    def labelled(self) -> list[list[tuple[str, str]]]:
        """The raw rows, each text with its heading."""
        return [list(zip(self.headings, row, strict=False)) for row in self.raw]

    @classmethod
    def of(cls, imported: StatementImport, form: ColumnsForm) -> Self:
        """What the form, as it stands, makes of the first rows."""
        headings, draft = form.suggested.headings, form.draft()
        try:
            raw, read = imports.first_rows(imported, draft)
        except (NotAStatement, Unreadable, HubError) as error:
            return cls(headings, [], trouble=str(error))
        if read is None:
            return cls(headings, raw, question=draft["questions"][0]["text"])
        return cls(headings, raw, deals=read.deals, refusals=tuple(read.refusals))
