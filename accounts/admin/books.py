"""What the tables of the books share: facts to read, with entry pages in front of the services."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from unfold.decorators import display

from accounts.models import Account
from tradershub.core.admin import FactsAdmin
from tradershub.core.formats import UNKNOWN


class MayEnter:
    """Who may enter what by hand. The theme would look dotted names up in a database not yet made."""

    def has_book_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.add_deal")

    def has_place_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.add_brokerorder")

    def has_work_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_brokerorder")

    def has_close_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_position")

    def has_explain_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_break")

    def has_undo_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_statementimport")


class BooksAdmin(MayEnter, FactsAdmin):
    """Facts; what may be entered is entered on pages of its own."""

    def list_address(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    @property
    def crumbs(self) -> tuple[tuple[str, str], ...]:
        return ((str(self.opts.verbose_name_plural).capitalize(), self.list_address()),)


@display(description="Account")
def account_name(row: Any) -> str:
    """As the person calls it: the broker and the currency stand on the account's own page."""
    account: Account | None = row.account
    return (account.name or account.number) if account else UNKNOWN


@display(description="Symbol")
def symbol_name(row: Any) -> str:
    return row.symbol.name if row.symbol else UNKNOWN


def chosen_account(request: HttpRequest) -> Account | None:
    """The person's account that the address names as ?account=; None where it names none of theirs."""
    wanted = request.GET.get("account", "")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
        return None
    return Account.objects.for_user(request.user).select_related("broker").filter(pk=wanted).first()
