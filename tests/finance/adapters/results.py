"""Topics about results: metrics, SQN, R multiples, returns."""

from datetime import date
from itertools import accumulate

from tests.finance.adapters.common import cents, number, side_of, terms_of
from tradershub.finance import ratios
from tradershub.finance.decimals import ONE, ZERO, to_decimal
from tradershub.finance.drawdown import drawdown, largest_fall
from tradershub.finance.excursion import PriceRange, excursion, exit_efficiency
from tradershub.finance.performance import STRICT, count_runs, trade_statistics, z_score
from tradershub.finance.pnl import price_profit
from tradershub.finance.returns import (
    CashFlow,
    Span,
    WeightedFlow,
    compound,
    growth_index,
    internal_rate,
    modified_dietz,
    span_returns,
    time_weighted,
)
from tradershub.finance.rmultiple import (
    initial_risk,
    r_multiple,
    r_statistics,
    risk_from_losses,
)


def metrics(given):
    return {
        "mt5_drawdown": _drawdown,
        "trade_list": _trade_list,
        "z_score": _z_score,
        "daily_returns": _daily_returns,
        "mae_mfe": _excursions,
    }[given["case"]](given)


def _drawdown(given):
    found = drawdown([to_decimal(point) for point in given["balance_points"]])
    return {
        "absolute": found.absolute,
        "maximal": found.maximal,
        "maximal_percent": found.maximal_percent,
        "relative_percent": found.relative_percent,
        "relative_money": found.relative,
    }


def _trade_list(given):
    found = trade_statistics(
        [to_decimal(each) for each in given["net_profits"]],
        deposit=to_decimal(given["deposit"]),
        counting=STRICT,
    )
    fall = found.drawdown
    same = (
        "net_profit gross_profit gross_loss profit_factor expected_payoff win_rate average_win "
        "average_loss payoff_ratio recovery_factor runs z_score"
    )
    return {name: getattr(found, name) for name in same.split()} | {
        "dd_absolute": fall.absolute,
        "dd_maximal": fall.maximal,
        "dd_maximal_percent": fall.maximal_percent,
        "dd_relative_percent": fall.relative_percent,
        "dd_relative_money": fall.relative,
        "AHPR": found.mean_holding_return,
        "GHPR": found.geometric_holding_return,
        "lr_correlation": found.regression.correlation,
        "lr_standard_error_n_minus_2": found.regression.standard_error,
        "max_consecutive_wins": list(found.longest_wins[:2]),
        "max_consecutive_losses": list(found.longest_losses[:2]),
    }


def _z_score(given):
    outcomes = [sign == "+" for sign in given["sequence"]]
    return {"runs": count_runs(outcomes), "z": z_score(outcomes)}


def _daily_returns(given):
    returns = [float(each) for each in given["returns"]]
    periods, risk_free = given["periods_per_year"], float(given["risk_free"])
    yearly = ratios.volatility(returns, periods=periods)
    return {
        "mean": sum(returns) / len(returns),
        "std_ddof1": ratios.volatility(returns, periods=1),
        "annual_volatility": yearly,
        "sharpe": ratios.sharpe(returns, risk_free=risk_free, periods=periods),
        "sortino": ratios.sortino(returns, required=risk_free, periods=periods),
        "max_drawdown": ratios.max_drawdown(returns),
        "annual_return": ratios.annual_return(returns, periods=periods),
        "calmar": ratios.calmar(returns, periods=periods),
        "var95_linear_interpolation": ratios.percentile(returns, 0.05),
        "cvar95_lower_order_statistics": ratios.lower_tail_mean(returns, 0.05),
        "total_return": ratios.total_return(returns),
    }


def _excursions(given):
    side, entry = side_of(given["side"]), to_decimal(given["entry"])
    lots = to_decimal(given["lots"])
    units = lots * to_decimal(given["contract_size"])
    bars = [PriceRange(to_decimal(high), to_decimal(low)) for high, low in given["bars_high_low"]]
    found = excursion(side=side, entry=entry, bars=bars, value_of_one=units)
    profit = price_profit(
        side=side,
        lots=lots,
        open_price=entry,
        close_price=to_decimal(given["exit"]),
        terms=terms_of(given, "CFD"),
    )
    risk = initial_risk(entry=entry, stop=to_decimal(given["initial_stop"]), units=units)
    return {
        "mfe": found.favourable,
        "mae": found.adverse,
        "profit": profit,
        "initial_risk": risk,
        "r_multiple": r_multiple(profit, risk),
        "mfe_R": r_multiple(found.favourable, risk),
        "mae_R": r_multiple(found.adverse, risk),
        "exit_efficiency": exit_efficiency(profit, found.favourable),
    }


def sqn(given):
    listed = given.get("r_multiples") or given["base"] * given["r_multiples_repeated"]
    found = r_statistics([float(each) for each in listed], cap=given["cap"], ddof=given["ddof"])
    return {
        "n": found.n,
        "expectancy_R": found.expectancy,
        "std_R": found.deviation,
        "sqn": found.sqn,
        "sqn_capped": found.sqn,
        "sqn_uncapped": found.sqn_uncapped,
        "band": found.band,
    }


def r_multiples(given):
    if "trades" not in given:
        return _estimated(given)
    trades = [_r_of_trade(given, trade) for trade in given["trades"]]
    found = r_statistics([float(trade["R_net"]) for trade in trades])
    return {"trades": trades, "expectancy_R": found.expectancy}


def _r_of_trade(given, trade):
    entry, lots = to_decimal(trade["entry"]), to_decimal(trade["lots"])
    gross = price_profit(
        side=side_of(trade["side"]),
        lots=lots,
        open_price=entry,
        close_price=to_decimal(trade["exit"]),
        terms=terms_of(given, "CFD"),
    )
    net = gross + number(trade.get("commission")) + number(trade.get("swap"))
    risk = initial_risk(
        entry=entry,
        stop=to_decimal(trade["initial_stop"]),
        units=lots * to_decimal(given["contract_size"]),
        rate=number(given.get("quote_to_account"), ONE),
    )
    return {
        "gross": gross,
        "net": net,
        "initial_risk": risk,
        "R_net": r_multiple(net, risk),
        "R_gross": r_multiple(gross, risk),
    }


def _estimated(given):
    results = [to_decimal(each) for each in given["net_profits"]]
    one_r = risk_from_losses(results)
    return {
        "one_R": one_r,
        "r_multiples": [r_multiple(each, one_r) for each in results],
        "estimated": True,
    }


def xirr(given):
    found = internal_rate(
        [CashFlow(date.fromisoformat(on), to_decimal(amount)) for on, amount in given["flows"]]
    )
    return {"xirr": found.rate if found else None}


def dietz(given):
    flows = [
        WeightedFlow(to_decimal(day), to_decimal(amount))
        for day, amount in given["flows_day_amount"]
    ]
    start, end = to_decimal(given["v0"]), to_decimal(given["v1"])
    return {"return": modified_dietz(start, end, flows, days=to_decimal(given["days"]))}


def twr(given):
    case = given.get("case")
    if case == "compound_periods":
        return {"total": compound(to_decimal(each) for each in given["period_returns"])}
    if case == "flow_adjusted_drawdown":
        return _flow_adjusted(given)
    start = to_decimal(given["start_value"])
    spans = [
        Span(to_decimal(span["value_before_flow"]), number(span.get("flow_after")))
        for span in given["subperiods"]
    ]
    return {"subperiod_returns": span_returns(start, spans), "twr": time_weighted(start, spans)}


def _flow_adjusted(given):
    amounts = [(kind == "trade", to_decimal(amount)) for kind, amount in given["events"]]
    index = growth_index(
        (amount, ZERO) if is_trade else (ZERO, amount) for is_trade, amount in amounts
    )
    balances = list(accumulate(amount for _, amount in amounts))
    return {
        "final_balance": cents(balances[-1]),
        "growth": index[-1] - ONE,
        "max_drawdown_flow_adjusted": largest_fall(index),
        "max_drawdown_naive_balance": largest_fall(balances),
    }


TOPICS = {
    "metrics": metrics,
    "sqn": sqn,
    "r_multiple": r_multiples,
    "xirr": xirr,
    "modified_dietz": dietz,
    "twr": twr,
}
