"""Topics about one trade: its value, profit, conversion, commission and swap."""

from datetime import date
from decimal import Decimal

from tests.finance.adapters.common import NOW, cents, number, pair_of, side_of, table, terms_of
from tradershub.finance import commission as charge
from tradershub.finance import swap
from tradershub.finance.decimals import ONE, ZERO, quantise, to_decimal
from tradershub.finance.fx import Rule, marked_up_rate
from tradershub.finance.pnl import floating_profit, pip_value, price_profit, ticks_between

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def value_of_a_pip(given):
    value = pip_value(
        lots=to_decimal(given["lots"]),
        contract_size=to_decimal(given["contract_size"]),
        pip_size=to_decimal(given["pip_size"]),
    )
    rate = number(given.get("conversion_rate"), ONE)
    converted = value / rate if given["conversion_op"] == "divide" else value * rate
    return {
        "pip_value_quote": value,
        "pip_value_account_unrounded": quantise(converted, 8),
        "pip_value_account": cents(converted),
    }


def futures_pnl(given):
    trade = {
        "side": side_of(given["side"]),
        "open_price": to_decimal(given["open"]),
        "close_price": to_decimal(given["close"]),
    }
    contracts = to_decimal(given["contracts"])
    gross = price_profit(lots=contracts, terms=terms_of(given, "FUTURES"), **trade)
    paid = charge.per_lot(contracts, to_decimal(given["commission_per_contract_per_side"])) * 2
    return {
        "ticks": ticks_between(tick_size=to_decimal(given["tick_size"]), **trade),
        "gross": gross,
        "commission": paid,
        "net": gross + paid,
    }


def pnl(given):
    trade = {
        "side": side_of(given["side"]),
        "lots": to_decimal(given["lots"]),
        "open_price": to_decimal(given["open"]),
        "close_price": to_decimal(given["close"]),
        "terms": terms_of(given, given["calc_mode"]),
    }
    return {
        "profit": price_profit(**trade),
        "profit_if_rounded_once": price_profit(round_once=True, **trade),
    }


def conversion(given):
    if given["case"].startswith("cross_via"):
        return _cross(given)
    return {"broker_markup": _marked_up, "cross_rate": _cross_rate}.get(
        given["case"], _closed_trade
    )(given)


def _closed_trade(given):
    side, (_, quote) = side_of(given["side"]), pair_of(given["symbol"])
    bid, ask = to_decimal(given["close_bid"]), to_decimal(given["close_ask"])
    profit = floating_profit(
        side=side,
        lots=to_decimal(given["lots"]),
        open_price=to_decimal(given["open"]),
        bid=bid,
        ask=ask,
        terms=terms_of(given, given.get("calc_mode", "FOREX")),
    )
    rates = table({given["symbol"]: (bid, ask)} | given.get("quotes_bid_ask", {}))
    way = {"frm": quote, "to": given["account_currency"], "at": NOW}
    by_deal = rates.convert(profit, rule=Rule.BY_DEAL, closing=side, **way)
    by_market = rates.convert(profit, rule=Rule.BY_MARKET, **way)
    return {
        "profit_quote": profit,
        "profit_account_by_deal": cents(by_deal.amount),
        "profit_account_by_market": cents(by_market.amount),
    }


def _cross(given):
    rates = table(given["quotes_bid_ask"])
    way = {"frm": given["from"], "to": given["to"], "at": NOW}
    amount = to_decimal(given["amount"])
    return {
        "converted": cents(rates.convert(amount, rule=Rule.BY_MARKET, **way).amount),
        "converted_at_mid": cents(rates.convert(amount, rule=Rule.MID, **way).amount),
    }


def _cross_rate(given):
    rates = table({pair: (bid, given["ask"][pair]) for pair, bid in given["bid"].items()})
    rule = Rule(given["side"])
    return {"rate": rates.rate(frm=given["from"], to=given["to"], at=NOW, rule=rule)}


def _marked_up(given):
    mid = (to_decimal(given["bid"]) + to_decimal(given["ask"])) / 2
    rate = marked_up_rate(
        mid, markup_percent=to_decimal(given["markup_percent"]), gain=given["is_gain"]
    )
    return {"rate": rate, "converted_unrounded": to_decimal(given["amount"]) * rate}


def commission(given):
    return {
        "per_lot_per_side": _per_lot,
        "per_million_usd_per_side": _per_million,
        "basis_points_min": _basis_points,
        "percent_notional_min_max": _percent,
        "points_per_lot": _points,
        "per_trade": lambda given: {"commission": charge.per_trade(to_decimal(given["rate"]))},
    }[given["model"]](given)


def _per_lot(given):
    one_side = charge.per_lot(to_decimal(given["lots"]), to_decimal(given["rate"]))
    return {"commission": one_side * given["sides"]}


def _per_million(given):
    units = to_decimal(given["lots"]) * to_decimal(given["contract_size"])
    sides = {
        name: charge.per_million(
            units * to_decimal(given[f"base_usd_rate_{name}"]),
            to_decimal(given["rate_per_million"]),
        )
        for name in ("open", "close")
    }
    return sides | {"total": sum(sides.values())}


def _basis_points(given):
    return {
        "commissions": [
            charge.basis_points(
                to_decimal(value),
                to_decimal(given["basis_points"]),
                minimum=to_decimal(given["min_per_order"]),
            )
            for value in given["order_values_usd"]
        ]
    }


def _percent(given):
    notional = (
        to_decimal(given["lots"]) * to_decimal(given["contract_size"]) * to_decimal(given["price"])
    )
    percent = to_decimal(given["percent"])
    bounds = {"minimum": number(given.get("min"))}
    if given.get("max") is not None:
        bounds["maximum"] = to_decimal(given["max"])
    return {
        "raw": -charge.percent_of_notional(notional, percent, digits=6),
        "commission": charge.percent_of_notional(notional, percent, **bounds),
    }


def _points(given):
    paid = charge.in_points(
        to_decimal(given["lots"]),
        to_decimal(given["points"]),
        contract_size=to_decimal(given["contract_size"]),
        point=to_decimal(given["point"]),
    )
    return {"commission": paid}


def swap_charge(given):
    if given["mode"].startswith("interest"):
        return _interest(given)
    return {
        "points": _swap_points,
        "multiplier": _multiplier,
        "points_span": _points_span,
        "oanda_financing": _financing,
        "money_per_lot": _money_per_lot,
        "reopen_current": _reopen,
    }[given["mode"]](given)


def _swap_points(given):
    def price(digits):
        return swap.point_price(
            lots=to_decimal(given["lots"]),
            contract_size=to_decimal(given["contract_size"]),
            point=to_decimal(given["point"]),
            rate=number(given.get("quote_to_account"), ONE),
            digits=digits,
        )

    points = to_decimal(given["swap_points"])
    nights = given.get("multiplier", 1)
    return {
        "point_price_account_rounded": price(2),
        "swap": swap.swap_by_points(price(2), points=points, multiplier=nights),
        "swap_without_intermediate_rounding": swap.swap_by_points(
            price(20), points=points, multiplier=nights
        ),
    }


def _week(given):
    return {WEEKDAYS.index(day): nights for day, nights in given["multipliers"].items()}


def _holidays(given):
    return [date.fromisoformat(day) for day in given.get("holidays", [])]


def _multiplier(given):
    day = date.fromisoformat(given["rollover_date"])
    return {"multiplier": swap.nights(day, week=_week(given), holidays=_holidays(given))}


def _points_span(given):
    usual_point = "0.001" if given["symbol"].endswith("JPY") else "0.00001"
    price = swap.point_price(
        lots=to_decimal(given["lots"]),
        contract_size=to_decimal(given.get("contract_size", "100000")),
        point=to_decimal(given.get("point", usual_point)),
        rate=number(given.get("quote_to_account"), ONE),
    )
    nights = [
        charged
        for _, charged in swap.charging_nights(
            date.fromisoformat(given["opened_server_date"]),
            date.fromisoformat(given["closed_server_date"]),
            week=_week(given),
            holidays=_holidays(given),
        )
    ]
    points = to_decimal(given["swap_points"])
    charges = [swap.swap_by_points(price, points=points, multiplier=each) for each in nights]
    return {"swap_units": sum(nights), "swap_total": sum(charges, ZERO)}


def _interest(given):
    mode = given["mode"].rsplit("_", 1)[-1]
    charged = swap.swap_by_interest(
        lots=to_decimal(given["lots"]),
        annual_percent=to_decimal(given["annual_percent"]),
        terms=terms_of(given, mode),
        price=number(given.get("price")) or None,
        days_in_year=given["days_in_year"],
        multiplier=given.get("multiplier", 1),
    )
    side = "bid" if given.get("side", "long") == "long" else "ask"
    rate = number(given.get(f"base_account_{side}", given.get("quote_to_account")), ONE)
    return {"swap_base_currency": quantise(charged, 6), "swap": cents(charged * rate)}


def _financing(given):
    return {
        "financing": swap.daily_financing(
            units=to_decimal(given["units"]),
            price=to_decimal(given["price_at_17_NY"]),
            annual_percent=to_decimal(given["annual_percent"]),
            days=given["days"],
        )
    }


def _money_per_lot(given):
    charged = swap.swap_by_money(
        to_decimal(given["lots"]),
        to_decimal(given["amount_per_lot"]),
        multiplier=given.get("multiplier", 1),
    )
    pair = given["currency"] + given["account_currency"]
    converted = table({pair: (given["bid"], given["ask"])}).convert(
        charged,
        frm=given["currency"],
        to=given["account_currency"],
        at=NOW,
        rule=Rule.BY_MARKET,
    )
    return {"swap": cents(converted.amount)}


def _reopen(given) -> dict[str, Decimal]:
    return {
        "reopen_price": swap.reopen_price(
            side=side_of(given["side"]),
            price=to_decimal(given["close_price"]),
            points=to_decimal(given["swap_points"]),
            point=to_decimal(given["point"]),
        )
    }


TOPICS = {
    "pip_value": value_of_a_pip,
    "futures_pnl": futures_pnl,
    "pnl": pnl,
    "conversion": conversion,
    "commission": commission,
    "swap": swap_charge,
}
