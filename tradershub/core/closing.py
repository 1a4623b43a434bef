"""Rows that are closed and reopened: from the list, from the row's menu, from its page, by the same services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from django.contrib.admin.utils import model_format_dict
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display

from tradershub.core.admin import HubAdmin
from tradershub.core.entries import EntryForm, entry_page


class Turn(NamedTuple):
    """One way to turn a row. check: raises HubError where it cannot be done. service: does it.

    lead: what it does and does not, done: what the row then is; empty where closing says it for all.
    """

    check: Callable[[Any], None]
    service: Callable[..., Any]
    lead: str = ""
    done: str = ""


class TurnForm(EntryForm):
    """Closes or reopens a row, or turns it in another way."""

    def __init__(self, *args: Any, subject: Any, words: str, turn: Turn, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject, self.turn = subject, turn
        self.action = f"{words.lower()} {subject._meta.model_name} {subject.pk}"

    def check_possible(self) -> None:
        self.turn.check(self.subject)

    def carry_out(self) -> Any:
        return self.turn.service(self.subject, actor=self.user)

    def done(self, row: Any) -> str:
        return f"{row} is {self.turn.done or row.get_status_display().lower()}"


class ClosableAdmin(HubAdmin):
    """Closes and reopens rows of a model with `is_open` and `status`; offers what is possible only.

    closing, reopening: the services of the model. closing_lead: what closing does and does not.
    """

    closing: ClassVar[Turn]
    reopening: ClassVar[Turn]
    closing_lead: ClassVar[str]

    actions = ["close", "reopen"]
    actions_row = actions_detail = ["close_this", "reopen_this"]

    def refused_actions(self, row: Any) -> set[str]:
        return {"reopen_this"} if row.is_open else {"close_this"}

    def get_action_choices(self, request: HttpRequest, *args: Any) -> list[tuple[str, str]]:
        """Of closing and reopening the selected only what there are rows for."""
        rows = self.get_queryset(request).order_by()
        states = set(rows.values_list("status", flat=True).distinct())
        is_open = self.model.Status.OPEN
        idle = {"close"} if is_open not in states else set()
        idle |= {"reopen"} if states <= {is_open} else set()
        return [one for one in super().get_action_choices(request, *args) if one[0] not in idle]

    def get_unfold_action(self, name: str) -> UnfoldAction:
        """The theme puts no names into the words of an action of one row."""
        found = super().get_unfold_action(name)
        found.description = found.description % model_format_dict(self.opts)
        return found

    @display(description="State", label={"Open": "success", "Closed": "warning"})
    def state(self, row: Any) -> str:
        return row.get_status_display()

    @action(description="Close the selected %(verbose_name_plural)s", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.apply_to_each(request, queryset, self.closing.service, done="closed")

    @action(description="Reopen the selected %(verbose_name_plural)s", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.apply_to_each(request, queryset, self.reopening.service, done="reopened")

    @action(description="Close the %(verbose_name)s", permissions=["change"])
    def close_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, words="Close", turn=self.closing)

    @action(description="Reopen the %(verbose_name)s", permissions=["change"])
    def reopen_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, words="Reopen", turn=self.reopening)

    def _ask(self, request: HttpRequest, object_id: str, *, words: str, turn: Turn) -> HttpResponse:
        row = self.row_of(request, object_id)
        asked = {"subject": row, "words": words, "turn": turn}
        form = TurnForm(request.POST or None, user=request.user, **asked)
        words = f"{words} {row}"
        place = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return entry_page(
            request,
            form,
            title=f"{words}?",
            button=words,
            back=reverse(place, args=[row.pk]),
            lead=turn.lead or f"Nothing is deleted: {self.closing_lead}",
        )
