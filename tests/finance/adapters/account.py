"""Topics about an account: margin, stop-out, positions, ledger, sizing, exposure."""

from tests.finance.adapters.common import (
    NOW,
    cents,
    number,
    optional,
    pair_of,
    side_of,
    terms_of,
)
from tradershub.finance import broker_margin as brokers
from tradershub.finance import sizing as size
from tradershub.finance.decimals import ONE, ZERO, to_decimal
from tradershub.finance.exposure import Holding, exposure
from tradershub.finance.inventory import Trade, run_inventory
from tradershub.finance.ledger import (
    Entry,
    external_flows,
    position_totals,
    running_balance,
    trading_result,
)
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
from tradershub.finance.netting import Fill, build_positions
from tradershub.finance.pnl import floating_profit
from tradershub.finance.reconcile import Row, reconcile
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
        given, given["calc_mode"], margin_rate_buy=rate, margin_initial=number(given.get("initial"))
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

    side, *position = given["position"]
    orders = [
        held(name.split("_")[0], given[name])
        for name in ("buy_limit", "sell_limit")
        if name in given
    ]
    terms = ExchangeTerms(
        settlement=to_decimal(given["settlement"]),
        initial_buy=to_decimal(given["initial_margin_buy"]),
        initial_sell=to_decimal(given["initial_margin_sell"]),
        tick_value=to_decimal(given["tick_price"]),
        tick_size=to_decimal(given["tick_size"]),
        currency_rate=number(given.get("currency_margin_rate")),
    )
    required = exchange_margin([held(side, position)], orders, terms=terms)
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


ESMA_CLASSES = {
    "other_commodity": brokers.AssetClass.COMMODITY_NONMAJORINDEX,
    "commodity": brokers.AssetClass.COMMODITY_NONMAJORINDEX,
    "share": brokers.AssetClass.SHARE_OTHER,
    "shares": brokers.AssetClass.SHARE_OTHER,
}


def _esma(given):
    charged = [
        brokers.esma_margin(
            ESMA_CLASSES.get(row["class"]) or brokers.AssetClass(row["class"]),
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


def netting(given):
    trades = [
        Trade(side_of(side), to_decimal(quantity), to_decimal(price))
        for side, quantity, price in given["fills"]
    ]
    if given.get("case") == "hedging_vs_netting":
        return _hedging_vs_netting(given, trades)
    factor = number(given.get("multiplier"), ONE)
    steps = run_inventory(trades)
    rate = number(given.get("commission_rate_of_notional"))
    paid = sum(t.quantity * t.price * factor * rate for t in trades)
    return _flip(steps) | {
        "steps": [_step(step, factor) for step in steps],
        "fifo": _step(run_inventory(trades, method="fifo")[-1], factor),
        "realized_net_of_commission": steps[-1].realised * factor - paid,
    }


def _step(step, factor):
    return {
        "qty": step.quantity,
        "avg": step.average or ZERO,
        "realized": step.realised * factor,
    }


def _flip(steps):
    """What was realised on each side, and the state after the first fill that turned the position."""
    gains = {True: ZERO, False: ZERO}
    turned = steps[0]
    for before, after in zip(steps, steps[1:], strict=False):
        gains[before.quantity > 0] += after.realised - before.realised
        if before.quantity * after.quantity < 0 and turned is steps[0]:
            turned = after
    return {
        "gross_closed_long": gains[True],
        "gross_closed_short": gains[False],
        "position_after_flip": turned.quantity,
        "avg_after_flip": turned.average or ZERO,
    }


def _hedging_vs_netting(given, trades):
    mark, size_of_lot = to_decimal(given["mark"]), to_decimal(given["contract_size"])
    last = run_inventory(trades)[-1]
    fills = [
        Fill(str(n), "", "X", t.side, "in", t.quantity, t.price, NOW) for n, t in enumerate(trades)
    ]
    tickets = build_positions(fills, mode="hedging")
    moved = [(mark - t.open_price) * t.lots_open * (1 if t.side == "buy" else -1) for t in tickets]
    return {
        "netting_realized": last.realised * size_of_lot,
        "netting_floating": (mark - (last.average or ZERO)) * last.quantity * size_of_lot,
        "hedging_realized": sum(t.profit for t in tickets),
        "hedging_floating": sum(moved) * size_of_lot,
    }


def ledger(given):
    entries = [
        Entry(
            kind=row["kind"],
            ref="" if row.get("position_id") is None else str(row["position_id"]),
            profit=number(row.get("profit")),
            swap=number(row.get("swap")),
            commission=number(row.get("commission")),
            fee=number(row.get("fee")),
        )
        for row in given["deals"]
    ]
    return {
        "balance_after_each_deal": running_balance(entries),
        "positions": {
            ref: {name: getattr(total, name) for name in ("profit", "commission", "swap", "net")}
            for ref, total in position_totals(entries).items()
        },
        "net_external_flows": external_flows(entries),
        "trading_result": trading_result(entries),
    }


def account_state(given):
    floating = [
        floating_profit(
            side=side_of(side),
            lots=to_decimal(lots),
            open_price=to_decimal(opened),
            bid=to_decimal(given["bid"]),
            ask=to_decimal(given["ask"]),
            terms=terms_of(given, "FOREX"),
        )
        for side, lots, opened in given["positions_side_lots_open"]
    ]
    value = equity(
        balance=to_decimal(given["balance"]),
        credit=number(given.get("credit")),
        floating=sum(floating),
        blocked_commission=number(given.get("blocked_commission")),
    )
    used = to_decimal(given["margin"])
    return {
        "floating": floating,
        "equity": cents(value),
        "free_margin": cents(free_margin(value, used)),
        "margin_level_percent": cents(margin_level(value, used)),
    }


def reconciliation(given):
    rows = [
        Row(key, optional(computed), optional(stated))
        for key, computed, stated in given["rows_id_computed_statement"]
    ]
    found = reconcile(rows, tolerance=to_decimal(given["tolerance"]))
    return {
        "status": {key: str(each) for key, each in found.verdicts.items()},
        "statement_minus_computed": found.difference,
    }


def sizing(given):
    return {
        "percent_risk_CPR": _percent_risk,
        "percent_volatility": _percent_volatility,
        "units_per_fixed_money": _units_per_money,
        "fixed_ratio_ryan_jones": _fixed_ratio,
        "lot_step_floor_exactness": _floor,
        "margin_cap": _margin_cap,
    }[given["model"]](given)


def _limits(given):
    return {
        "step": to_decimal(given["lot_step"]),
        "minimum": number(given.get("min_lot")),
        "maximum": optional(given.get("max_lot")),
    }


def _percent_risk(given):
    found = size.percent_risk(
        equity=to_decimal(given["equity"]),
        percent=to_decimal(given["risk_percent"]),
        entry=to_decimal(given["entry"]),
        stop=to_decimal(given["stop"]),
        contract_size=to_decimal(given["contract_size"]),
        rate=number(given.get("quote_to_account"), ONE),
        costs_per_lot=number(given.get("round_turn_commission_per_lot")),
        **_limits(given),
    )
    return {
        "cash_at_risk": found.cash_at_risk,
        "risk_per_lot": found.risk_per_lot,
        "raw_lots": found.raw_lots,
        "lots": found.lots,
        "actual_risk": cents(found.actual_risk),
    }


def _percent_volatility(given):
    found = size.percent_volatility(
        equity=to_decimal(given["equity"]),
        percent=to_decimal(given["percent"]),
        average_range=to_decimal(given["atr"]),
        multiple=to_decimal(given["atr_multiple"]),
        contract_size=to_decimal(given["contract_size"]),
        rate=number(given.get("quote_to_account"), ONE),
        **_limits(given),
    )
    return {"raw_lots": found.raw_lots, "lots": found.lots}


def _units_per_money(given):
    units = size.units_per_money(
        to_decimal(given["equity"]), money_per_unit=to_decimal(given["money_per_unit"])
    )
    return {"units": units, "lots": units * to_decimal(given["unit_lots"])}


def _fixed_ratio(given):
    profit, delta = to_decimal(given["accumulated_profit"]), to_decimal(given["delta"])
    return {"contracts": size.fixed_ratio(profit, delta=delta)}


def _floor(given):
    return {"lots": size.allowed_lots(to_decimal(given["raw_lots"]), **_limits(given))}


def _margin_cap(given):
    a_lot = margin_before_rate(
        lots=ONE, terms=terms_of(given, "FOREX"), leverage=to_decimal(given["leverage"])
    ) * to_decimal(given["price"])
    step = to_decimal(given["lot_step"])
    most = size.lots_by_margin(to_decimal(given["free_margin"]), margin_per_lot=a_lot, step=step)
    wanted = size.allowed_lots(to_decimal(given["wanted_lots"]), maximum=most, step=step)
    return {"max_lots_by_margin": most, "lots": wanted}


def exposures(given):
    holdings = [
        Holding(*pair_of(symbol), to_decimal(units), to_decimal(price))
        for symbol, units, price in given["positions_symbol_units_price"]
    ]
    found = exposure(
        holdings,
        rates={code: to_decimal(rate) for code, rate in given["rates_to_account"].items()},
        account_currency=given["account_currency"],
    )
    return {
        "net_units": found.units,
        "net_in_account": found.values,
        "gross_notional": found.gross,
        "net_foreign_long": found.long,
        "net_foreign_short": found.short,
    }


TOPICS = {
    "margin": margins,
    "stop_out": stop_outs,
    "netting": netting,
    "ledger": ledger,
    "account_state": account_state,
    "reconciliation": reconciliation,
    "sizing": sizing,
    "exposure": exposures,
}
