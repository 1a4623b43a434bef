"""The person's yes: into which account a file is to be booked."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from accounts.imports.progress import start_afresh
from accounts.imports.states import State, take
from accounts.models import Account, StatementImport
from accounts.services import open_account
from accounts.statements.addressee import known_broker
from brokers.services import open_broker
from tradershub.core.errors import BadInput, Conflict, NotFound
from tradershub.core.queue import enqueue

BOOK_TASK = "accounts.tasks.book_statement"
OPENING_FIELDS = (
    "number", "currency", "leverage", "kind", "mode", "server", "holder", "platform", "opened_on",
)  # fmt: skip


def confirm(
    imported: StatementImport,
    *,
    actor: Any,
    account: Account | None = None,
    opening: dict[str, Any] | None = None,
) -> StatementImport:
    """The person's yes: the account is chosen, or opened, and a worker is woken to book.

    opening: the fields to open an account with, `broker` by its name; those the file says are in
    `preview["opening"]`. Raises BadInput where it is not clear which account, Conflict in a wrong state.
    """
    if account is not None and account.owner_id != imported.owner_id:
        raise NotFound("There is no such account.", param="account")
    with transaction.atomic():
        if not take(imported, of=(State.PREVIEW,), to=State.CONFIRMED):
            raise Conflict(
                f"The file is {imported.get_state_display().lower()}; nothing to confirm."
            )
        imported.account = account or imported.account or _opened(imported, opening, actor=actor)
        imported.preview = imported.preview | {"confirmed_by": str(actor)}
        imported.reason = ""
        imported.save(update_fields=["account", "preview", "reason"])
        start_afresh(imported)
        enqueue(BOOK_TASK, imported.pk)
    imported.refresh_from_db()
    return imported


def _opened(imported: StatementImport, opening: dict[str, Any] | None, *, actor: Any) -> Account:
    proposed = imported.preview.get("opening") or {}
    if opening is None:
        raise BadInput(
            imported.preview.get("question") or "Choose an account, or open one.", param="account"
        )
    return open_as_stated({**proposed, **opening}, actor=actor, owner=imported.owner)


@transaction.atomic
def open_as_stated(opening: dict[str, Any], *, actor: Any, owner: Any) -> Account:
    """Open the account, and its broker where nobody knows it yet, with what a file or a person says."""
    name = opening.get("broker") or ""
    if not name or not opening.get("currency"):
        raise BadInput(
            "An account needs a broker and a currency; the file does not say both.", param="broker"
        )
    get_user_model().objects.select_for_update(no_key=True).get(pk=owner.pk)  # a file at a time
    broker = known_broker(name) or open_broker(
        actor=actor, name=name, aliases=opening.get("aliases") or []
    )
    fields = {key: opening[key] for key in OPENING_FIELDS if opening.get(key) is not None}
    if not fields.get("mode"):
        fields |= {"mode": Account.Mode.HEDGING, "mode_is_assumed": True}
    mine = Account.objects.for_user(owner).filter(broker=broker, number=fields.get("number", ""))
    if already := mine.first():  # another file of the same batch has opened it
        return already
    return open_account(actor=actor, owner=owner, broker=broker, **fields)
