"""The ticket: what an order would be, live beside its form, one question, and then it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Account
from brokers.adapters.messages import NEEDS, Kind
from brokers.contracts import contracts_on
from brokers.models import BrokerSymbol, Quote
from strategies.models import Strategy
from tradershub.core import formats
from tradershub.core.entries import (
    EntryForm,
    ExactNumber,
    MomentField,
    carried_out,
    refuse,
)
from tradershub.core.errors import HubError
from tradershub.core.pages import render_page
from tradershub.desk.importing import need
from tradershub.finance.sizing import SizeIn
from trading.models import Order
from trading.preview import Preview, preview
from trading.services import place_by_hand
from trading.sources.draft import Size

PLACE = "trading.add_order"
OFFERED = 500  # symbols in the list of suggestions
LEAST = Decimal("0.01")
TITLE = "What do I risk if I send this?"
SIZES = {SizeIn.LOTS.value: "lots", SizeIn.PERCENT_RISK.value: "% of equity, lost at the stop"}
DURATIONS = ("gtc", "day", "gtd")
PRICES = ("price", "limit_price", "distance")
KINDS = {name: [kind.value for kind in NEEDS if name in NEEDS[kind]] for name in PRICES}


def tradable(user: Any) -> QuerySet[Account]:
    """The person's accounts that the hub may send orders to."""
    rows = Account.objects.for_user(user).filter(status=Account.Status.OPEN, may_trade=True)
    return rows.filter(connection__isnull=False).select_related("broker", "connection")


class TicketForm(EntryForm):
    """What is asked for; fields that the kind of order has no use for are left aside."""

    action = "order.place"

    account = forms.ModelChoiceField(queryset=Account.objects.none(), widget=forms.HiddenInput)
    symbol = forms.CharField(
        max_length=64,
        widget=UnfoldAdminTextInputWidget(
            attrs={"list": "symbols", "autocomplete": "off", "autocapitalize": "characters"}
        ),
    )
    side = forms.ChoiceField(choices=Order.Side.choices)
    size = ExactNumber()
    size_in = forms.ChoiceField(
        label="Size in", choices=list(SIZES.items()), widget=UnfoldAdminSelectWidget
    )
    kind = forms.ChoiceField(choices=Order.Kind.choices, widget=UnfoldAdminSelectWidget)
    price = ExactNumber(required=False)
    limit_price = ExactNumber(required=False, help_text="Of the limit, once the price is met")
    distance = ExactNumber(required=False, help_text="How far it follows the market, in price")
    stop_loss = ExactNumber(label="Stop", required=False)
    take_profit = ExactNumber(label="Target", required=False)
    duration = forms.ChoiceField(
        label="Works",
        choices=[one for one in Order.Duration.choices if one[0] in DURATIONS],
        widget=UnfoldAdminSelectWidget,
    )
    expires_at = MomentField(label="Until", required=False)
    strategy = forms.ModelChoiceField(
        queryset=Strategy.objects.none(),
        required=False,
        to_field_name="key",
        empty_label="None",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].queryset = tradable(self.user)
        self.fields["strategy"].queryset = Strategy.objects.for_user(self.user)

    def clean_size(self) -> Decimal:
        size: Decimal = self.cleaned_data["size"]
        if size <= 0:
            raise forms.ValidationError(f"Expected a size above zero, found {formats.plain(size)}")
        return size

    @property
    def asked(self) -> dict[str, Any]:
        """The order as the hub's services are asked for it."""
        given = self.cleaned_data
        wanted = NEEDS.get(Kind(given["kind"]), ())
        return {
            "symbol": given["symbol"].strip(),
            "side": given["side"],
            "kind": given["kind"],
            "stop_loss": given["stop_loss"],
            "take_profit": given["take_profit"],
            "duration": given["duration"],
            "expires_at": given["expires_at"] if given["duration"] == "gtd" else None,
            "strategy": given["strategy"].key if given["strategy"] else "",
            **{name: given[name] for name in wanted},
        }

    def preview(self) -> Preview:
        given = self.cleaned_data
        size = Size(given["size"], SizeIn(given["size_in"]))
        return preview(given["account"], size=size, token=given["token"], **self.asked)

    def carry_out(self) -> Order:
        asked = {**self.asked, "lots": self.preview().order.lots}
        account, token = self.cleaned_data["account"], self.cleaned_data["token"]
        return place_by_hand(account, actor=self.user, token=token, **asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What stands beside the form. refusal: why there is no preview, in a sentence."""

    quote: Quote | None = None
    tick: Decimal | None = None
    spread: str = ""
    is_stale: bool = False
    preview: Preview | None = None
    refusal: str = ""


# -- The page ----------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The form; sent, it comes back as one question about what it found."""
    need(request, PLACE)
    if request.method == "POST":
        return _reviewed(request, TicketForm(request.POST, user=request.user))
    account = _account(request)
    if account is None:
        return render_page(request, "desk/ticket.html", title=TITLE, account=None)
    begun = _begun(request, account)
    shown = now_of(TicketForm(begun, user=request.user))
    return _page(request, TicketForm(initial=begun, user=request.user), account, shown)


@require_POST
def now(request: HttpRequest) -> HttpResponse:
    """What stands beside the form, as the form and the market are at this moment."""
    need(request, PLACE)
    shown = now_of(TicketForm(request.POST, user=request.user))
    return render(request, "desk/parts/ticket_now.html", {"now": shown})


@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """The answer to the question was yes. Sent twice it is one order."""
    need(request, PLACE)
    form = TicketForm(request.POST, user=request.user)
    order = carried_out(form) if form.is_valid() else None
    if order is None:
        return _again(request, form)
    return redirect("desk:order", pk=order.pk)


def _reviewed(request: HttpRequest, form: TicketForm) -> HttpResponse:
    if not form.is_valid():
        return _again(request, form)
    shown = now_of(form)
    if shown.preview is None or shown.preview.verdict.refusal:
        return _again(request, form, shown)
    account, order = form.cleaned_data["account"], shown.preview.order
    fixed = {name: value for name, value in request.POST.items() if name in form.fields}
    fixed |= {"size": f"{order.lots.normalize():f}", "size_in": SizeIn.LOTS.value}
    return render_page(
        request,
        "desk/ticket_confirm.html",
        title=f"{worded(order)} at {account.name or account.number}?",
        crumbs=(("Ticket", reverse("desk:ticket")),),
        account=account,
        order=order,
        tick=shown.tick,
        now=shown,
        fixed=fixed,
        change=_address(fixed),
        is_real=account.is_for_real_money,
    )


def _address(values: Mapping[str, str]) -> str:
    """The ticket with these first values."""
    shown = {name: value for name, value in values.items() if value and name != "token"}
    return f"{reverse('desk:ticket')}?{urlencode(shown)}"


def worded(order: Order) -> str:
    """ "Buy 0.10 EURUSD", with the price where it rests."""
    price = order.price if order.kind != Order.Kind.MARKET else None
    kind = f" {order.get_kind_display().lower()}" if price or order.distance else ""
    at = f" at {formats.plain(price)}" if price else ""
    lots, symbol = formats.lots(order.lots), order.symbol.name
    return f"{order.get_side_display()} {lots} {symbol}{kind}{at}"


def _again(request: HttpRequest, form: TicketForm, shown: Now | None = None) -> HttpResponse:
    """The form as it was filled in, with what is wrong."""
    account = form.cleaned_data.get("account") or _account(request)
    if account is None:
        return redirect("desk:ticket")
    return _page(request, form, account, shown or now_of(form))


def _page(request: HttpRequest, form: TicketForm, account: Account, shown: Now) -> HttpResponse:
    names = BrokerSymbol.objects.filter(broker=account.broker_id, instrument__isnull=False)
    return render_page(
        request,
        "desk/ticket.html",
        title=TITLE,
        form=form,
        account=account,
        accounts=tradable(request.user),
        symbols=names.order_by("name").values_list("name", "instrument__name")[:OFFERED],
        side=form["side"].value(),
        kinds=KINDS,
        now=shown,
    )


# -- What it begins with -----------------------------------------------------------------------
def _account(request: HttpRequest) -> Account | None:
    """The one that is asked for, else that of the last order, else the first."""
    mine, wanted = tradable(request.user), request.GET.get("account", "")
    if wanted.isdecimal() and len(wanted) < 19 and (found := mine.filter(pk=wanted).first()):
        return found
    last = Order.objects.for_user(request.user).filter(account__in=mine).first()
    return mine.get(pk=last.account_id) if last else mine.first()


def _begun(request: HttpRequest, account: Account) -> dict[str, Any]:
    """The first values: those in the address, the symbol of the last order, the least lots."""
    known = TicketForm.base_fields.keys() - {"token"}
    asked = {name: value for name, value in request.GET.items() if name in known}
    last = Order.objects.filter(account=account).select_related("symbol").first()
    symbols = BrokerSymbol.objects.filter(broker=account.broker_id, instrument__isnull=False)
    named = symbols.filter(name=asked.get("symbol") or (last.symbol.name if last else "")).first()
    symbol = named or symbols.order_by(F("last_quote__at").desc(nulls_last=True), "name").first()
    first = {
        "symbol": symbol.name if symbol else "",
        "side": "buy",
        "size": _least(symbol),
        "size_in": SizeIn.LOTS.value,
        "kind": "market",
        "duration": "gtc",
    }
    return {**first, **asked, "account": account.pk}


def _least(symbol: BrokerSymbol | None) -> Decimal:
    contracts = contracts_on([symbol], timezone.now().date()) if symbol else {}
    return contracts[symbol.pk].lot_min if symbol and symbol.pk in contracts else LEAST


# -- Beside the form ---------------------------------------------------------------------------
def now_of(form: TicketForm) -> Now:
    """The quote of its symbol, and what its order would be or why it would not."""
    form.is_valid()
    market = _market(form.cleaned_data)
    if form.errors:
        return Now(**market, refusal=_first(form))
    try:
        return Now(**market, preview=form.preview())
    except HubError as refusal:
        if refusal.param in form.fields:
            refuse(form, refusal)
        return Now(**market, refusal=refusal.message)


def _first(form: TicketForm) -> str:
    """What is missing or wrong first, in a sentence."""
    name, errors = next(iter(form.errors.items()))
    field = form.fields.get(name)
    words = (field.label if field else None) or name.replace("_", " ").capitalize()
    return f"{words}: {errors[0]}"


def _market(given: Mapping[str, Any]) -> dict[str, Any]:
    account, name = given.get("account"), (given.get("symbol") or "").strip()
    if account is None or not name:
        return {}
    rows = Quote.objects.filter(symbol__broker=account.broker_id, symbol__name=name)
    quote = rows.select_related("symbol__instrument").first()
    if quote is None:
        return {}
    age = (timezone.now() - quote.at).total_seconds()
    return {
        "quote": quote,
        "tick": getattr(quote.symbol.instrument, "tick_size", None),
        "spread": _spread(quote),
        "is_stale": age > settings.STALE_SECONDS,
    }


def _spread(quote: Quote) -> str:
    """In pips where the instrument has them, else in price."""
    wide, pip = quote.ask - quote.bid, getattr(quote.symbol.instrument, "pip_size", None)
    return f"{formats.number(wide / pip, 1)} pips" if pip else formats.plain(wide)
