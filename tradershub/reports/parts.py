"""What several pages say in the same words: nothing here yet, provisional, which account a row is of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef
from django.urls import reverse

from accounts.models import Account, Break, DayFigures
from brokers.models import BrokerSymbol
from tradershub.reports.base import Content, Mark
from tradershub.reports.tables import Row


def import_address() -> str:
    """Where statements are dropped."""
    return reverse("desk:import")


def no_accounts(what: str) -> Content:
    """A page before the first account; what: what it will show."""
    return Content(
        empty=f"Here you will see {what}. There are no accounts yet: drop in a statement, and the hub "
        "offers to open the account it names; or open a paper account, and trade at once.",
        next_steps=[
            ("Import a statement", import_address()),
            ("Open a paper account", reverse("desk:paper")),
        ],
    )


def account_address(pk: int, tab: str = "") -> str:
    query = f"?{urlencode({'tab': tab})}" if tab else ""
    return reverse("reports:subject", args=["account", pk]) + query


def breaks_address(account_ids: Sequence[int] = ()) -> str:
    query = urlencode([("account", pk) for pk in account_ids] + [("period", "all")])
    return f"{reverse('reports:page', args=['breaks'])}?{query}"


def unmapped_symbols(account_ids: Collection[int]) -> list[BrokerSymbol]:
    """Symbols these accounts have dealt in that nobody has said which instrument they are."""
    dealt = DayFigures.objects.filter(account__in=account_ids, symbol=OuterRef("pk"))
    found = BrokerSymbol.objects.filter(Exists(dealt), instrument__isnull=True)
    return list(found.select_related("broker").order_by("name"))


def open_breaks(account_ids: Collection[int]) -> int:
    return Break.objects.filter(account__in=account_ids, state=Break.State.OPEN).count()


def provisional(account_ids: list[int]) -> Mark | None:
    """The mark of figures that rest on accounts with open Breaks."""
    n = open_breaks(account_ids)
    if not n:
        return None
    noun = "Break is" if n == 1 else "Breaks are"
    return Mark(f"{n} {noun} open: books and broker differ", breaks_address(account_ids))


def names_accounts(accounts: Sequence[Account]) -> Callable[[Row], Row]:
    """Adds `account` (its name for a person), `broker` and `currency` to a row with `account_id`."""
    known = {one.pk: one for one in accounts}

    def name(row: Row) -> Row:
        account = known[row["account_id"]]
        row["account"] = account.name or account.number
        row["broker"] = account.broker.name
        row["currency"] = account.currency
        return row

    return name


def account_link(row: Row) -> str:
    return account_address(row["account_id"])
