"""Tables in the layouts of trading platforms, each with made-up rows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts import imports
from accounts.statements import base, mapping
from accounts.statements.base import NotAStatement
from tests.accounts.tables import receive_table
from tests.factories import make_account

MYFXBOOK = (
    "Tags,Ticket,Open Date,Close Date,Symbol,Action,Units/Lots,SL,TP,Open Price,Close Price,"
    "Commission,Swap,Pips,Profit,Gain,Comment\n"
    ",71,01/15/2026 09:00,,,Deposit,0.01,0,0,0,0,0,0,0,500.00,0,\n"
    ",72,01/15/2026 10:00,01/15/2026 11:00,EURUSD,Buy,0.10,0,0,1.10000,1.10100,-0.70,-0.10,10,9.20,1.8,\n"
    "\nOpen Trades\n"
    "Tags,Ticket,Open Date,Symbol,Action,Lots,Open Price,TP,SL,Profit,Pips,Swap\n"
    ",73,01/16/2026 10:00,EURUSD,Buy,0.10,1.10000,0,0,-5.00,-5.0,0\n"
)
FX_BLUE = (
    "sep=,\n"
    "Type,Ticket,Symbol,Lots,Buy/sell,Open price,Close price,Open time,Close time,Profit,Swap,"
    "Commission,Net profit,Account\n"
    "Closed position,812,EURUSD,1,Buy,1.1,1.101,2026/01/15 09:00:00,2026/01/15 10:00:00,100,-2,-5,93,a\n"
    "Open position,814,EURUSD,1,Buy,1.1,1.09,2026/01/16 09:00:00,1970/01/01 00:00:00,-900,0,0,-900,a\n"
)
CTRADER = (
    '"Symbol","Opening direction","Closing time (UTC+0)","Entry price","Closing price",'
    '"Closing Quantity","Net €","Balance €"\n'
    '"EURUSD","Buy","16/01/2026 14:47:44.584","1.10000","1.10100","0.10 Lots","8.50","10 008.50"\n'
    '"EURUSD","Sell","19/01/2026 15:00:12.370","1.10000","1.10050","0.10 Lots","-4.25","10 004.25"\n'
)
OANDA = (
    "TICKET,DATE,TIMEZONE,TRANSACTION TYPE,DETAILS,INSTRUMENT,PRICE,UNITS,DIRECTION,FINANCING,"
    "COMMISSION,PL,AMOUNT,BALANCE\n"
    "31,2026-01-12 08:00:00,America/New_York,CLIENT_TRANSFER,,,,,,,,,900.00,900.00\n"
    "32,2026-01-13 09:00:00,America/New_York,MARKET_ORDER,CLIENT_ORDER,EUR/USD,,1000,Buy,,,,,\n"
    "33,2026-01-13 09:00:00,America/New_York,ORDER_FILL,MARKET_ORDER,EUR/USD,1.1,1000,Buy,0,0,0,0,900.00\n"
    "35,2026-01-13 17:00:00,America/New_York,DAILY_FINANCING,,,,,,-0.06,,,-0.06,899.94\n"
)
IG = (
    "TextDate,Summary,MarketName,ProfitAndLoss,Transaction type,Reference,Open level,Close level,Size,"
    "DateUtc,OpenDateUtc,CurrencyIsoCode\n"
    "14/01/26,Closed position,Wheat,EUR 10.00,ORDER,R1,500,510,+1,2026-01-14T11:00:00,2026-01-14T10:00:00,EUR\n"
    "15/01/26,Closed position,Wheat,EUR -5.00,ORDER,R2,500,505,-1,2026-01-15T11:00:00,2026-01-15T10:00:00,EUR\n"
)
QUANTOWER = (
    "Account,Date/Time,Symbol,Side,Quantity,Price,Gross P/L,Fee,Net P/L,Trade ID\n"
    "Demo,2026-01-14 9:35:12 AM +00:00,XYZ,Buy,2,50,0,1.20,-1.20,T1\n"
    "Demo,2026-01-14 9:42:15 AM +00:00,XYZ,Sell,2,55,52.50,1.20,51.30,T2\n"
)
SHARES = (
    "Action,Time,Ticker,No. of shares,Price / share,Currency (Price / share),Result,"
    "Currency (Result),Total,Currency (Total),ID\n"
    "Deposit,2026-01-12 11:45:06.326,,,,,,,31.00,EUR,d1\n"
    "Market buy,2026-01-13 14:30:03,ABC,0.5,20.00,USD,,EUR,9.10,EUR,e1\n"
    "Market sell,2026-01-14 14:30:05,ABC,0.5,18.00,USD,-1.00,EUR,8.20,EUR,e2\n"
)
ACTIVITY = (
    "Trades,Header,DataDiscriminator,Currency,Symbol,Date/Time,Quantity,T. Price,Comm/Fee,Realized P/L\n"
    'Trades,Data,Order,USD,ABC,"2026-01-13, 12:00:00",-10,12,-1,18\n'
    'Trades,Data,ClosedLot,USD,ABC,"2026-01-12, 12:00:00",10,10,,18\n'
)


def write(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def suggested(tmp_path, text):
    return mapping.suggest_file(write(tmp_path, text))


def read(tmp_path, text):
    """The statement of a table about which nothing is asked but what has a suggestion."""
    path = write(tmp_path, text)
    found = mapping.suggest_file(path)
    for question in found.questions:
        found = found.answered(question.key, question.suggested)
    return mapping.read(path, found)


def trades(statement):
    return [
        (deal.side, deal.profit)
        for deal in statement.deals
        if deal.kind == base.TRADE and deal.entry != base.IN
    ]


def test_profits_of_myfxbook_contain_their_costs(tmp_path):
    assert suggested(tmp_path, MYFXBOOK).questions == ()
    totals = read(tmp_path, MYFXBOOK).our_totals
    assert (totals["net_profit"], totals["profit"]) == (Decimal("9.20"), Decimal("10.00"))
    assert totals["deposits"] == 500


def test_a_second_table_below_the_first_is_named_and_not_read(tmp_path):
    statement = read(tmp_path, MYFXBOOK)
    assert any("begins in row 6; it was not read" in note for note in statement.notes)
    assert (statement.refusals, statement.open_positions) == ([], [])


def test_headings_repeated_on_each_page_are_no_second_table(tmp_path):
    head, first, second = QUANTOWER.splitlines()
    statement = read(tmp_path, "\n".join([head, first, head, second]))
    assert len(statement.deals) == 2
    assert not any("Another table" in note for note in statement.notes)


def test_a_close_time_of_1970_is_none(tmp_path):
    statement = read(tmp_path, FX_BLUE)
    assert trades(statement) == [("sell", 100)]
    assert [line.profit for line in statement.open_positions] == [-900]


def test_trades_without_a_time_of_opening_close_at_their_own(tmp_path):
    statement = read(tmp_path, CTRADER)
    assert any("does not say when its trades were opened" in note for note in statement.notes)
    assert trades(statement) == [("sell", Decimal("8.50")), ("buy", Decimal("-4.25"))]
    openings = [deal for deal in statement.deals if deal.entry == base.IN]
    assert all(deal.inferred and not deal.amount for deal in openings)
    assert (statement.breaks, statement.our_totals["opening_balance"]) == ([], 10000)


@pytest.mark.django_db
def test_such_trades_are_booked_once_and_leave_nothing_open():
    account = make_account(currency="EUR")
    imported = imports.confirm(receive_table(CTRADER, account), actor=account.owner)
    assert imported.state == "booked", imported.reason
    assert account.positions.filter(closed_at__isnull=True).count() == 0
    again = receive_table(CTRADER, account)
    assert (again.preview["lines"]["booked"], again.preview["lines"]["duplicate"]) == (0, 2)


def test_an_amount_that_is_the_sum_of_its_costs_counts_once(tmp_path):
    statement = read(tmp_path, OANDA)
    assert statement.breaks == []
    financing = statement.deals[-1]
    assert (financing.kind, financing.amount) == (base.SWAP, Decimal("-0.06"))


def test_orders_among_the_fills_are_no_bookings(tmp_path):
    statement = read(tmp_path, OANDA)
    assert statement.refusals == []
    assert any(
        "1 rows are no bookings and were left out, first row 3" in n for n in statement.notes
    )


def test_a_fill_without_a_price_is_refused(tmp_path):
    statement = read(tmp_path, OANDA.replace("MARKET_ORDER,CLIENT_ORDER", "TRANSFER_IN,"))
    assert [line.row for line in statement.refusals] == [3]


def test_a_column_of_zones_states_the_zone(tmp_path):
    assert suggested(tmp_path, OANDA).time_zone == "America/New_York"
    two = OANDA.replace("17:00:00,America/New_York", "17:00:00,Europe/Paris")
    assert suggested(tmp_path, two).time_zone == ""


def test_a_signed_size_is_the_side_of_a_closed_position(tmp_path):
    found = suggested(tmp_path, IG)
    assert [(q.key, q.suggested) for q in found.questions] == [("word: closed position", "trade")]
    assert found.time_zone == "UTC"
    statement = read(tmp_path, IG)
    assert trades(statement) == [("sell", 10), ("buy", -5)]
    assert statement.period_from == "2026.01.14 11:00:00"


def test_executions_with_date_and_time_in_one_heading(tmp_path):
    found = suggested(tmp_path, QUANTOWER)
    assert [question.key for question in found.questions] == ["costs"]
    assert read(tmp_path, QUANTOWER).our_totals["net_profit"] == Decimal("50.10")


def test_the_currency_of_prices_is_not_that_of_the_money(tmp_path):
    statement = read(tmp_path, SHARES)
    assert statement.account.currency == "EUR"
    assert statement.our_totals["deposits"] == 31
    assert trades(statement) == [("buy", 0), ("sell", -1)]


def test_money_without_an_amount_is_refused_not_booked_as_nothing(tmp_path):
    statement = read(tmp_path, SHARES.replace("31.00", ""))
    assert [line.reason for line in statement.refusals] == [
        "Row 2: the row has no amount, expected one as it is money."
    ]


def test_a_table_that_counts_a_trade_several_times_is_refused(tmp_path):
    with pytest.raises(NotAStatement, match="expected a table with one row a trade"):
        suggested(tmp_path, ACTIVITY)


def test_am_and_pm_make_month_first_the_likely_answer(tmp_path):
    text = "ID,Time,Side,Quantity,Symbol,Price,Profit\n81,03/10/2026 9:35:12 {},Buy,2,XYZ,50,0\n"
    for half, likely in (("AM", "month first"), ("", "day first")):
        found = suggested(tmp_path, text.format(half))
        assert [(q.key, q.suggested) for q in found.questions] == [("date_order", likely)]


@pytest.mark.parametrize("heading", ["Entry", "Direction"])
def test_a_column_of_in_and_out_says_what_opens_and_what_closes(tmp_path, heading):
    text = (
        f"Time;Deal;Symbol;Type;{heading};Volume;Price;Swap;Profit\n"
        "2026.01.14 09:00:00;801;XYZ;buy;in;0.10;50.00;0.00;0.00\n"
        "2026.01.14 10:00:00;802;XYZ;sell;out;0.10;51.00;-0.10;10.00\n"
    )
    path = write(tmp_path, text)
    statement = mapping.read(path, mapping.suggest_file(path).answered("profit_is", "gross"))
    assert [deal.entry for deal in statement.deals] == [base.IN, base.OUT]
    assert [deal.side for deal in statement.deals] == [base.BUY, base.SELL]
