"""Tables of any broker: what is suggested, what is asked, how rows are read."""

from __future__ import annotations

import datetime as dt
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from accounts.statements import base, mapping
from accounts.statements.base import NotAStatement, Statement
from accounts.statements.mapping import Mapping

SAMPLES = os.environ.get("TRADERSHUB_STATEMENTS", "")
needs_samples = pytest.mark.skipif(not SAMPLES, reason="TRADERSHUB_STATEMENTS names no folder")

NINJA = """\
Trade number,Instrument,Account,Strategy,Market pos.,Qty,Entry price,Exit price,Entry time,Exit time,\
Entry name,Exit name,Profit,Cum. net profit,Commission,Clearing Fee,Exchange Fee,MAE,MFE,ETD,Bars,
1,ES 03-26,Sim101,,Long,1,6900.25,6901.50,1/20/2026 9:31:00 AM,1/20/2026 9:35:00 AM,Entry,Exit,\
$60.00,$60.00,$2.00,$0.30,$0.20,$0.00,$62.50,$2.50,4,
2,ES 03-26,Sim101,,Short,2,6910.00,6910.25,1/21/2026 1:02:03 PM,1/21/2026 1:05:00 PM,Entry,Stop,\
($30.00),$30.00,$4.00,$0.60,$0.40,$25.00,$0.00,$25.00,3,
3,ES 03-26,Sim101,,Long,1,6900.25,6900.00,1/22/2026 9:31:00 AM,1/22/2026 9:35:00 AM,Entry,Exit,\
-$18.98,$11.02,$2.00,$0.30,$0.20,$0.00,$62.50,$2.50,4,
"""
CTRADER = """\
ID,Order ID,Symbol,Opening direction,Closing direction,Opening time (UTC+4),Closing time (UTC+4),\
Entry price,Closing price,Closing Quantity,Closing volume,Swap,Commission,Gross USD,Net USD,\
Balance USD,Pips
501,901,EURUSD,Buy,Sell,30/12/2025 10:00:00.123,30/12/2025 12:00:00.456,1.10000,1.10100,\
0.10 Lots,"10,000",-0.10,-0.60,10.00,9.30,"1,009.30",10.0
502,902,EURUSD,Sell,Buy,31/12/2025 10:00:00.000,31/12/2025 12:00:00.000,1.10000,1.10100,\
0.20 Lots,"20,000",0.00,-1.20,-20.00,-21.20,988.10,-10.0
"""
MYFXBOOK = """\
Tags,Open Date,Close Date,Symbol,Action,Units/Lots,SL,TP,Open Price,Close Price,Commission,Swap,Pips,\
Profit,Duration (DDHHMMSS),Change %
,01/15/2026 10:00,01/15/2026 11:00,EURUSD,Buy,0.10,0,0,1.10000,1.10100,-0.70,0.00,10.0,10.00,00010000,1.0
,01/14/2026 10:00,01/14/2026 10:00,,Deposit,0.00,0,0,0,0,0.00,0.00,0.0,1000.00,,
"""
JFD = (
    '"Order","Open time","Type","Lot","Symbol","Open price","Sl","Tp","Close time","Price",'
    '"Commission","Swap","Profit / Loss"\n'
    '"77","2026.01.15 10:00:00","buy","0.10","EURUSD","1.10000","0","0","2026.01.15 11:00:00",'
    '"1.10100","-0.70","-0.10","10.00"\n'
)
MQL5 = (
    "Time;Type;Volume;Symbol;Price;Volume;Time;Price;Commission;Swap;Profit\n"
    "2026.01.15 10:00:00;Buy;0.10;EURUSD;1.10000;0.10;2026.01.15 11:00:00;1.10100;-0.70;;1 000.00\n"
    "2026.01.14 10:00:00;Balance;;;;;;;;;500.00\n"
)
GERMAN = (
    "Ticketnummer;Eröffnungszeit;Typ;Menge;Symbol;Eröffnungskurs;Schlusszeit;Schlusskurs;Provision;"
    "Swap;Bruttogewinn;Kommentar\n"
    "7;15.01.2026 10:00:00;Kauf;0,10;EURUSD;1,10000;15.01.2026 11:00:00;1,10100;-0,70;-0,10;"
    "1.010,00;nichts\n"
)


def write(tmp_path: Path, text: str, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def suggested(tmp_path: Path, text: str) -> Mapping:
    return mapping.suggest_file(write(tmp_path, text))


def answered(found: Mapping, **answers: str) -> Mapping:
    for key, value in answers.items():
        found = found.answered(key, value)
    assert found.questions == ()
    return found


def read(tmp_path: Path, text: str, **answers: str) -> Statement:
    path = write(tmp_path, text)
    return mapping.read(path, answered(mapping.suggest_file(path), **answers))


def closings(statement: Statement) -> list[base.DealLine]:
    return [deal for deal in statement.deals if deal.entry == base.OUT]


def keys(found: Mapping) -> list[str]:
    return [question.key for question in found.questions]


def test_ninjatrader_trades_are_read_with_their_costs(tmp_path):
    statement = read(tmp_path, NINJA, costs="cost is positive")
    first, second, third = closings(statement)
    assert first.amount == Decimal("60.00")
    assert (first.profit, first.commission, first.fee) == (
        Decimal("62.50"),
        Decimal("-2.00"),
        Decimal("-0.50"),
    )
    assert second.amount == Decimal("-30.00")
    assert (second.side, second.volume) == ("buy", 2)
    assert third.amount == Decimal("-18.98")
    assert second.time_text == "2026.01.21 13:05:00"
    assert first.broker_deal_id == "", "a number that counts from 1 in every export is no id"


def test_ninjatrader_profit_is_decided_by_the_cumulative_column(tmp_path):
    found = suggested(tmp_path, NINJA.replace("$2.00,$0.30,$0.20", "$2.00,$0.00,$0.00"))
    assert found.profit_is == "net"
    assert "profit_is" not in keys(found)


def test_ctrader_history_states_its_zone_currency_and_both_results(tmp_path):
    statement = read(tmp_path, CTRADER)
    assert statement.time_zone == "Etc/GMT-4"
    assert statement.account.currency == "USD"
    first, second = closings(statement)
    assert (first.profit, first.amount) == (Decimal("10.00"), Decimal("9.30"))
    assert first.time_text == "2025.12.30 12:00:00.456000"
    assert (first.volume, first.broker_deal_id) == (Decimal("0.10"), "501:close")
    assert second.side == "buy"
    assert statement.our_totals["opening_balance"] == 1000
    assert statement.file_totals["balance"] == Decimal("988.10")
    assert not statement.starts_at_beginning
    assert statement.breaks == []


def test_running_balance_that_jumps_is_a_break(tmp_path):
    statement = read(tmp_path, CTRADER.replace("988.10", "1988.10"))
    assert (
        "moves by 1000.00 that no row explains, in 1 of 1 steps, first in row 3"
        in (statement.breaks[0])
    )


def test_myfxbook_has_deposits_among_the_trades(tmp_path):
    statement = read(tmp_path, MYFXBOOK, profit_is="gross")
    assert statement.deals[0].kind == base.DEPOSIT
    assert statement.our_totals["deposits"] == 1000
    assert statement.our_totals["net_profit"] == Decimal("9.30")


@pytest.mark.parametrize(("answer", "profit"), [("gross", "10.00"), ("net", "10.80")])
def test_profit_of_an_unknown_table_is_asked(tmp_path, answer, profit):
    found = suggested(tmp_path, JFD)
    assert keys(found) == ["profit_is"]
    deal = closings(read(tmp_path, JFD, profit_is=answer))[0]
    assert deal.profit == Decimal(profit)
    assert deal.commission == Decimal("-0.70")


def test_two_columns_of_one_name_are_opening_and_closing(tmp_path):
    statement = read(tmp_path, MQL5)
    opening, closing = (deal for deal in statement.deals if deal.kind == base.TRADE)
    assert (opening.price, closing.price) == (Decimal("1.10000"), Decimal("1.10100"))
    assert (opening.time_text, closing.time_text) == ("2026.01.15 10:00:00", "2026.01.15 11:00:00")
    assert closing.profit == 1000
    assert statement.our_totals["balance_operations"] == 500


def test_german_headings_and_decimal_comma(tmp_path):
    statement = read(tmp_path, GERMAN.replace("Bruttogewinn", "Brutto"))
    deal = closings(statement)[0]
    assert (deal.profit, deal.price) == (Decimal("1010.00"), Decimal("1.10100"))
    assert deal.amount == Decimal("1009.20")
    assert deal.comment == "nichts"


@pytest.mark.parametrize(
    "headings",
    [
        "Ticket;Heure d'ouverture;Sens;Quantité;Symbole;Prix d'ouverture;Heure de clôture;"
        "Prix de clôture;Bénéfice",
        "Ticket;Hora de apertura;Tipo;Cantidad;Símbolo;Precio de apertura;Hora de cierre;"
        "Precio de cierre;Beneficio",
        "Тикет;Время открытия;Тип;Объем;Символ;Цена открытия;Время закрытия;Цена закрытия;Прибыль",
        "Ticket;Czas otwarcia;Rodzaj;Wolumen;Instrument;Cena otwarcia;Czas zamknięcia;"
        "Cena zamknięcia;Zysk",
        "TICKET;open_time;side;lots;symbol;open_price;close_time;close_price;pnl",
        "tradeId;enteredAt;direction;size;contractName;entryPrice;exitedAt;exitPrice;PnL",
    ],
)
def test_headings_in_several_languages(tmp_path, headings):
    row = "7;2026-01-15 10:00;{};0.10;EURUSD;1.10000;2026-01-15 11:00;1.10100;10.00\n"
    words = {"Sens": "achat", "Tipo": "compra", "Тип": "покупка", "Rodzaj": "kupno"}
    word = next((word for name, word in words.items() if name in headings.split(";")), "Buy")
    statement = read(tmp_path, f"{headings}\n{row.format(word)}")
    assert statement.our_totals["net_profit"] == 10
    assert closings(statement)[0].broker_deal_id == "7:close"
    assert closings(statement)[0].side == "sell"


def test_day_and_month_are_asked_when_no_value_decides(tmp_path):
    text = "ID;Time;Side;Quantity;Symbol;Price\n1;02/03/2026 10:00;Buy;1;ES;10.5\n"
    found = suggested(tmp_path, text)
    assert keys(found) == ["date_order"]
    with pytest.raises(NotAStatement, match="Does the day or the month come first"):
        mapping.read(tmp_path / "table.csv", found)
    statement = read(tmp_path, text, date_order="month first")
    assert statement.deals[0].time_text == "2026.02.03 10:00:00"


def test_one_date_far_below_decides_day_and_month(tmp_path):
    rows = "".join(f"{n};02/03/2026 10:00;Buy;1;ES;10.5\n" for n in range(100, 900))
    text = f"ID;Time;Side;Quantity;Symbol;Price\n{rows}999;31/03/2026 10:00;Sell;1;ES;10.5\n"
    found = suggested(tmp_path, text)
    assert (found.date_order, found.questions) == ("day first", ())


def test_decimal_mark_is_asked_when_no_value_decides(tmp_path):
    text = "ID;Time;Type;Amount\n15;2026-01-02;Deposit;1,234\n16;2026-01-03;Deposit;5,000\n"
    found = suggested(tmp_path, text)
    assert keys(found) == ["decimal"]
    assert read(tmp_path, text, decimal=",").our_totals["deposits"] == Decimal("6.234")
    assert read(tmp_path, text, decimal=".").our_totals["deposits"] == 6234


def test_unknown_word_for_a_side_is_asked(tmp_path):
    text = (
        "ID;Time;Side;Quantity;Symbol;Price\n11;2026-01-02 10:00;Buy;1;ES;10.5\n"
        "12;2026-01-02 11:00;Frobnicate;1;ES;11.5\n13;2026-01-02 12:00;Buy limit;1;ES;11.5\n"
    )
    found = suggested(tmp_path, text)
    assert keys(found) == ["word: frobnicate", "word: buy limit"]
    assert found.questions[1].suggested == "ignore"
    done = found.answered("word: frobnicate", "sell").answered("word: buy limit", "ignore")
    statement = mapping.read(tmp_path / "table.csv", done)
    assert [deal.side for deal in statement.deals] == ["buy", "sell"]
    assert "1 rows are no bookings" in statement.notes[-1]


def test_missing_column_is_asked_and_can_be_named(tmp_path):
    text = "ID;Time;Side;Quantity;Wibble;Price\n11;2026-01-02 10:00;Buy;1;ES;10.5\n"
    found = suggested(tmp_path, text)
    assert keys(found) == ["column: symbol"]
    done = found.answered("column: symbol", "5: Wibble")
    assert mapping.read(tmp_path / "table.csv", done).deals[0].symbol == "ES"


def test_signed_quantities_need_no_side(tmp_path):
    text = (
        "ID,Date,Time,Symbol,Quantity,Price,Commission\n11,2026-01-02,10:00:00,ES,-2,10.5,-1.00\n"
        "12,2026-01-02,11:00:00,ES,2,11.5,-1.00\n"
    )
    statement = read(tmp_path, text)
    first = statement.deals[0]
    assert (first.side, first.volume, first.time_text) == ("sell", 2, "2026.01.02 10:00:00")
    assert statement.our_totals["commission"] == -2


def test_executions_without_profits_book_their_costs_and_say_so(tmp_path):
    text = "Time,Symbol,Quantity,Price,Commission\n" + "".join(
        f"2026-01-05 1{n}:00:00,MESH6,{quantity},50{n}0.25,-0.62\n"
        for n, quantity in enumerate([2, -2])
    )
    statement = read(tmp_path, text)
    assert [(deal.profit, deal.commission) for deal in statement.deals] == [
        (0, Decimal("-0.62"))
    ] * 2
    assert any("only the costs are booked as money" in note for note in statement.notes)


def test_times_with_an_offset_become_utc(tmp_path):
    text = (
        "Id,ContractName,EnteredAt,ExitedAt,EntryPrice,ExitPrice,Fees,PnL,Size,Type\n"
        "901,MNQ,01/20/2026 09:30:00 -05:00,01/20/2026 09:45:00 -05:00,10.5,11.5,0.74,2.00,1,Long\n"
    )
    statement = read(tmp_path, text, costs="cost is positive", profit_is="gross")
    assert statement.time_zone == "UTC"
    assert closings(statement)[0].time_text == "2026.01.20 14:45:00"


def test_workbook_keeps_its_own_numbers_and_dates(tmp_path):
    book = Workbook()
    book.active.append(["My trades"])
    book.active.append([])
    book.active.append(["Ticket", "Open time", "Type", "Volume", "Symbol", "Open price"])
    sheet = book.create_sheet("History")
    sheet.append(["", "Report of January"])
    sheet.append(
        ["", "Ticket", "Open time", "Type", "Volume", "Symbol", "Open price", "Close time"]
        + ["Close price", "Profit"]
    )
    opened, closed = dt.datetime(2026, 2, 3, 10), dt.datetime(2026, 2, 3, 11)  # noqa: DTZ001
    sheet.append(["", "7", opened, "sell", 0.1, "EURUSD", 1.101, closed, 1.1, 1234])
    path = tmp_path / "book.xlsx"
    book.save(path)
    found = mapping.suggest_file(path)
    assert (found.sheet, found.header_row, found.questions) == ("History", 1, ())
    deal = closings(mapping.read(path, found))[0]
    assert (deal.profit, deal.price) == (1234, Decimal("1.1"))
    assert (deal.row, deal.time_text) == (3, "2026.02.03 11:00:00")


def test_mapping_survives_json(tmp_path):
    found = suggested(tmp_path, JFD)
    again = Mapping.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    with pytest.raises(ValueError, match="no column mapping"):
        Mapping.from_dict({"layout": "round trips"})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"costs": 7}, "costs was 7; expected one of cost is negative, cost is positive"),
        ({"costs": []}, r"costs was \[\]; expected one of"),
        ({"headings": [1, 2]}, "Each of headings was 1; expected a text"),
        ({"headings": "abc"}, "headings was 'abc'; expected a list"),
        ({"layout": "sideways"}, "layout was 'sideways'; expected one of round trips, executions"),
        ({"layout": ""}, "layout was ''; expected one of round trips"),
        ({"header_row": -1}, "header_row was -1; expected a whole number from 0"),
        ({"header_row": True}, "header_row was True; expected a whole number from 0"),
        ({"decimal": ";"}, "decimal was ';'; expected one of"),
        ({"date_order": "year last"}, 'date_order was .*; expected one of "", day first'),
        ({"time_zone": None}, "time_zone was None; expected a text"),
        ({"columns": 7}, "columns was 7; expected a list"),
        ({"columns": [7]}, "no column mapping"),
        (
            {"columns": [{"target": "luck", "index": 0, "heading": "x"}]},
            "The meaning of a column was 'luck'; expected one of open_time",
        ),
        (
            {"columns": [{"target": "price", "index": "0", "heading": "x"}]},
            "The index of a column was '0'; expected a whole number",
        ),
        ({"words": [["kauf", 7]]}, "Each of words and its meaning was 7; expected a text"),
        ({"words": [["kauf"]]}, "no column mapping"),
        (
            {"questions": [{"key": "costs", "text": 7, "options": []}]},
            "A question was 7; expected a text",
        ),
        ({"luck": 7}, "no column mapping"),
    ],
)
def test_a_mapping_with_a_value_of_another_kind_is_refused_with_a_sentence(
    tmp_path, changed, sentence
):
    with pytest.raises(ValueError, match=sentence):
        Mapping.from_dict(suggested(tmp_path, JFD).to_dict() | changed)


def test_answer_that_is_no_option_is_refused(tmp_path):
    found = suggested(tmp_path, JFD)
    with pytest.raises(ValueError, match="was 'perhaps'"):
        found.answered("profit_is", "perhaps")
    with pytest.raises(ValueError, match="no open question"):
        found.answered("decimal", ".")


def test_saved_mapping_is_found_by_the_headings(tmp_path):
    saved = answered(suggested(tmp_path, JFD), profit_is="gross")
    other = suggested(tmp_path, MQL5)
    path = write(tmp_path, JFD.replace("77", "78"), "later.csv")
    assert mapping.fits(path, [other, saved, saved]) == [1, 2]
    assert mapping.fits(path, [other]) == []


def test_table_with_other_headings_is_refused(tmp_path):
    saved = answered(suggested(tmp_path, JFD), profit_is="gross")
    path = write(tmp_path, JFD.replace('"Swap"', '"Spread"'), "other.csv")
    with pytest.raises(NotAStatement, match="Column 12 is headed 'Spread', the mapping expects"):
        mapping.read(path, saved)


def test_preview_shows_the_first_rows_only(tmp_path):
    rows = "".join(f"{n};2026-01-02 10:{n:02}:00;Buy;1;ES;10.5\n" for n in range(10, 60))
    path = write(tmp_path, f"ID;Time;Side;Quantity;Symbol;Price\n{rows}")
    deals, refusals = mapping.preview(path, mapping.suggest_file(path), n=5)
    assert [deal.broker_deal_id for deal in deals] == ["10", "11", "12", "13", "14"]
    assert refusals == []


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("1E+999999", "profit: found '1E+999999', expected a number"),
        ("٣٫٥", "profit: found '٣٫٥', expected a number"),
        ("9" * 5000, "profit: found '9999"),
    ],
)
def test_impossible_number_refuses_its_row(tmp_path, cell, reason):
    text = MQL5 + MQL5.splitlines()[1].replace("1 000.00", cell) + "\n"
    statement = read(tmp_path, text)
    assert len(statement.refusals) == 1
    assert statement.refusals[0].row == 4
    assert reason in statement.refusals[0].reason


def test_formula_in_a_comment_is_text(tmp_path):
    text = GERMAN.replace("Bruttogewinn", "Brutto").replace("nichts", "=HYPERLINK(1)")
    assert closings(read(tmp_path, text))[0].comment == "=HYPERLINK(1)"


def test_later_export_names_its_trades_alike(tmp_path):
    first = "7;2026-01-15 10:00;Buy;0.1;EURUSD;1.1;2026-01-15 11:00;1.2;10.00\n"
    rest = "7;2026-01-15 10:00;Buy;0.3;EURUSD;1.1;2026-01-16 11:00;1.3;20.00\n"
    head = "Ticket;Open time;Type;Volume;Symbol;Open price;Close time;Close price;Profit\n"
    early = read(tmp_path, head + first)
    late = read(tmp_path, head + rest + first)
    names = {deal.broker_deal_id for deal in late.deals}
    assert {deal.broker_deal_id for deal in early.deals} <= names
    assert len(names) == 4
    assert {deal.position_ref for deal in late.deals} == {"7"}


def test_trades_without_ids_keep_opening_and_closing_together(tmp_path):
    row = "2026-01-15 10:00;Buy;0.1;EURUSD;1.1;2026-01-15 11:00;1.2;10.00\n"
    head = "Open time;Type;Volume;Symbol;Open price;Close time;Close price;Profit\n"
    statement = read(tmp_path, head + row + row)
    assert {deal.broker_deal_id for deal in statement.deals} == {""}
    assert len({deal.position_ref for deal in statement.deals}) == 2
    assert statement.our_totals["net_profit"] == 20


def test_row_without_closing_is_an_open_position(tmp_path):
    row = "7;2026-01-15 10:00;Buy;0.1;EURUSD;1.1;;1.2;10.00\n"
    head = "Ticket;Open time;Type;Volume;Symbol;Open price;Close time;Close price;Profit\n"
    closed = "8;2026-01-15 10:00;Buy;0.1;EURUSD;1.1;2026-01-15 11:00;1.2;10.00\n"
    statement = read(tmp_path, head + row + closed)
    assert statement.our_totals["open_positions"] == 1
    assert statement.open_positions[0].market_price == Decimal("1.2")
    assert statement.our_totals["net_profit"] == 10


def test_table_of_something_else_is_refused(tmp_path):
    with pytest.raises(NotAStatement, match="looks like headings"):
        suggested(tmp_path, "Fruit;Colour;Taste\nApple;red;sweet\nPear;green;sweet\n")


@needs_samples
def test_real_ftmo_journal():
    path = Path(SAMPLES) / "ftmo/2022-metrix-journal.csv"
    found = mapping.suggest_file(path)
    assert (found.known_as, found.questions) == ("FTMO MetriX journal", ())
    totals = mapping.read(path, found).our_totals
    assert totals["closed_trades"] == 27
    assert totals["profit"] == Decimal("5348.60")
    assert totals["commission"] == Decimal("-190.58")
    assert totals["swap"] == 0


@needs_samples
def test_real_tradovate_performance_and_fills():
    folder = Path(SAMPLES) / "tradovate"
    trips = mapping.suggest_file(folder / "b-performance.csv")
    assert trips.questions == ()
    statement = mapping.read(folder / "b-performance.csv", trips)
    assert statement.our_totals["closed_trades"] == 10
    assert statement.our_totals["net_profit"] == Decimal("136.25")
    first = statement.deals[0]
    assert (first.side, first.symbol, first.time_text) == ("sell", "NQH6", "2026.02.11 15:34:46")
    fills = mapping.suggest_file(folder / "b-fills.csv")
    assert (fills.questions, fills.time_zone) == ((), "UTC")
    statement = mapping.read(folder / "b-fills.csv", fills)
    assert len(statement.deals) == 20
    assert statement.our_totals["commission"] == Decimal("-6.08")


@needs_samples
def test_real_xtb_cash_operations():
    path = Path(SAMPLES) / "xtb/2024-cash-operations-en.csv"
    found = mapping.suggest_file(path)
    assert (found.layout, found.questions) == ("cash rows", ())
    statement = mapping.read(path, found)
    trades = [deal for deal in statement.deals if deal.kind == base.TRADE]
    assert len(trades) == 14
    assert statement.our_totals["withdrawals"] == Decimal("-856.47")
    assert "010.09.2024" in statement.refusals[0].reason


def test_ninjatrader_executions_tell_entry_from_exit(tmp_path):
    text = (
        "Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,\n"
        "ES 03-26,Buy,1,6900.25,1/20/2026 9:31:00 AM,abc1,Entry,1 L,o1,Entry,$2.00,1,Sim101,\n"
        "ES 03-26,Sell,1,6901.25,1/20/2026 9:35:00 AM,abc2,Exit,-,o2,Exit,$2.00,1,Sim101,\n"
    )
    statement = read(tmp_path, text, costs="cost is positive")
    first, second = statement.deals
    assert (first.entry, second.entry, first.price) == ("in", "out", Decimal("6900.25"))
    assert (first.broker_deal_id, first.position_ref) == ("abc1", "")
    assert statement.account.number == "Sim101"


def test_french_ninjatrader_trades(tmp_path):
    head = (
        "Instrument;Pos marché;Quantité;Prix d'entrée;Prix de sortie;Heure d'entrée;Heure de sortie;"
        "Profit\n"
    )
    row = "ES;Short;1;6 901,50;6 900,25;20/01/2026 09:31:00;20/01/2026 09:35:00;1 250,50 $\n"
    deal = closings(read(tmp_path, head + row))[0]
    assert (deal.side, deal.price, deal.profit) == ("buy", Decimal("6900.25"), Decimal("1250.50"))


def test_dash_is_an_empty_cell_and_amount_beside_a_price_a_volume(tmp_path):
    text = (
        "Trade ID;Instrument;TradeTime;B/S;Amount;Price;Spread Costs\n"
        "1001;EURUSD;02-Jan-2026 10:00;Bought;10.000;1,1000;-\n"
        "1002;EURUSD;03-Jan-2026 10:00;Sold;10.000;1,1001;-1,00\n"
    )
    statement = read(tmp_path, text)
    first = statement.deals[0]
    assert (first.volume, first.fee, first.side) == (10000, 0, "buy")
    assert first.time_text == "2026.01.02 10:00:00"
    assert statement.our_totals["fee"] == -1


def test_balance_after_each_cash_row_is_followed(tmp_path):
    text = (
        "Id,Balance,Amount,Currency,Type,Modified,Trade Id,Instrument Symbol\n"
        '"50","110.00","10.00","USD","TRADE","2026-01-30 10:00:00.000","77","GOLD"\n'
        '"40","100.00","-1.00","USD","SWAP","2026-01-29 10:00:00.000","77","GOLD"\n'
        '"30","101.00","101.00","USD","DEPOSIT","2026-01-28 10:00:00.000","",""\n'
    )
    found = suggested(tmp_path, text)
    assert found.questions[0].suggested == base.ARCHIVE
    statement = mapping.read(tmp_path / "table.csv", found.answered("word: trade", base.ARCHIVE))
    assert statement.starts_at_beginning
    assert statement.breaks == []
    assert statement.our_totals["net_profit"] == 10
    assert statement.our_totals["balance_operations"] == 100
    assert statement.account.currency == "USD"


def test_column_named_by_hand_answers_its_question(tmp_path):
    text = "ID;Time;Side;Quantity;Wibble;Price\n11;2026-01-02 10:00;Buy;1;ES;10.5\n"
    found = suggested(tmp_path, text).with_column(4, "Wibble", "symbol")
    assert found.questions == ()
    with pytest.raises(ValueError, match="expected one of"):
        found.with_column(4, "Wibble", "flavour")


def test_id_that_a_spreadsheet_program_rounded_refuses_the_file(tmp_path):
    text = (
        "ID;Time;Type;Amount\n1.23E+08;2026-01-02;Deposit;12.50\n1.23E+08;2026-01-03;Deposit;5.00\n"
    )
    with pytest.raises(NotAStatement, match="Row 2: the deal id is 1.23E.08, which a spreadsheet"):
        read(tmp_path, text)


POSITIVE_OUT = (
    "Date;Type;Amount;Balance\n01/13/2025 10:00;Deposit;1000.00;1000.00\n"
    "02/03/2025 10:00;Withdrawal;100.00;900.00\n02/04/2025 10:00;Withdrawal;50.00;850.00\n"
)


def test_withdrawals_that_are_all_positive_are_money_that_leaves(tmp_path):
    found = suggested(tmp_path, POSITIVE_OUT)
    assert found.withdrawals == "withdrawal is positive"
    assert any("booked as money that leaves" in note for note in found.notes)
    statement = mapping.read(write(tmp_path, POSITIVE_OUT), found)
    assert [deal.amount for deal in statement.deals] == [1000, -100, -50]
    assert statement.our_totals["withdrawals"] == -150
    assert (statement.breaks, statement.refusals) == ([], [])


def test_one_negative_withdrawal_leaves_the_positive_ones_refused(tmp_path):
    statement = read(tmp_path, POSITIVE_OUT.replace(";50.00", ";-50.00"))
    assert [line.row for line in statement.refusals] == [3]
    assert "expected a negative amount for money that leaves" in statement.refusals[0].reason


def test_a_saved_mapping_keeps_the_sign_of_withdrawals(tmp_path):
    saved = Mapping.from_dict(suggested(tmp_path, POSITIVE_OUT).to_dict())
    path = write(tmp_path, POSITIVE_OUT.replace(";50.00", ";-50.00"))
    statement = mapping.read(path, saved)
    assert "found -50.00 as 'Withdrawal', expected a positive" in statement.refusals[0].reason


def test_a_word_that_a_person_calls_a_withdrawal_is_never_a_deposit(tmp_path):
    text = POSITIVE_OUT.replace("Withdrawal", "Debit")
    statement = read(tmp_path, text, **{"word: debit": "withdrawal"})
    assert [line.row for line in statement.refusals] == [3, 4]


def test_a_column_of_metatraders_entry_codes_is_no_price(tmp_path):
    text = (
        "ticket,time,type,entry,volume,price,profit,symbol\n"
        "1001,2025-03-01 10:00:00,buy,0,1.0,1.1,0.0,EURUSD\n"
        "1002,2025-03-02 10:00:00,sell,1,1.0,1.101,100.0,EURUSD\n"
    )
    found = suggested(tmp_path, text)
    assert not found.has("open_price")
    assert found.layout == "executions"
