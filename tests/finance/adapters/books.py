"""Topics about an account's books: positions, ledger, state, reconciliation."""

from tests.finance.adapters.common import NOW, cents, number, optional, side_of, terms_of
from tradershub.finance.decimals import ONE, ZERO, to_decimal
from tradershub.finance.inventory import Trade, run_inventory
from tradershub.finance.ledger import (
    Entry,
    external_flows,
    position_totals,
    running_balance,
    trading_result,
)
from tradershub.finance.netting import Fill, build_positions
from tradershub.finance.pnl import floating_profit
from tradershub.finance.reconcile import Row, reconcile
from tradershub.finance.valuation import equity, free_margin, margin_level


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
            ref: {
                name: getattr(total, name)
                for name in ("profit", "commission", "swap", "fee", "net")
            }
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


TOPICS = {
    "netting": netting,
    "ledger": ledger,
    "account_state": account_state,
    "reconciliation": reconciliation,
}
