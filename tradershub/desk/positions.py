"""An open position of an account that the hub trades: closed, in part too, and its stop and target set."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import Position
from accounts.valuation import state_of
from tradershub.core.entries import EntryForm, ExactNumber, entry_page
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.formats import lots, plain, signed
from tradershub.core.pages import Crumb, render_page
from tradershub.desk import orders
from tradershub.desk.importing import need
from trading import askable, exits
from trading.models import Order, OrderAttempt
from trading.queries import closings_of
from trading.tickets import stops_in_words

LOOK, CLOSE, PROTECT = "accounts.view_position", "trading.add_order", "trading.change_order"
CRUMBS: tuple[Crumb, ...] = (("Open positions", "/reports/positions/"),)
SHOWN = 20


@require_GET
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """What it is worth, what is under way with it, and what can be done."""
    need(request, LOOK)
    position = mine(request, pk)
    rows = closings_of(position).select_related("symbol", "account")
    closings, state = list(rows.order_by("-id")[:SHOWN]), state_of(position.account)
    worth = state.of(position)
    asked = OrderAttempt.objects.filter(account=position.account, position_ref=position.ref)
    is_busy = asked.filter(outcome__in=BUSY).exists() or any(not o.is_over for o in closings)
    return render_page(
        request,
        "desk/position.html",
        title=f"What becomes of {_words(position)}?",
        crumbs=CRUMBS,
        position=position,
        worth=worth,
        multiple=state.r_multiple(worth) if worth else None,
        tick=getattr(position.symbol.instrument, "tick_size", None),
        closings=[(order, orders.tone(order), orders.worded(order)) for order in closings],
        requests=[
            (one, _capitalised(stops_in_words(one.asked)))
            for one in asked.filter(order=None).order_by("-id")[:SHOWN]
        ],
        is_traded=is_traded(position),
        every=1 if is_busy else orders.EVERY_LIVE if position.is_open else 0,
    )


BUSY = (OrderAttempt.Outcome.WAITING, OrderAttempt.Outcome.OPEN, OrderAttempt.Outcome.UNKNOWN)


def mine(request: HttpRequest, pk: int) -> Position:
    """The person's position. Raises Http404 for another's as for none."""
    rows: QuerySet[Position] = Position.objects.for_user(request.user).select_related(
        "account__broker", "account__connection", "symbol__instrument", "symbol__last_quote"
    )
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such position")
    return found


def is_traded(position: Position) -> bool:
    account = position.account
    return bool(account.is_open and account.may_close and account.connection_id)


def _words(position: Position) -> str:
    size = position.open_volume or position.volume
    return f"{position.side} {lots(size)} {_where(position)}"


def _where(position: Position) -> str:
    return f"{position.symbol.name} at {position.account.name or position.account.number}"


def _now(position: Position) -> str:
    """ ", now +42.10 USD"; empty where that is not known."""
    valued = state_of(position.account).of(position)
    if valued is None or valued.result is None:
        return ""
    currency = position.account.currency
    return f", now {signed(valued.result, currency)} {currency}"


# -- What a person does with it ----------------------------------------------------------------
class PositionForm(EntryForm):
    """An entry about one position of an account that the hub may trade."""

    def __init__(self, *args: Any, position: Position, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.position = position

    def check_possible(self) -> None:
        if not self.position.is_open:
            raise Conflict(f"Position {self.position.ref} is closed already")
        if not is_traded(self.position):
            raise Conflict(f"The hub may not send orders to {self.position.account}")


class CloseForm(PositionForm):
    action = "position.close"

    lots = ExactNumber(help_text="Less closes a part")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lots"].initial = self.position.open_volume

    def carry_out(self) -> Order:
        self.check_possible()
        return exits.close_position(
            self.position, actor=self.user, token=self.cleaned_data["token"], **self.values
        )

    def done(self, row: Order) -> str:
        return f"Asked for: {_lowered(orders.worded(row))}"


class StopsForm(PositionForm):
    action = "position.protect"

    # As they stood when the page was shown: what nobody touched is not sent, for it may have moved since.
    stop_loss = ExactNumber(
        label="Stop", required=False, help_text="Empty: none", show_hidden_initial=True
    )
    take_profit = ExactNumber(
        label="Target", required=False, help_text="Empty: none", show_hidden_initial=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("stop_loss", "take_profit"):
            self.fields[name].initial = getattr(self.position, name)

    @property
    def values(self) -> dict[str, Any]:
        return {name: value for name, value in super().values.items() if name in self.changed_data}

    def carry_out(self) -> OrderAttempt:
        return self.protect(**self.values)

    def protect(self, **stops: Decimal | None) -> OrderAttempt:
        self.check_possible()
        return exits.protect(self.position, actor=self.user, **stops)

    def done(self, row: OrderAttempt) -> str:
        return "The broker is asked to set them"


class BreakEvenForm(StopsForm):
    action = "position.break_even"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["stop_loss"], self.fields["take_profit"]

    def check_possible(self) -> None:
        super().check_possible()
        if self.position.open_price is None:
            raise Conflict("The opening price is not known: set the stop by hand")
        try:
            level = self.position.open_price
            askable.refuse_passed(self.position.symbol, self.position.side, stop_loss=level)
        except BadInput as refusal:
            raise Conflict("It does not win: a stop at its opening price would close it") from (
                refusal
            )

    def carry_out(self) -> OrderAttempt:
        return self.protect(stop_loss=self.position.open_price)


@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, CLOSE)
    position = mine(request, pk)
    form = CloseForm(request.POST or None, user=request.user, position=position)
    return _entry(
        request,
        form,
        title=f"Close {lots(position.open_volume)} {_where(position)}{_now(position)}?",
        button="Close at the market",
        lead="At the market, as soon as the account's turn comes; enter less to close a part.",
        is_dangerous=True,
        then=orders.address,
    )


@require_http_methods(["GET", "POST"])
def stops(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, PROTECT)
    position = mine(request, pk)
    form = StopsForm(request.POST or None, user=request.user, position=position)
    opened = f"Opened at {plain(position.open_price)}." if position.open_price else ""
    return _entry(
        request,
        form,
        title=f"Where do stop and target of {_words(position)} go{_now(position)}?",
        button="Set stop and target",
        lead=f"{opened} What you leave as it is stays, and so does a trailing stop.".strip(),
    )


@require_http_methods(["GET", "POST"])
def break_even(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, PROTECT)
    position = mine(request, pk)
    form = BreakEvenForm(request.POST or None, user=request.user, position=position)
    to = f"to its opening price {plain(position.open_price)}"
    was = f"It was {plain(position.stop_loss)}." if position.stop_loss else "It has none yet."
    return _entry(
        request,
        form,
        title=f"Move the stop of {_words(position)} {to}{_now(position)}?",
        button="Move the stop",
        lead=was,
    )


def _entry(request: HttpRequest, form: PositionForm, **page: Any) -> HttpResponse:
    back = reverse("desk:position", args=[form.position.pk])
    crumbs = (*CRUMBS, (f"Position {form.position.ref}", back))
    return entry_page(request, form, back=back, crumbs=crumbs, **page)


def _capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]


def _lowered(words: str) -> str:
    return words[:1].lower() + words[1:]
