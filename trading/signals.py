"""Sources and their keys, routes, and what a person does with a signal: approve, decline, send again."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Account
from strategies.models import Strategy
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.queue import EXECUTION, enqueue
from tradershub.core.step_up import Kind as Step
from tradershub.core.step_up import demand
from tradershub.core.validation import cleaned
from tradershub.finance.decimals import ZERO
from trading import pipeline, telling
from trading.models import Route, Signal, SignalSource
from trading.receiving import TASK
from trading.sealing import seal_secrets, signing_secrets
from trading.sources.plain import draft_from_plain
from trading.sources.proof import PREFIX, token_hash

ONE_PRESS = dt.timedelta(seconds=10)
AT_ONCE = 2  # secrets of a source that hold at the same time
Proof, Mode = SignalSource.Proof, SignalSource.Mode


# -- Sources -----------------------------------------------------------------------------------
@transaction.atomic
def create_source(*, actor: Any, owner: Any, **fields: Any) -> tuple[SignalSource, str]:
    """A new source and its secret, which cannot be shown again; "" for a drop folder.

    Fixed to its strategy where it has one, unless told otherwise: who has its address may name no other.
    Raises BadInput; StepUpNeeded for one whose signals become orders for real money without a question.
    """
    fixed = fields.get("strategy") is not None
    source = SignalSource(owner=owner, **{"strategy_is_fixed": fixed, **fields})
    if source.mode == Mode.LIVE and _reaches_real_money(source):
        demand(actor, Step.SIGNAL, owner)
    _refuse_others_strategy(source)
    cleaned(source).save()
    secret = _new_secret(source)
    record("signal_source.create", actor=actor, target=source, summary=source.name, owner=owner)
    return source, secret


@transaction.atomic
def edit_source(source: SignalSource, *, actor: Any, **changes: Any) -> SignalSource:
    """Change a source; another proof asks for a new secret afterwards.

    Raises BadInput; StepUpNeeded where more of its signals would become orders for real money without a question.
    """
    if "strategy" in changes and bool(changes["strategy"]) != bool(source.strategy):
        changes = {"strategy_is_fixed": changes["strategy"] is not None, **changes}
    before = state_of(source, changes)
    will_be_live = changes.get("mode", source.mode) == Mode.LIVE
    if will_be_live and _lets_more_through(source, changes) and _reaches_real_money(source):
        demand(actor, Step.SIGNAL, source)
    proof = source.proof
    for name, value in changes.items():
        setattr(source, name, value)
    if source.proof != proof:
        source.hashes, source.sealed = [], ""
    _refuse_others_strategy(source)
    cleaned(source).save()
    record(
        "signal_source.edit",
        actor=actor,
        target=source,
        summary=source.name,
        details=changes_since(before, source),
        owner=source.owner,
    )
    return source


def path_of(source: SignalSource, secret: str = "") -> str:
    """Where its messages go: the path at this hub, with the token of the address; "" for a drop folder."""
    if source.proof == Proof.FOLDER:
        return ""
    path = f"/api/v1/signals/{source.uid}"
    return f"{path}/{secret}" if secret and source.proof == Proof.TOKEN else path


def _lets_more_through(source: SignalSource, changes: dict[str, Any]) -> bool:
    """Whether more than its name changes; to switch it off is no more."""
    changed = {name for name, value in changes.items() if getattr(source, name) != value}
    is_only_off = changed <= {"name", "enabled"} and not changes.get("enabled", False)
    return not is_only_off


@transaction.atomic
def new_secret(source: SignalSource, *, actor: Any) -> str:
    """Another secret, to be shown once; the one before it holds on until the next.

    Raises BadInput; StepUpNeeded for a source whose signals become orders for real money without a question.
    """
    if source.proof == Proof.FOLDER:
        raise BadInput(f"{source} takes files from its folder and has no secret")
    if source.mode == Mode.LIVE and _reaches_real_money(source):
        demand(actor, Step.SIGNAL, source)
    source = SignalSource.objects.select_for_update().get(pk=source.pk)
    secret = _new_secret(source)
    record("signal_source.new_secret", actor=actor, target=source, owner=source.owner)
    return secret


@transaction.atomic
def drop_old_secret(source: SignalSource, *, actor: Any) -> SignalSource:
    """Only the newest secret holds from now on."""
    source = SignalSource.objects.select_for_update().get(pk=source.pk)
    source.hashes = source.hashes[:1]
    source.sealed = seal_secrets(source, signing_secrets(source)[:1])
    source.save(update_fields=["hashes", "sealed"])
    record("signal_source.drop_secret", actor=actor, target=source, owner=source.owner)
    return source


def _new_secret(source: SignalSource) -> str:
    if source.proof == Proof.FOLDER:
        return ""
    if source.proof == Proof.SIGNED:
        secret = PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        source.sealed = seal_secrets(source, [secret, *signing_secrets(source)][:AT_ONCE])
    else:
        secret = secrets.token_urlsafe(32)
        source.hashes = [token_hash(secret), *source.hashes][:AT_ONCE]
    source.save(update_fields=["hashes", "sealed"])
    return secret


def _refuse_others_strategy(source: SignalSource) -> None:
    if source.strategy and source.strategy.owner_id != source.owner_id:
        raise BadInput("There is no such strategy", param="strategy")


# -- Routes ------------------------------------------------------------------------------------
@transaction.atomic
def set_route(
    strategy: Strategy,
    account: Account,
    *,
    actor: Any,
    share: Decimal = Decimal(1),
    enabled: bool = True,
) -> Route:
    """Send the strategy's orders to that account, with that share of its size.

    Raises BadInput; StepUpNeeded where more real money follows the strategy.
    """
    if account.owner_id != strategy.owner_id:
        raise BadInput("There is no such account", param="account")
    found = Route.objects.filter(strategy=strategy, account=account).first()
    route = found or Route(strategy=strategy, account=account)
    before = state_of(route, ("share", "enabled")) if found else {}
    known = route.share if found and route.enabled else ZERO
    route.share, route.enabled = share, enabled
    cleaned(route)
    if enabled and route.share > known and account.is_for_real_money:
        demand(actor, Step.SIGNAL, route if found else account)
    route.save()
    record(
        "route.set",
        actor=actor,
        target=route,
        summary=str(route),
        details=changes_since(before, route),
        owner=strategy.owner,
    )
    return route


# -- Signals -----------------------------------------------------------------------------------
def approve(signal: Signal, *, actor: Any) -> Signal:
    """Let a waiting signal through; gates and prices are asked anew.

    Raises Conflict for any other, also where somebody decided it meanwhile, and where it waits on because what
    it depends on never stood still. It is an order by hand: an entry for real money raises StepUpNeeded.
    """
    if signal.state != Signal.State.WAITING:
        raise _nothing_waits(signal)
    if _enters_for_real_money(signal):
        demand(actor, Step.SIGNAL, signal.source)
    pipeline.run(signal, approved_by=str(actor))
    if signal.state != Signal.State.WAITING:
        return signal
    signal.refresh_from_db()
    if signal.state != Signal.State.WAITING:
        raise _nothing_waits(signal)
    raise Conflict(f"{signal} was not let through: orders moved at every look. Approve it again")


@transaction.atomic
def decline(signal: Signal, *, actor: Any) -> Signal:
    """A signal that waits, for a person or for an order, shall not become orders. Raises Conflict for any other."""
    waits = Q(state=Signal.State.WAITING) | Q(state=Signal.State.RECEIVED, code=Signal.WAITS)
    mine = Signal.objects.filter(waits, pk=signal.pk)
    now = timezone.now()
    by = {"decided_at": now, "decided_by": str(actor)[:150]}
    if not mine.update(state=Signal.State.DECLINED, code="", reason="", **by):
        signal.refresh_from_db()
        raise _nothing_waits(signal)
    telling.approval_over(signal)
    record("signal.declined", actor=actor, target=signal, owner=signal.source.owner)
    signal.refresh_from_db()
    return signal


def _nothing_waits(signal: Signal) -> Conflict:
    return Conflict(f"{signal}: nothing waits for approval. Its state: {signal.state_in_words}")


@transaction.atomic
def send_again(signal: Signal, *, actor: Any) -> Signal:
    """The same words as a new signal of now, by hand; it makes orders of its own.

    Its own times are left out: it is as old as the press of the button. Raises Conflict for a body that
    was no signal, and for a second press right after the first; StepUpNeeded for an entry for real money that
    no question comes before.
    """
    Signal.objects.select_for_update(of=("self",)).get(pk=signal.pk)
    if not signal.draft:
        raise Conflict(f"{signal} was not understood: there is nothing to send again")
    now = timezone.now()
    if signal.replays.filter(received_at__gt=now - ONE_PRESS).exists():
        raise Conflict(f"{signal} was sent again just now: look at what became of it first")
    if signal.source.mode == Mode.LIVE and _enters_for_real_money(signal):
        demand(actor, Step.SIGNAL, signal.source)
    times = ("fired_at", "bar_at", "id")
    again = Signal.objects.create(
        source=signal.source,
        key=f"again:{signal.pk}:{secrets.token_hex(8)}",
        body=signal.body,
        body_hash=signal.body_hash,
        content_type=signal.content_type,
        received_at=now,
        last_delivery_at=now,
        mode=signal.source.mode,
        draft={name: value for name, value in signal.draft.items() if name not in times},
        replay_of=signal,
        account=signal.account,
    )
    record(
        "signal.again",
        actor=actor,
        target=again,
        summary=f"{signal} sent again by hand",
        owner=signal.source.owner,
    )
    enqueue(TASK, again.pk, cluster=EXECUTION, keep_result=False)
    return again


def _enters_for_real_money(signal: Signal) -> bool:
    """Whether it may open anything on an account with real money: by its strategy, else by any of the owner's."""
    if draft_from_plain(signal.draft).is_exit:
        return False
    return _reaches_real_money(signal.source, strategy=signal.strategy)


def _reaches_real_money(source: SignalSource, *, strategy: Strategy | None = None) -> bool:
    """Whether the strategy, or any that the source may name, is routed to an account with real money."""
    routes = Route.objects.filter(strategy__owner=source.owner_id, enabled=True)
    if strategy is not None:
        routes = routes.filter(strategy=strategy)
    reached = routes.select_related("account__connection")
    return any(route.account.is_for_real_money for route in reached)
