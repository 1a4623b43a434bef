"""Whether an account is hedging or netting, where neither a person nor the file that opened it said so."""

from __future__ import annotations

from accounts.models import Account
from accounts.statements.settling import booked_imports


def proven_mode(account: Account) -> str:
    """What the booked files say or prove; empty where they do not."""
    said = (row.preview.get("facts", {}).get("mode") for row in booked_imports(account))
    return next((mode for mode in said if mode), "")


def settle(account: Account) -> bool:
    """Bring an assumed mode to what the booked files prove, else to hedging; whether it changed."""
    if not account.mode_is_assumed:
        return False
    mode = proven_mode(account) or Account.Mode.HEDGING
    if mode == account.mode:
        return False
    account.mode = mode
    account.save(update_fields=["mode"])
    return True
