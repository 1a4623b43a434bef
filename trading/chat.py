"""What a person may ask and order from their chat: to look, to stop, to flatten; nothing that loosens a limit.

What an update asks is done first, in transactions of its own, so that a stop waits for nothing; then it is marked
as read, with its answer. Cut off in between it is done again, which does no harm. Answers leave by the outbox
like everything else.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import Account, Channel
from accounts.notify import Words, named, reply
from accounts.subscribing import connect_chat, is_code
from accounts.valuation import states_of
from brokers.models import Connection
from risk import kill_switch
from risk.kill_switch import Scope
from strategies.queries import by_key
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict, HubError, NotAllowed
from tradershub.core.formats import lots, money, plain, signed
from tradershub.core.persons import may_log_in
from trading import flattening, queries, stops
from trading.following import AWAY
from trading.models import Order

LOOK, STOP, CLOSE = "accounts.view_account", "risk.change_killswitch", "trading.add_order"
FRESH = dt.timedelta(seconds=120)  # what was written earlier is not done any more; to stop is
CONFIRM = dt.timedelta(seconds=60)
MOST_STRANGERS = 50
MOST_SHOWN = 30
HELP = (
    "/status – is trading on, what are the accounts worth, what is wrong\n"
    "/positions – what is held\n"
    "/stop – stop all of your accounts at once; /stop NAME stops one account or strategy\n"
    "/flatten – stop, cancel every order, close every position; asks first. /flatten NAME for one account\n"
    "/help – this\n"
    "To let trading go on, log in to the hub: no chat can do that."
)
log = structlog.get_logger("trading.chat")


def take(channel: Channel, update: Mapping[str, Any]) -> None:
    """Do what the update asks, unless it was read before. Raises what a database that is away raises."""
    number = int(update["update_id"])
    unread = Channel.objects.filter(pk=channel.pk, heard__lte=number, enabled=True)
    fresh = unread.select_related("owner").first()
    if fresh is None:
        return
    message = update.get("message")
    is_text = isinstance(message, dict) and isinstance(message.get("text"), str)
    try:
        words = _read(fresh, message) if is_text else None
        if isinstance(message, dict) and "migrate_to_chat_id" in message:
            _follow_move(fresh, message)
    except AWAY:
        raise
    except Exception:  # it would come again and again, and no /stop behind it be heard
        log.exception("chat_update_not_read", channel=fresh.pk, update=number)
        words = None
    with transaction.atomic():
        if unread.update(heard=number + 1) and words:
            reply(fresh, f"reply:{number}", words)


def _read(channel: Channel, message: Mapping[str, Any]) -> Words | None:
    """What is answered; None to strangers, and to talk that is no command."""
    chat, person = message["chat"]["id"], _person(message)
    text = message["text"].strip()[:200]
    code = text.removeprefix("/start").strip()
    if isinstance(person, int) and is_code(channel, code):
        names = (_name(message["chat"]), _name(message["from"]))
        with transaction.atomic():
            connect_chat(channel, chat=chat, name=names[0], person=person, person_name=names[1])
        return Words("Connected", f"What happens in your accounts comes here.\n{HELP}")
    if chat != channel.chat:
        _turn_away(channel, chat)
        return None
    if person not in [one["id"] for one in channel.people]:
        if not text.startswith("/"):
            return None
        return Words("Not done", "Only who sent the channel's code may give commands here.")
    return _answer(channel, person, text, dt.datetime.fromtimestamp(message["date"], dt.UTC))


def _person(message: Mapping[str, Any]) -> int | None:
    """Who wrote it; None for who writes as a chat, as an anonymous administrator does.

    All of those have one id. Source: core.telegram.org/bots/api, Message.from.
    """
    if "sender_chat" in message:
        return None
    found: int | None = message.get("from", {}).get("id")
    return found


def _follow_move(channel: Channel, message: Mapping[str, Any]) -> None:
    """The connected group became a supergroup: it has another id from now on."""
    moved_to = message["migrate_to_chat_id"]
    if message["chat"]["id"] == channel.chat and isinstance(moved_to, int):
        Channel.objects.filter(pk=channel.pk).update(chat=moved_to)


def _name(found: Mapping[str, Any]) -> str:
    return str(found.get("title") or found.get("first_name") or found["id"])


@transaction.atomic
def _turn_away(channel: Channel, chat: int) -> None:
    """No word to strangers; that there was one is written down once."""
    if chat in channel.strangers or len(channel.strangers) >= MOST_STRANGERS:
        return
    Channel.objects.filter(pk=channel.pk).update(strangers=[*channel.strangers, chat])
    record(
        "channel.stranger", actor=f"chat {chat}", target=channel, owner=channel.owner_id,
        summary=f"{channel}: chat {chat}, which is not connected, wrote to the bot and was ignored",
    )  # fmt: skip


# -- Commands ----------------------------------------------------------------------------------
def _answer(channel: Channel, person: int, text: str, at: dt.datetime) -> Words:
    command, _, rest = text.partition(" ")
    name = command.partition("@")[0].lower()
    if name not in COMMANDS:
        return Words("Not understood", HELP)
    if name != "/stop" and timezone.now() - at > FRESH:
        return Words(
            "Not done", f"{name} was sent at {at:%H:%M} UTC, which is too long ago. Send it again."
        )
    try:
        return _carried_out(channel, person, name, rest.strip())
    except AWAY:
        raise
    except HubError as refusal:
        return Words("Not done", refusal.message)
    except Exception as error:
        log.exception("chat_command_failed", channel=channel.pk, command=name)
        return Words("Not done", f"It failed: {type(error).__name__}; the hub's log says more.")


def _carried_out(channel: Channel, person: int, name: str, rest: str) -> Words:
    if not channel.commands:
        raise NotAllowed("Commands are switched off for this channel.")
    if not may_log_in(channel.owner):
        raise NotAllowed("The owner of this channel may not use the hub.")
    needed, act = COMMANDS[name]
    if not channel.owner.has_perms(needed):
        raise NotAllowed(f"The owner of this channel may not use {name}.")
    return act(channel, person, rest)


def _help(channel: Channel, person: int, rest: str) -> Words:
    return Words("Commands", HELP)


def _status(channel: Channel, person: int, rest: str) -> Words:
    owner = channel.owner
    stopped = stops.in_force(owner)
    title = f"Stopped: {', '.join(stopped)}" if stopped else "Trading is on"
    return Words(title[:200], "\n".join([*_worth(owner), *_trouble(owner)]))


def _worth(owner: Any) -> list[str]:
    rows = []
    for state in states_of(_open(owner)[:MOST_SHOWN]):
        account, currency = state.account, state.account.currency
        figures = f"equity {money(state.equity, currency)} {currency}"
        if state.positions:
            figures += f", open {signed(state.floating, currency)} in {len(state.positions)}"
        rows.append(f"{named(account)}: {figures}")
    return rows or ["No open account."]


def _trouble(owner: Any) -> list[str]:
    links = Connection.objects.for_user(owner).filter(enabled=True).exclude(fault="")
    rows = [f"Outcome unknown: {order}" for order in queries.in_doubt(owner)[:MOST_SHOWN]]
    rows += [f"No order goes out: {named(lane.account)}" for lane in queries.halted_lanes(owner)]
    rows += [f"Not flat yet: {named(row.account)}" for row in queries.not_flat(owner)]
    rows += [f"No answer: {one.name}, {one.fault}" for one in links[:MOST_SHOWN]]
    live = Order.objects.for_user(owner).filter(state__in=Order.LIVE).count()
    return [f"Orders open: {live}.", *(rows or ["Nothing is wrong that the hub knows of."])]


def _positions(channel: Channel, person: int, rest: str) -> Words:
    states = states_of(_open(channel.owner))
    rows = [
        f"{named(state.account)}: {one.position.side} {lots(one.position.open_volume)} "
        f"{one.position.symbol.name} at {plain(one.position.open_price)}, "
        f"now {signed(one.floating, state.account.currency)} {state.account.currency}"
        for state in states
        for one in state.positions
    ]
    title = "No open position" if not rows else f"Open positions: {len(rows)}"
    more = [f"and {len(rows) - MOST_SHOWN} more"] if len(rows) > MOST_SHOWN else []
    return Words(title, "\n".join(rows[:MOST_SHOWN] + more))


def _stop(channel: Channel, person: int, rest: str) -> Words:
    """At once: to stop needs no confirmation. The channels that chose it are told what was stopped, too."""
    scope = _scope(channel.owner, rest, strategies=True)
    kill_switch.engage(scope, actor=channel.owner, reason=f"/stop from {channel.name}")
    what = kill_switch.in_words(scope)
    return Words(
        f"Stopped: {what}", "Nothing is sent but cancels and closes. Log in to let it go on."
    )


def _flatten(channel: Channel, person: int, rest: str) -> Words:
    """Asks for a number first; the number does it once, within a minute, for who asked."""
    asked = channel.asked
    if rest.isdecimal() and len(rest) == 4:
        Channel.objects.filter(pk=channel.pk).update(asked={})
        until = dt.datetime.fromisoformat(asked["until"]) if asked else timezone.now()
        if not asked or asked["person"] != person or asked["number"] != rest:
            return Words(
                "Not done", "That is not the number that was asked for. Send /flatten again."
            )
        if timezone.now() > until:
            return Words("Not done", "That took longer than a minute. Send /flatten again.")
        scope = Scope(kill_switch.ScopeKind(asked["scope"]), asked["key"])
        reason = f"/flatten from {channel.name}"
        rows = flattening.stop_and_flatten(scope, actor=channel.owner, reason=reason)
        return _being_made_flat([row.account for row in rows])
    scope = _scope(channel.owner, rest)
    accounts = list(flattening.to_flatten(scope))
    if not accounts:
        raise Conflict("No account of yours there is connected or holds anything.")
    number = f"{secrets.randbelow(10_000):04d}"
    until = (timezone.now() + CONFIRM).isoformat()
    question = {"person": person, "number": number, "scope": scope.kind.value, "key": scope.key}
    Channel.objects.filter(pk=channel.pk).update(asked=question | {"until": until})
    return _flatten_question(accounts, number)


def _flatten_question(accounts: list[Account], number: str) -> Words:
    """What the hub itself will do, and what only the person can."""
    reached, by_hand = _reached(accounts)
    if reached:
        held = sum(len(state.positions) for state in states_of(reached))
        title = f"Close {_count(held, 'position')} at the market?"
        names = ", ".join(named(account) for account in reached)
        doing = f"{names}: trading stops, every order is cancelled, every position closed."
    else:
        title = f"Stop trading? The hub can close nothing in {_count(len(accounts), 'account')}"
        doing = "Trading stops."
    send = f"Send /flatten {number} within a minute to do it."
    # First: of a long message a service takes the beginning.
    return Words(title, "\n".join([send, doing, *by_hand]))


def _being_made_flat(accounts: list[Account]) -> Words:
    reached, by_hand = _reached(accounts)
    if not reached:
        return Words("Stopped. The hub can close nothing", "\n".join(by_hand))
    names = ", ".join(named(account) for account in reached)
    said = f"{names}. You are told when the broker says flat."
    return Words("Stopped, being made flat", "\n".join([said, *by_hand]))


def _reached(accounts: list[Account]) -> tuple[list[Account], list[str]]:
    """Those that the hub can empty, and a line for each that only a person can, with why."""
    why = {account: flattening.by_hand(account) for account in accounts}
    lines = [f"{named(account)}: {words}." for account, words in why.items() if words]
    more = [f"and {len(lines) - MOST_SHOWN} more"] if len(lines) > MOST_SHOWN else []
    return [account for account in accounts if not why[account]], lines[:MOST_SHOWN] + more


COMMANDS: dict[str, tuple[tuple[str, ...], Callable[[Channel, int, str], Words]]] = {
    "/help": ((), _help),
    "/start": ((), _help),
    "/status": ((LOOK,), _status),
    "/positions": ((LOOK,), _positions),
    "/stop": ((STOP,), _stop),
    "/flatten": ((STOP, CLOSE), _flatten),
}


# -- Small parts -------------------------------------------------------------------------------
def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def _open(owner: Any) -> list[Account]:
    rows = Account.objects.for_user(owner).filter(status=Account.Status.OPEN)
    return list(rows.select_related("broker"))


def _scope(owner: Any, name: str, *, strategies: bool = False) -> Scope:
    """All of the person's accounts, or the one that is named. Raises BadInput."""
    if not name or name.lower() == "all":
        return kill_switch.of_owner(owner)
    wanted = name.casefold()
    alike = [
        account
        for account in _open(owner)
        if wanted in (account.name.casefold(), account.number.casefold())
    ]
    if len(alike) > 1:
        raise BadInput(
            f'{len(alike)} open accounts of yours are called "{name[:40]}": name one by its '
            "number, or all of them by none."
        )
    if alike:
        return kill_switch.of_account(alike[0])
    if strategies and by_key(owner, name):
        return stops.named(owner, kill_switch.ScopeKind.STRATEGY, name)
    what = "account or strategy" if strategies else "account"
    known = ", ".join(account.name or account.number for account in _open(owner)[:10]) or "none"
    raise BadInput(f'There is no open {what} "{name[:40]}" of yours. Accounts: {known}.')
