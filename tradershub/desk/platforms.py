"""The platforms: which work, whether orders may go there, and how the person is connected to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from brokers import connecting
from brokers.adapters.messages import Capabilities
from brokers.adapters.settings import described
from brokers.models import Broker, BrokerSymbol, Connection, Platform
from brokers.platforms import PLATFORMS
from tradershub.core.audit import entries_about
from tradershub.core.entries import entry_page
from tradershub.core.errors import HubError
from tradershub.core.pages import render_page
from tradershub.desk.connection_form import PlatformSwitchForm, advice
from tradershub.desk.importing import need

VIEW, SEE, TOGGLE = "brokers.view_connection", "brokers.view_platform", "brokers.change_platform"
CRUMBS = (("Platforms", reverse_lazy("desk:platforms")),)
LOGGED = 20
TONES = {"Works": "good", "Fault": "bad", "Off": "warning"}
PROOF = {
    "A": "exactly: it can be asked for any order of ours",
    "B": "well: it shows what was sent, for a while",
    "C": "weakly: what was sent is found among the account's deals",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A connection as a row of a list. state: in a word; tone: good, warning or bad. ending: as `ending`."""

    row: Connection
    state: str
    tone: str
    ending: str


@dataclass(frozen=True, slots=True)
class SymbolMap:
    """How many of a broker's symbols are known for instruments, and where they are mapped."""

    broker: Broker
    mapped: int
    unmapped: int
    address: str


def ending(row: Connection, day: dt.date) -> str:
    """ "ended" or "ends" where the key did or soon does; empty where there is time or none is known."""
    if not connecting.expiring(row, today=day):
        return ""
    return "ended" if row.expires_on < day else "ends"


def today() -> dt.date:
    return timezone.localtime().date()


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    need(request, SEE)
    rows = connecting.all_platforms()
    shown = _shown(request, rows)
    return render_page(
        request,
        "desk/platforms.html",
        title="Which platforms work, and may orders go there?",
        lead="A platform is the language a broker is spoken to in; a connection is your own line to one.",
        platforms=[_card(row, shown) for row in rows],
        connections=shown,
    )


def _card(row: Platform, shown: Sequence[Shown]) -> dict[str, Any]:
    own = [one for one in shown if one.row.platform == row.key]
    seen = [one.row.seen_at for one in own if one.row.seen_at]
    return {
        "row": row,
        "connections": len(own),
        "accounts": sum(one.row.n_accounts for one in own),
        "seen_at": max(seen, default=None),
        "faults": sum(one.tone == "bad" for one in own),
    }


def _shown(request: HttpRequest, platforms: Iterable[Platform]) -> list[Shown]:
    by_key = {row.key: row for row in platforms}
    mine = Connection.objects.for_user(request.user).filter(platform__in=by_key)
    rows = mine.select_related("broker").annotate(n_accounts=Count("accounts"))
    day = today()
    return [_one(row, by_key[row.platform], day) for row in rows]


def _one(row: Connection, platform: Platform, day: dt.date) -> Shown:
    state = connecting.condition(row, platform)
    return Shown(row, state, TONES.get(state, ""), ending(row, day))


@require_GET
def page(request: HttpRequest, key: str) -> HttpResponse:
    """A platform: state, toggle, what it asks for, the person's connections, their symbols, its log."""
    need(request, SEE)
    row = platform(key)
    adapter = PLATFORMS.load(key)
    shown = _shown(request, [row])
    return render_page(
        request,
        "desk/platform.html",
        title=f"Does {row} work, and may orders go there?",
        crumbs=CRUMBS,
        platform=row,
        can=in_words(adapter.capabilities),
        asks=described(adapter.settings),
        advice=list(advice(key)),
        connections=shown,
        maps=symbol_maps({one.row.broker for one in shown}),
        log=entries_about(Platform, str(row.pk), reader=request.user)[:LOGGED],
    )


def platform(key: str) -> Platform:
    if key not in PLATFORMS:
        raise Http404("There is no such platform")
    return connecting.platform_row(key)


def in_words(can: Capabilities) -> list[tuple[str, str]]:
    """What it can do, as label and words."""
    carried = (
        "the platform, at once" if can.places_orders else "a person, who enters what came of it"
    )
    return [
        ("Orders are carried out by", carried),
        ("Order types", _listed(can.kinds)),
        ("Kept", _listed(can.durations).upper()),
        ("Positions", _listed(can.modes)),
        ("Stop with the order", "yes" if can.stops_with_order else "no"),
        ("Closes in part", "yes" if can.closes_in_part else "no"),
        ("Settles a lost answer", PROOF[can.proof]),
    ]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(str(word).replace("_", " ") for word in words))


def symbol_maps(brokers: Iterable[Broker]) -> list[SymbolMap]:
    found = {broker.pk: broker for broker in brokers}
    unknown = Q(instrument__isnull=True)
    counts = BrokerSymbol.objects.filter(broker__in=found).order_by().values_list("broker")
    rows = counts.annotate(
        mapped=Count("pk", filter=~unknown), unmapped=Count("pk", filter=unknown)
    )
    numbers = {pk: (mapped, unmapped) for pk, mapped, unmapped in rows}
    table = reverse("admin:brokers_brokersymbol_changelist")
    return [
        SymbolMap(broker, *numbers.get(pk, (0, 0)), f"{table}?broker__id__exact={pk}")
        for pk, broker in found.items()
    ]


@require_http_methods(["GET", "POST"])
def switch_off(request: HttpRequest, key: str) -> HttpResponse:
    """Asks for a reason: it concerns everybody who is connected there."""
    row = platform(key)
    need(request, TOGGLE)
    address = reverse("desk:platform", args=[key])
    return entry_page(
        request,
        PlatformSwitchForm(request.POST or None, user=request.user, platform=row),
        title=f"Switch {row} off?",
        button=f"Switch {row} off",
        back=address,
        lead="No order of anybody goes there until it is switched on again, closings and cancels neither. "
        "What works at the broker stays.",
        crumbs=(*CRUMBS, (str(row), address)),
        is_dangerous=True,
    )


@require_POST
def switch_on(request: HttpRequest, key: str) -> HttpResponse:
    row = platform(key)
    need(request, TOGGLE)
    try:
        connecting.switch_platform(row, on=True, actor=request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{row} is switched on")
    return HttpResponseRedirect(reverse("desk:platform", args=[key]))
