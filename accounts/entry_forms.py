"""Forms of the entries by hand: money, charges, trades, orders, closings, reversals."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts import manual, tieout
from accounts.models import Account, Break, BrokerOrder, Deal, Position
from brokers.models import BrokerSymbol, SymbolTerms
from tradershub.core.entries import EntryForm, ExactNumber, MomentField, now_to_the_second
from tradershub.core.formats import plain, signed

SMALLEST = Decimal("0.01")
OFFERED = 500


def booked(deal: Deal) -> str:
    """What was booked, in a sentence."""
    what = deal.get_kind_display()
    if deal.volume is not None and deal.symbol:
        what = f"{deal.get_side_display()} {plain(deal.volume)} {deal.symbol.name}"
        what += f" at {plain(deal.price)}"
    return f"Booked in {deal.account}: {what}, {signed(deal.amount, deal.currency)} {deal.currency}"


def worded(order: BrokerOrder) -> str:
    """An order in a few words."""
    price = f" at {plain(order.price)}" if order.price else ""
    kind = order.get_type_display().lower()
    return f"{order.side} {plain(order.volume)} {order.symbol.name} {kind}{price}"


def holding(position: Position) -> str:
    return f"{position.side} {plain(position.open_volume)} {position.symbol.name}"


class AccountChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj} {obj.number}" if obj.name else str(obj)


def comment_field() -> forms.CharField:
    return forms.CharField(max_length=300, required=False, widget=UnfoldAdminTextInputWidget)


def choice(choices: Any, **kwargs: Any) -> forms.ChoiceField:
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **kwargs)


class InAccountForm(EntryForm):
    """An entry into one of the person's open accounts: the one of the address, else the last used."""

    account = AccountChoice(queryset=Account.objects.none(), widget=UnfoldAdminSelectWidget)
    field_order = ("account",)

    def __init__(self, *args: Any, account: Account | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Account.objects.for_user(self.user).filter(status=Account.Status.OPEN)
        self.fields["account"].queryset = mine.select_related("broker")
        self.chosen = account or self._last_used(mine)
        self.fields["account"].initial = self.chosen

    def _last_used(self, mine: QuerySet[Account]) -> Account | None:
        last = Deal.objects.filter(account__in=mine).order_by("-id").first()
        return last.account if last else mine.first()

    def carry_out(self) -> Any:
        values = self.values
        return self.service(values.pop("account"), actor=self.user, **values)

    def done(self, row: Any) -> str:
        return booked(row)


class SymbolMixin:
    """Offers the symbols of the chosen account's broker, and the last one traded there."""

    def offer_symbols(self) -> None:
        rows = BrokerSymbol.objects.filter(broker__accounts__owner=self.user)
        if self.chosen:
            rows = BrokerSymbol.objects.filter(broker=self.chosen.broker_id)
        names = rows.order_by("name").values_list("name", flat=True).distinct()
        self.offers = {"symbols": [(name, "") for name in names[:OFFERED]]}

    def last_symbol(self) -> BrokerSymbol | None:
        deals = Deal.objects.filter(account=self.chosen, symbol__isnull=False)
        last = deals.select_related("symbol").order_by("-id").first() if self.chosen else None
        return last.symbol if last else None


def offered_field(offers: str, *, max_length: int, **kwargs: Any) -> forms.CharField:
    """A text that one of the form's `offers` completes."""
    widget = UnfoldAdminTextInputWidget(attrs={"list": offers, "autocomplete": "off"})
    return forms.CharField(max_length=max_length, widget=widget, **kwargs)


def symbol_field(**kwargs: Any) -> forms.CharField:
    return offered_field("symbols", max_length=64, **kwargs)


def least_volume(symbol: BrokerSymbol | None) -> Decimal:
    """The smallest volume by the symbol's newest terms, in lots."""
    terms = SymbolTerms.objects.filter(symbol=symbol).order_by("-valid_from").first()
    return terms.lot_min if symbol and terms else SMALLEST


class MoneyForm(InAccountForm):
    amount = ExactNumber(help_text="In the account's currency, above zero")
    at = MomentField(label="When", initial=now_to_the_second)
    comment = comment_field()


class DepositForm(MoneyForm):
    action = "deposit"
    service = staticmethod(manual.deposit)


class WithdrawalForm(MoneyForm):
    action = "withdrawal"
    service = staticmethod(manual.withdrawal)


class ChargeForm(SymbolMixin, InAccountForm):
    action = "charge"
    service = staticmethod(manual.charge)

    kind = choice([(str(kind), Deal.Kind(kind).label) for kind in manual.CHARGES])
    amount = ExactNumber(help_text="In the account's currency; a cost is negative, as -1.25")
    symbol = symbol_field(required=False)
    at = MomentField(label="When", initial=now_to_the_second)
    comment = comment_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_symbols()


COSTS = "In the account's currency; a cost is negative"


def with_costs(values: dict[str, Any]) -> dict[str, Any]:
    """The values with swap, commission and fee as one Costs; what is empty costs nothing."""
    given = {name: values.pop(name) for name in manual.Costs._fields if name in values}
    costs = {name: value for name, value in given.items() if value is not None}
    return {**values, "costs": manual.Costs(**costs)}


class TradeForm(SymbolMixin, InAccountForm):
    action = "trade"

    symbol = symbol_field()
    side = choice([("buy", "Buy"), ("sell", "Sell")])
    volume = ExactNumber(help_text="Lots")
    price = ExactNumber()
    at = MomentField(label="When", initial=now_to_the_second)
    commission = ExactNumber(required=False, help_text=COSTS)
    swap = ExactNumber(required=False, help_text=COSTS)
    stop_loss = ExactNumber(required=False)
    take_profit = ExactNumber(required=False)
    profit = ExactNumber(
        required=False, help_text="Of what it closes on a netting account; empty: from the terms"
    )
    comment = comment_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_symbols()
        last = self.last_symbol()
        self.fields["symbol"].initial = last.name if last else ""
        self.fields["volume"].initial = least_volume(last)

    @staticmethod
    def service(account: Account, **values: Any) -> Deal:
        return manual.trade(account, **with_costs(values))


class OrderForm(SymbolMixin, InAccountForm):
    action = "order"

    symbol = symbol_field()
    side = choice([("buy", "Buy"), ("sell", "Sell")])
    type = choice(BrokerOrder.Type.choices, initial=BrokerOrder.Type.LIMIT)
    volume = ExactNumber(help_text="Lots")
    price = ExactNumber(required=False, help_text="Not for a market order")
    limit_price = ExactNumber(required=False, help_text="Stop limit: the price of the limit")
    stop_loss = ExactNumber(required=False)
    take_profit = ExactNumber(required=False)
    position = offered_field(
        "positions",
        max_length=120,
        required=False,
        label="Closes position",
        help_text="Hedging: the position that it closes when it fills; empty: none",
    )
    bracket = offered_field(
        "brackets",
        max_length=64,
        required=False,
        help_text="One name for a stop and a target: when one fills, the others are cancelled",
    )
    expires_at = MomentField(label="Expires", required=False)
    placed_at = MomentField(label="Placed", initial=now_to_the_second)
    comment = comment_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_symbols()
        self._offer_positions_and_brackets()
        last = self.last_symbol()
        self.fields["symbol"].initial = last.name if last else ""
        self.fields["volume"].initial = least_volume(last)

    def _offer_positions_and_brackets(self) -> None:
        mine = [self.chosen] if self.chosen else []
        held = Position.objects.filter(account__in=mine, open_volume__gt=0).select_related("symbol")
        working = BrokerOrder.objects.filter(account__in=mine, state__in=BrokerOrder.LIVE)
        names = working.exclude(bracket="").order_by("bracket").values_list("bracket", flat=True)
        self.offers |= {
            "positions": [(one.ref, holding(one)) for one in held.order_by("-id")[:OFFERED]],
            "brackets": [(name, "") for name in names.distinct()[:OFFERED]],
        }

    @staticmethod
    def service(account: Account, *, position: str, **values: Any) -> BrokerOrder:
        closed = manual.held_position(account, position, values["symbol"]) if position else None
        return manual.place_order(account, position=closed, **values)

    def done(self, row: Any) -> str:
        return f"Noted in {row.account}: {worded(row)}"


class SubjectForm(EntryForm):
    """An entry about a row: an order, a position, a deal, a Break."""

    def __init__(self, *args: Any, subject: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject
        self.action = f"{self.action} {subject.pk}"

    def done(self, row: Any) -> str:
        return booked(row)


class ModifyForm(SubjectForm):
    action = "modify"
    NAMES = ("volume", "price", "limit_price", "stop_loss", "take_profit", "expires_at", "comment")

    volume = ExactNumber(help_text="Lots, with what is filled")
    price = ExactNumber(required=False)
    limit_price = ExactNumber(required=False)
    stop_loss = ExactNumber(required=False)
    take_profit = ExactNumber(required=False)
    expires_at = MomentField(label="Expires", required=False)
    comment = comment_field()

    def __init__(self, *args: Any, subject: BrokerOrder, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.initial = {name: getattr(subject, name) for name in self.NAMES}

    def check_possible(self) -> None:
        manual.check_working(self.subject)

    def carry_out(self) -> BrokerOrder:
        return manual.modify_order(self.subject, actor=self.user, **self.values)

    def done(self, row: BrokerOrder) -> str:
        return f"Modified: {worded(row)}"


class ExecutionForm(SubjectForm):
    volume = ExactNumber(help_text="Lots")
    price = ExactNumber()
    at = MomentField(label="When", initial=now_to_the_second)
    profit = ExactNumber(
        required=False, help_text="Of what it closes, before costs; empty: from the terms"
    )
    commission = ExactNumber(required=False, help_text=COSTS)
    swap = ExactNumber(required=False, help_text=COSTS)


class FillForm(ExecutionForm):
    action = "fill"

    def __init__(self, *args: Any, subject: BrokerOrder, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.fields["volume"].initial = subject.volume - subject.filled
        self.fields["price"].initial = subject.limit_price or subject.price

    def check_possible(self) -> None:
        manual.check_working(self.subject)

    def carry_out(self) -> Deal:
        return manual.fill_order(self.subject, actor=self.user, **with_costs(self.values))


class CloseForm(ExecutionForm):
    action = "close"

    comment = comment_field()

    def __init__(self, *args: Any, subject: Position, price: Decimal | None, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.fields["volume"].initial = subject.open_volume
        self.fields["price"].initial = price

    def check_possible(self) -> None:
        manual.check_closable(self.subject)

    def carry_out(self) -> Deal:
        return manual.close_position(self.subject, actor=self.user, **with_costs(self.values))


class CancelForm(SubjectForm):
    action = "cancel"

    at = MomentField(label="When", initial=now_to_the_second)

    def check_possible(self) -> None:
        manual.check_working(self.subject)

    def carry_out(self) -> BrokerOrder:
        at: dt.datetime = self.cleaned_data["at"]
        return manual.cancel_order(self.subject, actor=self.user, at=at)

    def done(self, row: BrokerOrder) -> str:
        return f"Cancelled: {worded(row)}"


class ReverseForm(SubjectForm):
    action = "reverse"

    comment = comment_field()

    def check_possible(self) -> None:
        manual.check_reversible(self.subject)

    def carry_out(self) -> Deal:
        return manual.reverse(self.subject, actor=self.user, **self.values)


class ExplainForm(SubjectForm):
    action = "explain"

    explanation = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="It holds until the difference changes, or is gone",
    )

    def __init__(self, *args: Any, subject: Break, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.fields["explanation"].initial = subject.explanation

    def check_possible(self) -> None:
        tieout.check_explainable(self.subject)

    def carry_out(self) -> Break:
        return tieout.explain(self.subject, actor=self.user, **self.values)

    def done(self, row: Break) -> str:
        return f"Explained: {row}"


class ReopenBreakForm(SubjectForm):
    action = "reopen break"

    def check_possible(self) -> None:
        tieout.check_reopenable(self.subject)

    def carry_out(self) -> Break:
        return tieout.reopen(self.subject, actor=self.user)

    def done(self, row: Break) -> str:
        return f"Open again: {row}"
