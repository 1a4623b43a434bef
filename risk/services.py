"""Setting limits, loosening them, letting a broken one go on. Each change is in the audit log."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Account
from risk.change_control import check_owner, needs_step_up
from risk.kinds import KINDS, Kind, Scope, Trail, Unit, Window
from risk.models import Limit, RiskEvent, Usage
from risk.presets import PRESETS, limits_of
from strategies.queries import by_key
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.validation import cleaned, cleaned_fields

PER_ORDER = frozenset({Kind.MAX_NOTIONAL, Kind.RISK_PER_TRADE, Kind.STRATEGY_LOSS})
FIXED = ("kind", "scope", "owner", "account", "instrument", "strategy")


@transaction.atomic
def add_limit(limit: Limit, *, actor: Any) -> Limit:
    """One more limit; it can only forbid. Raises BadInput, NotAllowed."""
    check_owner(actor, limit.owner_id)
    _check_strategy(checked(limit))
    limit.save()
    record(
        "limit.add", actor=actor, target=limit, summary=str(limit), details=_told(limit),
        owner=limit.owner_id,
    )  # fmt: skip
    return limit


@transaction.atomic
def edit_limit(
    limit: Limit, *, actor: Any, reason: str = "", version: int | None = None, **changes: Any
) -> Limit:
    """Change a limit. To let more through needs a reason; to let less through needs nothing.

    version: the one that the actor looked at; Conflict where somebody changed it since. What a limit is set
    on stays. Raises BadInput, NotAllowed.
    """
    limit = Limit.objects.select_for_update().get(pk=limit.pk)
    check_owner(actor, limit.owner_id)
    if version is not None and version != limit.version:
        raise Conflict(
            f"The limit was changed since you looked: version {limit.version}, expected {version}"
        )
    if wrong := sorted(set(changes) & set(FIXED)):
        raise BadInput(f"{wrong[0]} of a limit stays as it is: add another limit", param=wrong[0])
    before, was = state_of(limit, changes), _copy(limit)
    for name, value in changes.items():
        setattr(limit, name, value)
    checked(limit)
    if loosens(was, limit):
        needs_step_up(actor, owner_id=limit.owner_id, reason=reason)
    limit.version += 1
    limit.save()
    details = {**changes_since(before, limit), "reason": reason, "version": limit.version}
    record(
        "limit.edit", actor=actor, target=limit, summary=str(limit), details=details,
        owner=limit.owner_id,
    )  # fmt: skip
    return limit


def may_become(limit: Limit, *, actor: Any, reason: str) -> None:
    """Raises what `add_limit` or `edit_limit` would, without writing."""
    check_owner(actor, limit.owner_id)
    checked(limit)
    if limit.pk and loosens(Limit.objects.get(pk=limit.pk), limit):
        needs_step_up(actor, owner_id=limit.owner_id, reason=reason)


@transaction.atomic
def remove_limit(limit: Limit, *, actor: Any, reason: str) -> None:
    """A limit that is gone lets everything through, so it needs a reason. Raises BadInput, NotAllowed."""
    needs_step_up(actor, owner_id=limit.owner_id, reason=reason)
    record(
        "limit.remove", actor=actor, target=limit, summary=str(limit),
        details={**_told(limit), "reason": reason}, owner=limit.owner_id,
    )  # fmt: skip
    limit.delete()


@transaction.atomic
def let_go_on(limit: Limit, *, actor: Any, reason: str) -> int:
    """Take back that a limit was found broken; returns for how many accounts and windows.

    Where it is still broken the next order finds it so again. Raises BadInput, NotAllowed.
    """
    needs_step_up(actor, owner_id=limit.owner_id, reason=reason)
    broken = Usage.objects.filter(limit=limit, broken_at__isnull=False)
    accounts = _accounts_of(limit)
    freed = broken.update(broken_at=None)
    for account in accounts if freed else ():
        RiskEvent.objects.create(
            kind=RiskEvent.Kind.RELEASED, account=account, limit=limit, rule=limit.kind,
            code="RELEASED", text=f"{limit}: {reason}"[:300], at=timezone.now(),
        )  # fmt: skip
    record(
        "limit.release", actor=actor, target=limit, summary=f"{limit}: {reason}",
        details={"reason": reason, "freed": freed}, owner=limit.owner_id,
    )  # fmt: skip
    return freed


@transaction.atomic
def apply_preset(account: Account, preset: str, *, capital: Decimal, actor: Any) -> list[Limit]:
    """Set a firm's rules on an account. Raises BadInput for an unknown name or a capital not above zero.

    Those of another preset stay until somebody removes them.
    """
    if preset not in PRESETS:
        raise BadInput(
            f"There is no preset {preset!r}; expected one of {', '.join(PRESETS)}", param="preset"
        )
    if capital <= 0:
        raise BadInput(f"Expected a capital above zero, found {capital}", param="capital")
    who = {"scope": Scope.ACCOUNT, "account": account, "owner": account.owner, "preset": preset}
    return [add_limit(Limit(**fields, **who), actor=actor) for fields in limits_of(preset, capital)]


# -- What a limit may be -------------------------------------------------------------------------
def checked(limit: Limit) -> Limit:
    """The limit when its parts fit together. Raises BadInput naming the first that does not."""
    if limit.kind not in KINDS:
        expected = ", ".join(sorted(KINDS))
        raise BadInput(
            f"There is no kind of limit {limit.kind!r}; expected one of {expected}", param="kind"
        )
    spec = KINDS[Kind(limit.kind)]
    _one_of(limit.scope, spec.scopes, "scope", spec.label)
    _one_of(limit.unit, spec.units, "unit", spec.label)
    cleaned_fields(
        limit, known=("account", "instrument", "owner")
    )  # what comes as text is a number now
    if limit.account and limit.account.owner_id != limit.owner_id:
        raise BadInput("The account is another person's", param="account")
    _check_money(limit)
    _check_parts(limit)
    return cleaned(limit)


def loosens(before: Limit, after: Limit) -> bool:
    """Whether the change could let an order through that was refused before."""
    if before.enabled and not after.enabled:
        return True
    if not before.enabled:
        return False
    spec = KINDS[Kind(after.kind)]
    if spec.lowering_loosens and after.value < before.value:
        return True
    if not spec.lowering_loosens and after.value > before.value:
        return True
    if after.kind == Kind.SYMBOLS:
        return not set(after.words) <= set(before.words)
    others = (
        "unit", "currency", "words", "seconds", "window", "basis", "trail", "capital", "lock_at",
        "zone", "resets_at",
    )  # fmt: skip
    return any(getattr(before, name) != getattr(after, name) for name in others)


def _check_strategy(limit: Limit) -> None:
    """Raises BadInput for one that there is not: the limit would never bind. Its key is taken as it is kept."""
    if limit.scope != Scope.STRATEGY:
        return
    found = by_key(limit.owner, limit.strategy)
    if found is None:
        text = f'There is no strategy "{limit.strategy[:40]}" of yours'
        raise BadInput(text, param="strategy")
    limit.strategy = found.key


def _check_money(limit: Limit) -> None:
    kind, spec = Kind(limit.kind), KINDS[Kind(limit.kind)]
    is_one_account = limit.scope == Scope.ACCOUNT
    if limit.unit != Unit.MONEY:
        if limit.currency:
            raise BadInput("Only a limit in money has a currency", param="currency")
        shared = spec.summed and not is_one_account
        if limit.unit == Unit.PERCENT and shared:
            raise BadInput("A percent is of one account's equity: expected money", param="unit")
        return
    if is_one_account:
        if limit.currency not in ("", limit.account.currency):
            raise BadInput(f"Expected {limit.account.currency}, as the account", param="currency")
        limit.currency = ""
    elif spec.each:
        raise BadInput("Over several accounts it is a percent of each", param="unit")
    elif not limit.currency and kind not in PER_ORDER:
        raise BadInput("Expected the currency in which it is summed", param="currency")


def _check_parts(limit: Limit) -> None:
    kind = Kind(limit.kind)
    wants_seconds = kind in (Kind.ENTRIES, Kind.MESSAGES)
    _needed(bool(limit.seconds), wants_seconds, "seconds", "a window in seconds")
    _needed(limit.window != Window.NONE, kind == Kind.LOSS, "window", "a day, week or month")
    if not isinstance(limit.words, list) or not all(isinstance(w, str) for w in limit.words):
        raise BadInput("Expected a list of names", param="words")
    if kind == Kind.SYMBOLS and not limit.words:
        raise BadInput("Expected the symbols that are allowed", param="words")
    if kind not in (Kind.SYMBOLS, Kind.CURRENCY_EXPOSURE) and limit.words:
        raise BadInput("This kind of limit is about no names", param="words")
    if kind == Kind.BEST_DAY and not limit.capital:
        raise BadInput("Expected the profit target that the day is a share of", param="capital")
    if limit.capital is not None and limit.capital <= 0:
        raise BadInput(f"Expected a capital above zero, found {limit.capital}", param="capital")
    if limit.lock_at is not None and (not limit.capital or limit.trail == Trail.STATIC):
        raise BadInput("A lock needs a trailing loss and the initial capital", param="lock_at")
    if limit.unit == Unit.COUNT and limit.value != int(limit.value):
        raise BadInput(f"Expected a whole number, found {limit.value}", param="value")


def _needed(is_there: bool, is_wanted: bool, name: str, what: str) -> None:
    if is_wanted and not is_there:
        raise BadInput(f"Expected {what}", param=name)
    if is_there and not is_wanted:
        raise BadInput(f"This kind of limit has no {name}", param=name)


def _one_of(value: str, allowed: frozenset[Any], name: str, label: str) -> None:
    if value not in allowed:
        expected = ", ".join(sorted(one.value for one in allowed))
        raise BadInput(f"{label}: {name} {value!r}, expected one of {expected}", param=name)


# -- Small parts -------------------------------------------------------------------------------
def _accounts_of(limit: Limit) -> list[Account]:
    if limit.account_id:
        return [limit.account]
    rows = Account.objects.filter(status=Account.Status.OPEN)
    return list(rows if limit.owner_id is None else rows.filter(owner=limit.owner_id))


def _copy(limit: Limit) -> Limit:
    return Limit(**{field.attname: getattr(limit, field.attname) for field in Limit._meta.fields})


def _told(limit: Limit) -> dict[str, Any]:
    names = ("kind", "scope", "value", "unit", "currency", "window", "preset", "words", "seconds")
    return {
        name: getattr(limit, name) for name in names if getattr(limit, name) not in ("", [], None)
    }
