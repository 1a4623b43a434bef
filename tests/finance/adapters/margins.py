"""Topics about margin and stop-out."""

from tests.finance.adapters.common import cents, number, optional, side_of, terms_of
from tradershub.finance import broker_margin as brokers
from tradershub.finance.decimals import ONE, ZERO, to_decimal
from tradershub.finance.margin import (
    ExchangeTerms,
    HeldLots,
    exchange_margin,
    hedged_margin,
    leg_margins,
    margin,
    margin_before_rate,
    order_margin,
)
from tradershub.finance.pnl import floating_profit
from tradershub.finance.stopout import (
    AtRisk,
    smart_stop_out,
    stop_out,
    stop_out_price,
    stop_out_price_revalued,
)
from tradershub.finance.valuation import equity, free_margin, margin_level


def margins(given):
    if "broker" in given:
        return {
            "OANDA_v20": _oanda_v20,
            "OANDA_One_MT5": _oanda_mt5,
            "IBKR_withdrawal": _ibkr,
        }[given["broker"]](given)
    if "rule" in given:
        return _esma(given)
    mode, _, hedging = given["calc_mode"].partition("_hedging")
    if mode == "FORTS":
        return _forts(given)
    if mode == "FUTURES_fixed":
        return _fixed(given)
    return _hedged(given, mode) if hedging else _single(given)


def _single(given):
    rate = number(given.get("margin_rate"), ONE)
    terms = terms_of(
        given,
        given["calc_mode"],
        margin_rate_buy=rate,
        margin_initial=number(given.get("initial", given.get("initial_margin"))),
    )
    position = {
        "lots": to_decimal(given["lots"]),
        "leverage": number(given.get("leverage"), ONE),
        "price": optional(given.get("price")),
    }
    to_account = number(given.get("margin_to_account"), ONE)
    base = margin_before_rate(terms=terms, **position)
    final = cents(margin(side="buy", terms=terms, **position) * to_account)
    return {
        "margin_base": cents(base),
        "margin_account": cents(base * to_account),
        "margin_final": final,
        "margin": final,
    }


def _hedged(given, mode):
    positions = [
        HeldLots(side_of(side), to_decimal(lots), to_decimal(price))
        for side, lots, price in given["positions"]
    ]
    terms = terms_of(
        given,
        mode,
        hedged_size=optional(given.get("hedged_contract_size")),
        margin_rate_buy=number(given.get("margin_rate_buy"), ONE),
        margin_rate_sell=number(given.get("margin_rate_sell"), ONE),
    )
    how = {
        "terms": terms,
        "leverage": number(given.get("leverage"), ONE),
        "at_price": mode.startswith("FOREX") and given["account_currency_is_quote"],
    }
    both = hedged_margin(positions, **how)
    legs = leg_margins(positions, **how)
    return {
        "hedged_margin": both.covered,
        "uncovered_margin": both.uncovered,
        "total": both.total,
        "basic": cents(both.total),
        "covered": cents(both.covered),
        "uncovered": cents(both.uncovered),
        "larger_leg": cents(max(legs.values())),
        "sum_of_legs": cents(sum(legs.values())),
    }


def _forts(given):
    def held(side, row):
        return HeldLots(side, to_decimal(row[0]), to_decimal(row[1]))

    names = [name for name in ("buy_limit", "sell_limit") if given.get(name)]
    orders = [held(name.split("_")[0], given[name]) for name in names]
    position = given.get("position")
    positions = [held(side_of(position[0]), position[1:])] if position else []
    terms = ExchangeTerms(
        settlement=to_decimal(given["settlement"]),
        initial_buy=to_decimal(given["initial_margin_buy"]),
        initial_sell=to_decimal(given["initial_margin_sell"]),
        tick_value=to_decimal(given["tick_price"]),
        tick_size=to_decimal(given["tick_size"]),
        currency_rate=number(given.get("currency_margin_rate")),
    )
    required = exchange_margin(positions, orders, terms=terms)
    return {
        "margin_buy": required["buy"],
        "margin_sell": required["sell"],
        "margin": max(required.values()),
    }


def _fixed(given):
    terms = terms_of(
        given,
        "FUTURES",
        margin_initial=to_decimal(given["initial"]),
        margin_maintenance=to_decimal(given["maintenance"]),
        hedged_size=optional(given.get("hedged")),
    )
    held, required = [], ZERO
    for name, lots in given.items():
        when, _, side = name.partition("_")
        if when not in ("open", "new"):
            continue
        held.append(HeldLots(side_of(side), to_decimal(lots), ONE))
        if when == "new":
            required += order_margin(side=side_of(side), lots=to_decimal(lots), terms=terms)
    return {
        "required_to_open": cents(required),
        "after_open": cents(hedged_margin(held, terms=terms).total),
    }


def _oanda_v20(given):
    units, mid = to_decimal(given["units"]), to_decimal(given["mid"])
    used = brokers.margin_by_percent(units, mid, to_decimal(given["margin_rate_percent"]))
    floating = units * (mid - to_decimal(given["entry"]))
    value = equity(balance=to_decimal(given["balance"]), floating=floating)
    return {
        "margin_used": cents(used),
        "upl_mid": cents(floating),
        "nav_mid": cents(value),
        "margin_available": cents(free_margin(value, used)),
        "margin_closeout_percent": cents(brokers.closeout_percent(used, value)),
    }


def _oanda_mt5(given):
    units, entry = to_decimal(given["units"]), to_decimal(given["entry"])
    used = brokers.margin_by_percent(units, entry, to_decimal(given["margin_rate_percent"]))
    floating = floating_profit(
        side="buy" if units > 0 else "sell",
        lots=abs(units),
        open_price=entry,
        bid=to_decimal(given["bid"]),
        ask=to_decimal(given["ask"]),
        terms=terms_of({}, "FOREX"),
    )
    value = equity(balance=to_decimal(given["balance"]), floating=floating)
    return {
        "margin": cents(used),
        "upl": cents(floating),
        "equity": cents(value),
        "free_margin": cents(free_margin(value, used)),
        "margin_level_percent": cents(margin_level(value, used)),
    }


def _ibkr(given):
    def value(amount, rate, way):
        return (
            to_decimal(amount) / to_decimal(rate)
            if way == "divide"
            else to_decimal(amount) * to_decimal(rate)
        )

    found = brokers.withdrawal_margin(
        brokers.CurrencyBalance(value(amount, rate, way), to_decimal(haircut))
        for _, amount, rate, way, haircut in given["rows"]
    )
    return {
        "margin": found.margin,
        "nlv": found.liquidation_value,
        "available_for_withdrawal": found.available,
    }


# What a case may call a class, by the first of these words found in its name.
ESMA_WORDS = {
    "crypto": brokers.AssetClass.CRYPTO,
    "gold": brokers.AssetClass.NONMAJOR_GOLD_MAJORINDEX,
    "nonmajor_fx": brokers.AssetClass.NONMAJOR_GOLD_MAJORINDEX,
    "commod": brokers.AssetClass.COMMODITY_NONMAJORINDEX,
    "nonmajor": brokers.AssetClass.COMMODITY_NONMAJORINDEX,
    "major": brokers.AssetClass.MAJOR,
}


def _esma_class(name):
    words = (found for word, found in ESMA_WORDS.items() if word in name)
    return next(words, brokers.AssetClass.SHARE_OTHER)


def _esma(given):
    charged = [
        brokers.esma_margin(
            _esma_class(row["class"]),
            to_decimal(row["notional"]),
        )
        for row in given["positions"]
    ]
    return {"margins": charged, "close_out_equity": cents(brokers.esma_close_out(charged))}


def stop_outs(given):
    return {
        "MT5_largest_loss_first": _largest_loss_first,
        "stop_out_price_single_position": _stop_out_price,
        "cTrader_smart": _smart,
    }[given["case"]](given)


def _largest_loss_first(given):
    positions = [
        AtRisk(str(row["id"]), to_decimal(row["pl"]), to_decimal(row["margin"]))
        for row in given["positions"]
    ]
    ids = {str(row["id"]): row["id"] for row in given["positions"]}
    found = stop_out(
        positions,
        balance=to_decimal(given["balance"]),
        level=to_decimal(given["stop_out_percent"]),
        protected=given["negative_balance_protection"],
    )
    return {
        "margin_level_before": cents(found.level_before),
        "closed_in_order": [ids[key] for key in found.closed],
        "balance_after": cents(found.balance),
        "equity_after": cents(found.equity),
        "margin_after": cents(found.margin),
        "margin_level_after": cents(found.level_after),
        "nbp_compensation": cents(found.compensation),
    }


def _stop_out_price(given):
    leverage, opened = to_decimal(given["leverage"]), to_decimal(given["open"])
    units = to_decimal(given["lots"]) * to_decimal(given["contract_size"])
    position = {
        "side": side_of(given["side"]),
        "units": units,
        "open_price": opened,
        "balance": to_decimal(given["balance"]),
        "level": to_decimal(given["stop_out_percent"]),
    }
    terms = terms_of(given, "FOREX")
    lots = to_decimal(given["lots"])
    at_open = margin_before_rate(lots=lots, terms=terms, leverage=leverage) * opened
    return {
        "margin_at_open": cents(at_open),
        "price_fixed_margin": stop_out_price(margin=at_open, **position),
        "price_floating_margin": stop_out_price_revalued(leverage=leverage, **position),
    }


def _smart(given):
    units = [to_decimal(size) for size in given["positions"]]
    a_unit = ONE / to_decimal(given["leverage"])
    pip = next(to_decimal(given[name]) for name in given if name.startswith("pip_value"))
    value = equity(
        balance=to_decimal(given["balance"]), floating=-pip * to_decimal(given["loss_pips"])
    )
    found = smart_stop_out(
        units,
        margin_per_unit=[a_unit] * len(units),
        equity=value,
        level=to_decimal(given["stop_out_percent"]),
        step=to_decimal(given["step_units"]),
    )
    return {
        "equity": cents(value),
        "margin_level_before": cents(margin_level(value, sum(units) * a_unit)),
        "units_closed": sum(found.units),
        "margin_after": cents(found.margin),
        "margin_level_after": cents(found.level),
    }


TOPICS = {
    "margin": margins,
    "stop_out": stop_outs,
}
