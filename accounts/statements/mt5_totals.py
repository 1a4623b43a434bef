"""What an MT5 report prints about itself, the same computed from its rows, and what differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from accounts.statements import base
from accounts.statements.base import ZERO, DealLine, NotAStatement, Statement
from accounts.statements.mt5_rows import Sheet
from accounts.statements.numbers import to_decimal
from accounts.statements.words import difference

Totals = dict[str, Decimal | int]

# The summary has no untranslated words; its rows are known by their order and number of pairs.
WITH_CREDIT = ("balance", "credit", "floating", "equity")
WITHOUT_CREDIT = ("balance", "floating", "equity")
COUNT_AND_SHARE = re.compile(r"([0-9 ]+)\([0-9 ]+(?:\.[0-9]+)?%\)")
NAMES = {
    "closed_trades": "Total trades",
    "net_profit": "Total net profit",
    "gross_profit": "Gross profit",
    "gross_loss": "Gross loss",
    "balance": "Balance",
    "credit": "Credit facility",
    "floating": "Floating P/L",
    "equity": "Equity",
}
MOST_SENTENCES = 20


def printed(sheet: Sheet) -> Totals:
    """The totals of the summary and of the results; a key is absent where the file says nothing."""
    rows = sheet.figures
    return _summary(rows) | _results(rows) | _trade_count(rows)


def computed(sheet: Sheet, theirs: Totals) -> Totals:
    """The same totals from the rows; `theirs` decides between ways of counting that differ."""
    deals = sheet.deals
    totals = _of_trades(sheet, theirs) | _of_operations(deals)
    opening = opening_balance(deals, totals, theirs)
    booked = totals["net_profit"] + totals["balance_operations"]
    floating = sum((line.profit for line in sheet.open_positions), ZERO)
    open_swap = sum((line.swap for line in sheet.open_positions), ZERO)
    credit = _credit(deals, totals, theirs)
    return totals | {
        "open_positions": len(sheet.open_positions),
        "opening_balance": opening,
        "balance": opening + booked,
        "credit": credit,
        "floating": floating,
        "open_swap": open_swap,
        "equity": opening + booked + credit + floating + open_swap,
    }


def opening_balance(deals: list[DealLine], ours: Totals, theirs: Totals) -> Decimal:
    """What was there before the first row, credit left out.

    The running balance holds the credit too; what was given before the first row is the printed
    credit less the rows'. A report without deals still prints the balance.
    """
    first = deals[0] if deals else None
    if first is None or first.balance_after is None:
        booked = ours["net_profit"] + ours["balance_operations"]
        return Decimal(theirs.get("balance", booked) - booked)
    before = first.balance_after - first.amount
    if not before:
        return ZERO
    return Decimal(before - (theirs.get("credit", ours["credit"]) - ours["credit"]))


def judge(statement: Statement) -> None:
    """Write down every total and every running balance that the rows do not explain."""
    ours, theirs = statement.our_totals, statement.file_totals
    statement.breaks += [
        difference(name, theirs[key], ours[key])
        for key, name in NAMES.items()
        if key in theirs and theirs[key] != ours[key]
    ]
    statement.breaks += _missing_end(statement)
    statement.breaks += _opening_below_zero(statement.deals)
    sentences = list(_running_balance(statement.deals))
    if not sentences and theirs.get("balance", ours["balance"]) != ours["balance"]:
        statement.breaks.append(
            "The running balance holds in every row, so the summary tells of another moment: the "
            f"report's period probably ends (last row {statement.period_to or 'none'}) before it was "
            f"printed ({statement.printed_at or 'unknown'}), or the summary was edited."
        )
    statement.breaks += sentences[:MOST_SENTENCES]
    if len(sentences) > MOST_SENTENCES:
        rest = len(sentences) - MOST_SENTENCES
        statement.breaks.append(f"The running balance breaks in {rest} more rows.")


def _missing_end(statement: Statement) -> list[str]:
    """A report ends with its results; only one without trades may have none, if its balance is printed."""
    theirs = statement.file_totals
    has_trades = any(deal.kind == base.TRADE for deal in statement.deals)
    if "net_profit" in theirs or ("balance" in theirs and not has_trades):
        return []
    return [
        "The file ends without its results, as one that was cut off: its totals could not be compared "
        f"(last row {statement.period_to or 'none'}). Expected the whole report; export it again."
    ]


def _opening_below_zero(deals: list[DealLine]) -> list[str]:
    """A first row that the balance after it denies; one that ends a debt at zero is none."""
    first = next((deal for deal in deals if not deal.inferred), None)
    if first is None or not first.balance_after or first.balance_after >= first.amount:
        return []
    return [
        f"The first row (row {first.row}, deal {first.broker_deal_id}) books {first.amount}, its balance "
        f"is {first.balance_after}: {first.balance_after - first.amount} would have been there before."
    ]


def _running_balance(deals: Iterable[DealLine]) -> Iterator[str]:
    before: Decimal | None = None
    for deal in deals:
        after = deal.balance_after
        if before is not None and after is not None and before + deal.amount != after:
            yield (
                f"Running balance in row {deal.row} (deal {deal.broker_deal_id}): {before} before "
                f"and {deal.amount} in the row give {before + deal.amount}, the file prints {after}."
            )
        if after is not None:
            before = after


def _of_trades(sheet: Sheet, theirs: Totals) -> Totals:
    trades = [deal for deal in sheet.deals if deal.kind == base.TRADE]
    net = sum((deal.amount for deal in trades), ZERO)
    gross_profit = _gross_profit(sheet, trades, theirs)
    closings = sum(deal.entry != base.IN for deal in trades)
    counts = (closings, len(sheet.positions))
    return {
        "closed_trades": _agreeing(counts, theirs.get("closed_trades")),
        "net_profit": net,
        "gross_profit": gross_profit,
        "gross_loss": net - gross_profit,
        "profit": sum((deal.profit for deal in trades), ZERO),
        "swap": sum((deal.swap for deal in trades), ZERO),
        "commission": sum((deal.commission for deal in trades), ZERO),
        "fee": sum((deal.fee for deal in trades), ZERO),
    }


def _gross_profit(sheet: Sheet, trades: list[DealLine], theirs: Totals) -> Decimal:
    """By deal, or by closed position with its entry's commission: builds differ, the file decides."""
    by_deal = _gains(deal.amount for deal in trades)
    by_closing = _gains(deal.amount for deal in trades if deal.entry != base.IN)
    by_position = _gains(p.commission + p.swap + p.profit for p in sheet.positions)
    by_price = _gains(deal.profit for deal in trades)
    ways = (by_deal, by_closing, by_position, by_price)
    return Decimal(_agreeing(ways, theirs.get("gross_profit")))


def _gains(amounts: Iterable[Decimal]) -> Decimal:
    return sum((amount for amount in amounts if amount > 0), ZERO)


def _agreeing(
    ways: tuple[Decimal | int, ...], printed_figure: Decimal | int | None
) -> Decimal | int:
    return printed_figure if printed_figure in ways else ways[0]


def _of_operations(deals: list[DealLine]) -> Totals:
    sums: dict[str, Decimal] = {}
    for deal in deals:
        if deal.kind != base.TRADE:
            sums[deal.kind] = sums.get(deal.kind, ZERO) + deal.amount
    credit = sums.pop(base.CREDIT, ZERO)
    return {
        "balance_operations": sum(sums.values(), ZERO),
        "deposits": sums.get(base.DEPOSIT, ZERO),
        "withdrawals": sums.get(base.WITHDRAWAL, ZERO),
        "credit": credit,
    }


def _credit(deals: list[DealLine], ours: Totals, theirs: Totals) -> Decimal:
    """The credit that stands; an extract adds what was given before it, as the file prints it."""
    first = deals[0] if deals else None
    began = first is None or first.balance_after is None or first.balance_after != first.amount
    return Decimal(theirs.get("credit", ours["credit"]) if began else ours["credit"])


def _summary(rows: list[list[str]]) -> Totals:
    for start in range(len(rows)):
        for keys in (WITH_CREDIT, WITHOUT_CREDIT):
            block = rows[start : start + len(keys)]
            if totals := _block(block, keys):
                return totals
    return {}


def _block(block: list[list[str]], keys: tuple[str, ...]) -> Totals:
    """Rows of two pairs each (the second may lack its figure), then one of a single pair."""
    shapes = [len(row) for row in block]
    if len(block) != len(keys) or shapes[-1] != 2:
        return {}
    if not all(3 <= shape <= 4 for shape in shapes[:-1]):
        return {}
    if any(_figure(row[0]) is not None or not _has_digit(row[1]) for row in block):
        return {}
    return {key: _required(NAMES[key], row[1]) for key, row in zip(keys, block, strict=True)}


def _results(rows: list[list[str]]) -> Totals:
    """Net profit, gross profit and gross loss: the first row of three plain figures."""
    for row in rows:
        if len(row) == 6 and _figure(row[0]) is None:
            net, gain, loss = (_figure(text) for text in row[1::2])
            if net is not None and gain is not None and loss is not None and gain >= 0 >= loss:
                return {"net_profit": net, "gross_profit": gain, "gross_loss": loss}
    return {}


def _trade_count(rows: list[list[str]]) -> Totals:
    """Total trades, short and long ones with the share that won."""
    for row in rows:
        if len(row) == 6 and all(COUNT_AND_SHARE.fullmatch(text) for text in row[3::2]):
            count = _figure(row[1])
            if count is not None and count == int(count):
                return {"closed_trades": int(count)}
    return {}


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def _required(name: str, text: str) -> Decimal:
    try:
        return to_decimal(text)
    except ValueError as error:
        raise NotAStatement(f"{name} in the summary: {error}.") from error


def _figure(text: str) -> Decimal | None:
    try:
        return to_decimal(text)
    except ValueError:
        return None
