"""The symbols that files bring to a broker, taken away again with the last file that needs them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.models import Account, StatementImport, StatementLine
from accounts.statements.settling import COUNTED
from brokers.models import Broker, BrokerSymbol
from brokers.services import BY_RULE, symbol_for
from tradershub.core.models import AuditEntry

Fate = StatementLine.Fate
MADE = "made_symbols"  # in the preview of an import: the ids of those that it made


def bring(account: Account, imported: StatementImport, names: Iterable[str]) -> dict[str, int]:
    """The id of each of the broker's symbols, made where it has none of that name.

    Those named stay until the transaction ends, whatever is undone meanwhile.
    """
    wanted = {name for name in names if name}
    mine = BrokerSymbol.objects.filter(broker=account.broker_id)
    held = mine.filter(name__in=wanted).select_for_update(no_key=True).order_by("pk")
    known = {symbol.name: symbol.pk for symbol in held}
    made = {name: symbol_for(account.broker, name).pk for name in sorted(wanted - known.keys())}
    if made:
        before = imported.preview.get(MADE, [])
        imported.preview = imported.preview | {MADE: sorted({*before, *made.values()})}
    return dict(mine.values_list("name", "id"))


def take_away(broker: Broker) -> None:
    """Drop what undone files have made, nobody has edited and nothing needs any more."""
    undone = StatementImport.objects.filter(
        account__broker=broker, state=StatementImport.State.UNDONE
    )
    made = {pk for pks in undone.values_list(f"preview__{MADE}", flat=True) for pk in pks or ()}
    untouched = BrokerSymbol.objects.filter(broker=broker, pk__in=made, mapped_by__in=("", BY_RULE))
    for symbol in untouched.select_for_update().order_by("pk"):
        if not (_is_used(symbol) or _is_named(symbol) or _was_edited(symbol)):
            symbol.delete()


def _is_used(symbol: BrokerSymbol) -> bool:
    """Whether any row refers to it, of whatever kind: deals, orders, terms, quotes."""
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: symbol}).exists()
        for relation in _relations()
    )


def _relations() -> list[Any]:
    return [
        relation
        for relation in BrokerSymbol._meta.get_fields()
        if relation.auto_created and relation.is_relation
    ]


def _is_named(symbol: BrokerSymbol) -> bool:
    """Whether a booked file may still prove an opening of it."""
    proofs = StatementLine.objects.filter(
        statement__account__broker=symbol.broker_id,
        statement__state__in=COUNTED,
        fate__in=(Fate.INFERRED, Fate.SUPERSEDED),
    )
    return proofs.filter(values__symbol=symbol.name).exists()


def _was_edited(symbol: BrokerSymbol) -> bool:
    """Whether the audit log knows of an edit, as where a person has taken a mapping back."""
    return AuditEntry.objects.filter(target=f"{symbol._meta.label} {symbol.pk}").exists()
