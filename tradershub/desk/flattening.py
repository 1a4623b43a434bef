"""Stop and flatten: asked about with the facts, then followed account by account until the brokers say flat."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import Account, BrokerOrder, Position
from accounts.valuation import state_of
from risk import kill_switch
from risk.kill_switch import Scope
from tradershub.core.entries import EntryForm, entry_page
from tradershub.core.errors import Conflict, HubError
from tradershub.core.formats import signed
from tradershub.core.pages import Crumb, render_page
from tradershub.core.persons import is_administrator
from tradershub.desk.importing import need
from trading import flattening
from trading.models import Flattening

LOOK, STOP, CLOSE = "trading.view_flattening", "risk.change_killswitch", "trading.add_order"
CRUMBS: tuple[Crumb, ...] = (("Risk", "/reports/risk/"),)
EVERYBODY = "everybody"
SHOWN = 50
TONES = {"flat": "good", "asked": "warning", "working": "warning"}


class FlattenForm(EntryForm):
    action = "account.flatten"

    reason = forms.CharField(required=False, max_length=200, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args, scope: Scope, accounts: Collection[Account], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.scope, self.accounts = scope, accounts

    @property
    def is_for_all(self) -> bool:
        return self.scope == kill_switch.ALL

    def check_possible(self) -> None:
        if not self.accounts:
            whose = "account" if self.is_for_all else "account of yours there"
            raise Conflict(f"No {whose} is connected or holds anything")

    def carry_out(self) -> Flattening:
        self.check_possible()
        rows = flattening.stop_and_flatten(self.scope, actor=self.user, **self.values)
        return rows[0]

    def done(self, row: Flattening) -> str:
        asked = "Every order was asked to be cancelled, every position to be closed"
        if self.is_for_all:
            return f"Stopped for everybody. {asked}; each person sees the own accounts"
        return f"Stopped. {asked}"


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """The question with the facts: all of the person's accounts, the one in the address, or everybody's.

    What others hold is not told: an administrator hears of how many accounts it is.
    """
    need(request, STOP)
    need(request, CLOSE)
    scope = _scope(request)
    accounts = list(flattening.to_flatten(scope))
    form = FlattenForm(request.POST or None, user=request.user, scope=scope, accounts=accounts)
    return entry_page(
        request,
        form,
        title=_question_of_all(accounts) if form.is_for_all else _question(accounts),
        lead="By the books. Trading stops first; what the brokers themselves say is left, also what is not in "
        "the books, is cancelled and closed at the market.",
        button="Stop and flatten",
        is_dangerous=True,
        back=reverse("reports:page", args=["risk"]),
        crumbs=CRUMBS,
        advice=tuple(_only_by_hand(one for one in accounts if one.owner_id == request.user.pk)),
        then=lambda row: reverse("desk:flattening"),
    )


def _scope(request: HttpRequest) -> Scope:
    """Raises Http404 for another's account as for none, PermissionDenied for who may not stop everybody."""
    pk = request.GET.get("account", "")
    if not pk:
        return kill_switch.of_owner(request.user)
    if pk == EVERYBODY:
        if not is_administrator(request.user):
            raise PermissionDenied
        return kill_switch.ALL
    mine = Account.objects.for_user(request.user)
    account = mine.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
    if account is None:
        raise Http404("There is no such account")
    return kill_switch.of_account(account)


def _question(accounts: Collection[Account]) -> str:
    """What the hub itself will do; accounts that it has no way to are listed beside it."""
    reached = [account for account in accounts if not flattening.by_hand(account)]
    if accounts and not reached:
        return f"Stop trading? The hub can close nothing in {_count(len(accounts), 'account')}"
    held = Position.objects.filter(account__in=reached, open_volume__gt=0).count()
    working = BrokerOrder.objects.filter(account__in=reached, state__in=BrokerOrder.LIVE).count()
    what = f"Close {_count(held, 'position')} and cancel {_count(working, 'order')}"
    now = _now(reached) if held else ""
    return f"{what} in {_count(len(reached), 'account')}{now}?"


def _question_of_all(accounts: Collection[Account]) -> str:
    where = _count(len(accounts), "account")
    return f"Close every position and cancel every order of everybody, in {where}?"


def _now(accounts: Collection[Account]) -> str:
    """ ", now -12.30 USD and +4.00 EUR"; of accounts whose profit cannot be known, nothing."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for account in accounts:
        state = state_of(account)
        if state.positions and state.floating is None:
            return ""
        if state.positions:
            totals[account.currency] += state.floating + state.open_swap
    return ", now " + " and ".join(f"{signed(n, word)} {word}" for word, n in totals.items())


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def _only_by_hand(accounts: Iterable[Account]) -> list[str]:
    found = ((account, flattening.by_hand(account)) for account in accounts)
    return [f"{account}: {why}." for account, why in found if why]


# -- How far it is -----------------------------------------------------------------------------
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Each account that was asked for, the newest first, every second until all are flat."""
    need(request, LOOK)
    rows = Flattening.objects.for_user(request.user)
    shown = list(
        rows.select_related("account__broker", "account__connection").order_by("-id")[:SHOWN]
    )
    under_way = sum(row.is_open for row in shown)
    return render_page(
        request,
        "desk/flattening.html",
        title="Are the accounts flat?",
        crumbs=CRUMBS,
        rows=[(row, _state(row), TONES.get(row.state, "")) for row in shown],
        answer=_answer(shown),
        every=1 if under_way else 0,
    )


def _state(row: Flattening) -> str:
    """In a word or two; one that only a person can empty is not under way."""
    return "By hand" if row.is_open and flattening.by_hand(row.account) else row.get_state_display()


def _answer(rows: Iterable[Flattening]) -> str:
    """Whether the accounts are flat, each by the newest request: "2 flat, 1 to be emptied by hand"."""
    newest: dict[int, Flattening] = {}
    for row in rows:
        newest.setdefault(row.account_id, row)
    states = Counter(_state(row) for row in newest.values())
    by_hand, flat, withdrawn = (states.pop(one, 0) for one in ("By hand", "Flat", "Withdrawn"))
    said = {
        "not flat yet": states.total(),
        "to be emptied by hand": by_hand,
        "flat": flat,
        "withdrawn before it was flat": withdrawn,
    }
    return ", ".join(f"{n} {words}" for words, n in said.items() if n)


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Look at the account no more; trading stays stopped."""
    need(request, STOP)
    row = Flattening.objects.for_user(request.user).filter(pk=pk).select_related("account").first()
    if row is None:
        raise Http404("There is no such request")
    try:
        flattening.withdraw(row, actor=request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Withdrawn: {row.account}. Trading stays stopped.")
    return HttpResponseRedirect(reverse("desk:flattening"))
