"""Stop: one row a scope, an epoch that only grows, and a file that stops everything without a database."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import Account, Topic
from accounts.notify import Words, named, tell
from risk.change_control import check_owner, needs_step_up
from risk.facts import Standing
from risk.hooks import kill_switch_engaged
from risk.models import KillSwitch
from tradershub.core.audit import record
from tradershub.core.errors import NotAllowed
from tradershub.core.persons import is_administrator
from tradershub.core.prepared import prepared
from tradershub.core.step_up import Kind

__all__ = ["ALL", "Scope", "ScopeKind", "Standing"]

FILE = "STOP"
log = structlog.get_logger("risk.kill_switch")


class ScopeKind(StrEnum):
    ALL = "all"
    OWNER = "owner"
    ACCOUNT = "account"
    STRATEGY = "strategy"
    SOURCE = "source"


class Scope(NamedTuple):
    """What is stopped. key: "" for all, the id of the owner or account, else "OWNER ID:KEY"."""

    kind: ScopeKind
    key: str = ""

    @property
    def owner_id(self) -> int | None:
        """Whose it is; None for all. Raises NotAllowed for an account that is gone."""
        if self.kind == ScopeKind.ALL:
            return None
        if self.kind == ScopeKind.ACCOUNT:
            found = Account.objects.filter(pk=self.key).values_list("owner_id", flat=True).first()
            if found is None:
                raise NotAllowed(f"There is no account {self.key}")
            return int(found)
        return int(self.key.partition(":")[0])


ALL = Scope(ScopeKind.ALL)


def of_owner(owner: Any) -> Scope:
    return Scope(ScopeKind.OWNER, str(owner.pk))


def of_account(account: Account) -> Scope:
    return Scope(ScopeKind.ACCOUNT, str(account.pk))


def of_strategy(owner: Any, strategy: str) -> Scope:
    return Scope(ScopeKind.STRATEGY, f"{owner.pk}:{strategy}")


def of_source(owner: Any, source: str) -> Scope:
    return Scope(ScopeKind.SOURCE, f"{owner.pk}:{source}")


def standing(
    account: Account, *, strategy: str = "", source: str = "", share_lock: bool = False
) -> Standing:
    """What the switches of all, the account's owner, the account, the strategy and the source say.

    share_lock: no switch can be engaged until the caller's transaction ends (needs a transaction). The
    file in the data folder counts as engaged for all; a file that cannot be looked at does, too.
    """
    if share_lock:
        _lock(shared=True)
    owner = account.owner_id
    named = [f"{owner}:{key}" if key else "" for key in (strategy, source)]
    rows = _concerning(str(owner), str(account.pk), *named)
    epoch = sum(row.epoch for row in rows)
    if file_is_there():
        return Standing(True, epoch, "file", f"the file {FILE} is in the data folder")
    engaged = next((row for row in rows if row.engaged), None)
    if engaged is None:
        return Standing(False, epoch)
    return Standing(True, epoch, engaged.scope, engaged.reason)


def engage(scope: Scope, *, actor: Any, reason: str = "") -> int:
    """Stop the scope at once; returns the new epoch of its switch. Safe to repeat.

    One transaction: epoch + 1, engaged, audited. From its commit on no send starts, however much waits; only
    then is `kill_switch_engaged` sent, so that the stop waits for no queue to be cleared. Raises NotAllowed
    for a scope that is not this person's.
    """
    _check(scope, actor)
    with transaction.atomic():
        row = _changed(scope, actor, engaged=True, reason=reason)
    _tell(scope, row.epoch)
    log.warning("kill_switch_engaged", scope=scope.kind.value, key=scope.key, epoch=row.epoch)
    return row.epoch


def release(scope: Scope, *, actor: Any, reason: str) -> int:
    """Let the scope trade again; returns its epoch. What was stopped stays stopped.

    Releasing all takes the file away, too. Raises BadInput without a reason, NotAllowed for a scope that is
    not this person's, StepUpNeeded, OSError for a file that cannot be removed.
    """
    _check(scope, actor)
    needs_step_up(actor, owner_id=scope.owner_id, reason=reason, kind=Kind.RELEASE)
    with transaction.atomic():
        row = _changed(scope, actor, engaged=False, reason=reason)
        if scope == ALL:
            file_path().unlink(missing_ok=True)
    return row.epoch


def accounts_in(scope: Scope) -> QuerySet[Account]:
    """The accounts a stop concerns; for a strategy or source those of its owner."""
    if scope.kind == ScopeKind.ALL:
        return Account.objects.all()
    if scope.kind == ScopeKind.ACCOUNT:
        return Account.objects.filter(pk=scope.key)
    return Account.objects.filter(owner_id=scope.owner_id)


def switches_of(user: Any) -> QuerySet[KillSwitch]:
    """The person's own switches, and that of all, which binds them."""
    return KillSwitch.objects.filter(Q(owner_id=user.pk) | Q(scope=ScopeKind.ALL))


def engaged_for(user: Any) -> Standing:
    """Whether anything stops this person's trading, the widest first."""
    if file_is_there():
        return Standing(True, 0, "file", f"the file {FILE} is in the data folder")
    stopped = {row.scope: row for row in _engaged_of(user)}
    for kind in ScopeKind:
        if row := stopped.get(kind):
            return Standing(True, row.epoch, row.scope, row.reason)
    return Standing(False, 0)


@prepared
def _engaged_of(user: Any) -> QuerySet[KillSwitch]:
    return KillSwitch.objects.filter(Q(owner_id=user) | Q(scope=ScopeKind.ALL), engaged=True)


# -- The file ----------------------------------------------------------------------------------
def file_path() -> Path:
    return Path(settings.DATA_DIR) / FILE


def file_is_there() -> bool:
    try:
        file_path().stat()
    except FileNotFoundError:
        return False
    except OSError:
        log.exception("kill_switch_file_unreadable")
    return True


def write_file(reason: str) -> None:
    """Stop everything on this machine without the database. Raises OSError."""
    file_path().write_text(f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC {reason}\n", encoding="utf-8")


# -- Small parts -------------------------------------------------------------------------------
def _check(scope: Scope, actor: Any) -> None:
    if scope == ALL:
        if hasattr(actor, "pk") and not is_administrator(actor):
            raise NotAllowed("Only an administrator stops or releases everybody's trading")
        return
    check_owner(actor, scope.owner_id)


def _changed(scope: Scope, actor: Any, *, engaged: bool, reason: str) -> KillSwitch:
    """Whoever holds the row of all in share mode is waited for: their sends began before."""
    _lock(shared=False)
    KillSwitch.objects.get_or_create(
        scope=scope.kind.value, key=scope.key, defaults={"owner_id": scope.owner_id}
    )
    rows = KillSwitch.objects.filter(scope=scope.kind.value, key=scope.key)
    rows.update(
        engaged=engaged,
        epoch=F("epoch") + (1 if engaged else 0),
        reason=reason[:300],
        by=str(actor)[:150],
        changed_at=timezone.now(),
    )
    row = rows.get()
    record(
        "kill_switch.engage" if engaged else "kill_switch.release",
        actor=actor,
        target=row,
        summary=f"{row.get_scope_display()} {scope.key}: {reason}".strip(" :"),
        details={"scope": scope.kind.value, "key": scope.key, "epoch": row.epoch},
        owner=scope.owner_id,
    )
    _notify(scope, row)
    return row


def _notify(scope: Scope, row: KillSwitch) -> None:
    """Whom it concerns is told, in the same transaction."""
    what = "Stopped" if row.engaged else "Released"
    because = f" Reason: {row.reason}." if row.reason else ""
    more = " Nothing is sent but cancels and closes." if row.engaged else ""
    words = Words(f"{what}: {in_words(scope)}", f"By {row.by}.{because}{more}")
    key = f"stop:{row.pk}:{row.epoch}:{row.changed_at.timestamp():.6f}"
    tell(Topic.STOP, key, words, owner_id=scope.owner_id)


def in_words(scope: Scope) -> str:
    """What is stopped, as its person calls it."""
    match scope.kind:
        case ScopeKind.ALL:
            return "everybody's trading"
        case ScopeKind.OWNER:
            return "all of your accounts"
        case ScopeKind.ACCOUNT:
            return named(Account.objects.select_related("broker").get(pk=scope.key))
    return f"{scope.kind.value} {scope.key.partition(':')[2]}"


def _tell(scope: Scope, epoch: int) -> None:
    """Receivers stop what is queued. One that fails takes back only its own writing: the stop stands."""
    try:
        with transaction.atomic():
            kill_switch_engaged.send(sender=KillSwitch, scope=scope, epoch=epoch)
    except Exception:
        log.exception("kill_switch_listener_failed", scope=scope.kind.value, key=scope.key)


def _lock(*, shared: bool) -> None:
    """The row of all is the lock of all switches: in share mode for a send, alone for a change.

    SQLite has one writer at a time anyway: its transactions begin with the write lock.
    """
    rows = KillSwitch.objects.filter(scope=ScopeKind.ALL, key="")
    if transaction.get_connection().vendor != "postgresql":
        return
    found = _share if shared else rows.select_for_update().values_list("pk").first
    if not found():
        KillSwitch.objects.bulk_create([KillSwitch(scope=ScopeKind.ALL)], ignore_conflicts=True)
        found()


def _share() -> Any:
    """By itself, not with the rows that are read: one that was added while this waited is seen only by what is
    asked after it.
    """
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SELECT 1 FROM risk_killswitch WHERE scope = 'all' AND key = '' FOR SHARE")
        return cursor.fetchone()


@prepared
def _concerning(owner: str, account: str, strategy: str, source: str) -> QuerySet[KillSwitch]:
    """The switches of these keys; "" is no strategy's and no source's."""
    wanted = Q(scope=ScopeKind.ALL) | Q(scope=ScopeKind.OWNER, key=owner)
    wanted |= Q(scope=ScopeKind.ACCOUNT, key=account)
    wanted |= Q(scope=ScopeKind.STRATEGY, key=strategy)
    return KillSwitch.objects.filter(wanted | Q(scope=ScopeKind.SOURCE, key=source))
