"""Topics about size and exposure."""

from tests.finance.adapters.common import cents, number, optional, pair_of, terms_of
from tradershub.finance import sizing as size
from tradershub.finance.decimals import ONE, to_decimal
from tradershub.finance.exposure import Holding, exposure
from tradershub.finance.margin import (
    margin_before_rate,
)


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
    "sizing": sizing,
    "exposure": exposures,
}
