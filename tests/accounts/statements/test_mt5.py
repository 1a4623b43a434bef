"""MT5 trade history reports: any language and layout, totals and running balance, refusals."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.statements import base, mt5
from accounts.statements.base import NotAStatement, Statement
from tests.accounts.statements.mt5_pages import (
    ARABIC,
    BOUGHT,
    CHINESE,
    CLOSED,
    DEPOSIT,
    ENGLISH,
    SOLD,
    Report,
)

SAMPLES = os.environ.get("TRADERSHUB_STATEMENTS", "")
KEYS = {
    "net_profit": "net_profit",
    "balance_ops": "balance_operations",
    "credit_ops": "credit",
    "balance": "balance",
    "floating_pl": "floating",
    "equity": "equity",
    "open": "open_positions",
}


def oracles() -> dict[str, dict[str, str]]:
    if not SAMPLES:
        return {}
    totals = json.loads((Path(SAMPLES) / "totals.json").read_text())
    return {name: figures for name, figures in totals.items() if name.startswith("mt5/")}


def read(report: Report, tmp_path: Path) -> Statement:
    return mt5.read(report.html(tmp_path / "report.html"))


def refused(report: Report, tmp_path: Path) -> str:
    with pytest.raises(NotAStatement) as error:
        read(report, tmp_path)
    return str(error.value)


def deal(statement: Statement, number: str) -> base.DealLine:
    return next(line for line in statement.deals if line.broker_deal_id == number)


@pytest.mark.skipif(not SAMPLES, reason="TRADERSHUB_STATEMENTS names no folder of statements")
@pytest.mark.parametrize("name", oracles())
def test_real_file_gives_exactly_its_totals(name: str) -> None:
    statement = mt5.read(Path(SAMPLES) / name)
    expected = oracles()[name]
    ours = {key: statement.our_totals[ours] for key, ours in KEYS.items()}
    assert ours == {key: Decimal(expected[key]) for key in KEYS}
    printed = {ours for ours in KEYS.values() if ours in statement.file_totals}
    assert {key: statement.file_totals[key] for key in printed} == {
        key: statement.our_totals[key] for key in printed
    }
    assert len(list(statement.money_rows())) == int(expected["deals"])
    assert statement.breaks == []
    assert statement.refusals == []


@pytest.mark.skipif(not SAMPLES, reason="TRADERSHUB_STATEMENTS names no folder of statements")
def test_real_extract_starts_with_what_was_there_and_infers_its_openings() -> None:
    statement = mt5.read(Path(SAMPLES) / "mt5" / "2025-hedge-usd-en-hfm.xlsx")
    assert not statement.starts_at_beginning
    assert statement.our_totals["opening_balance"] == Decimal("50.61")
    openings = [line for line in statement.deals if line.inferred]
    assert [line.position_ref for line in openings] == ["35324172", "35324758"]
    assert {line.amount for line in openings} == {Decimal(0)}


@pytest.mark.parametrize("labels", [ENGLISH, ARABIC, CHINESE], ids=["en", "ar", "zh"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-16-be"])
def test_every_language_and_encoding_reads_alike(
    labels: dict[str, object], encoding: str, tmp_path: Path
) -> None:
    path = Report(labels=labels).html(tmp_path / "report.html", encoding)
    statement = mt5.read(path)
    assert statement.breaks == []
    assert statement.file_totals["net_profit"] == Decimal("9.00")
    assert statement.file_totals["equity"] == Decimal("1009.00")
    assert statement.account == base.AccountInfo(
        number="12345",
        currency="USD",
        name="A Trader",
        broker="Broker Ltd",
        server="Some Server-Demo",
        kind="demo",
        margin_mode="hedging",
    )
    assert statement.printed_at == "2024.02.01 12:00"


@pytest.mark.parametrize("name", ["report.xlsx", "report.csv", "report.html"])
def test_workbook_is_read_whatever_its_name(name: str, tmp_path: Path) -> None:
    report = Report()
    statement = mt5.read(report.xlsx(tmp_path / name))
    same = mt5.read(report.html(tmp_path / "same.htm"))
    assert [line.amount for line in statement.deals] == [line.amount for line in same.deals]
    assert statement.our_totals == same.our_totals
    assert statement.file_totals == same.file_totals
    assert statement.account == same.account


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_table_saved_as_text_reads_alike(mark: str, tmp_path: Path) -> None:
    report = Report()
    path = tmp_path / "report.csv"
    rows = [cells + [""] * (14 - len(cells)) for _, cells in report.lines()]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=mark).writerows(rows)
    statement = mt5.read(path)
    same = mt5.read(report.html(tmp_path / "same.htm"))
    assert statement.our_totals == same.our_totals
    assert statement.file_totals == same.file_totals
    assert statement.account == same.account


def test_whole_figures_of_a_summary_are_no_row(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    whole = Report(summary=("1009", "0", "0", "1009"), account="9 (JPY, Server, demo, Hedge)")
    rows = [cells + [""] * (14 - len(cells)) for _, cells in whole.lines()]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    assert mt5.read(path).file_totals["balance"] == Decimal(1009)


def test_fee_and_commission_are_kept_apart(tmp_path: Path) -> None:
    line = deal(read(Report(), tmp_path), "102")
    figures = (line.profit, line.swap, line.commission, line.fee)
    assert figures == (Decimal("10.00"), Decimal("-0.20"), Decimal("-0.35"), Decimal("-0.05"))


def test_closing_deal_gets_the_position_of_its_row(tmp_path: Path) -> None:
    statement = read(Report(), tmp_path)
    assert [line.position_ref for line in statement.deals] == ["", "501", "501"]


def test_unhidden_comment_of_positions_does_not_shift_columns(tmp_path: Path) -> None:
    row = CLOSED.split("|")
    shifted = "|".join([*row[:4], "85144267", *row[4:]])
    statement = read(Report(positions=[shifted], hidden=False), tmp_path)
    assert statement.breaks == []
    assert deal(statement, "102").position_ref == "501"


def test_visible_cost_column_is_not_taken_for_commission(tmp_path: Path) -> None:
    rows = [
        "|".join([*r.split("|")[:8], "7.77", *r.split("|")[8:]]) for r in (DEPOSIT, BOUGHT, SOLD)
    ]
    labels = ENGLISH | {"deals": ENGLISH["deals"].replace("Order|", "Order|Cost|")}
    statement = read(Report(deals=rows, labels=labels, hidden=False), tmp_path)
    assert statement.our_totals["commission"] == Decimal("-0.70")
    assert statement.breaks == []


def test_report_of_2016_has_no_fee_and_no_positions(tmp_path: Path) -> None:
    labels = ENGLISH | {"deals": ENGLISH["deals"].replace("Fee|", "")}
    rows = [
        "2016.08.05 04:36:05|1001||balance|||||0.00|0.00|1 000.00|1 000.00|",
        "2016.08.05 05:00:00|1002|EURUSD|buy|in|1.00|1.10|2001|0.00|0.00|0.00|1 000.00|",
        "2016.08.05 06:00:00|1003|EURUSD|sell|out|1.00|1.11|2002|0.00|-1.00|100.00|1 099.00|",
    ]
    report = Report(
        deals=rows,
        positions=[],
        labels=labels,
        hidden=False,
        account="3873474 (USD, 1:100, MetaQuotes-Demo, demo)",
        summary=("1099.00", "0.00", "0.00", "1099.00"),
        results=("99.00", "99.00", "0.00"),
    )
    statement = read(report, tmp_path)
    assert statement.account.leverage == 100
    assert statement.breaks == []
    assert statement.our_totals["swap"] == Decimal("-1.00")


def test_zero_decimal_currency(tmp_path: Path) -> None:
    rows = [
        "2024.01.02 09:00:00|100||balance|||||0|0|0|3 000 000|3 000 000|",
        "2024.01.02 10:00:00|101|USDJPY|sell|in|0.1|150.100|501|0|0|0|0|3 000 000|",
        "2024.01.02 11:00:00|102|USDJPY|buy|out|0.1|150.200|502|0|0|-12|-1 000|2 998 988|",
    ]
    report = Report(
        deals=rows,
        positions=[],
        account="9 (JPY, OANDA-Japan MT5 Demo, real, Hedge)",
        summary=("2 998 988", "0", "0", "2 998 988"),
        results=("-1 012", "0", "-1 012"),
    )
    statement = read(report, tmp_path)
    assert statement.account.currency == "JPY"
    assert statement.account.kind == "live"
    assert statement.our_totals["balance"] == Decimal(2998988)
    assert statement.breaks == []


def test_credit_is_in_the_running_balance_but_not_in_the_balance(tmp_path: Path) -> None:
    credit = "2024.01.04 00:00:00|103||credit|in|0|0.00||0.00|0.00|0.00|500.00|1 509.00|bonus"
    report = Report(
        deals=[DEPOSIT, BOUGHT, SOLD, credit],
        summary=("1 009.00", "500.00", "0.00", "1 509.00"),
    )
    statement = read(report, tmp_path)
    assert statement.breaks == []
    assert statement.our_totals["credit"] == Decimal(500)
    assert statement.our_totals["balance_operations"] == Decimal(1000)
    assert deal(statement, "103").kind == base.CREDIT


def test_reversal_and_netting(tmp_path: Path) -> None:
    rows = [
        DEPOSIT,
        "2024.01.02 10:00:00|101|EURUSD|buy|in|1.00|1.10000|501|0.00|0.00|0.00|0.00|1 000.00|",
        "2024.01.02 11:00:00|102|EURUSD|sell|in/out|3.00|1.09000|502|0.00|0.00|0.00|-10.00|990.00|",
    ]
    line = "2024.01.02 11:00:00|502|EURUSD|sell|2.00|1.09000|||1.08000|-0.50|20.00|"
    report = Report(
        deals=rows,
        positions=[],
        open=[line],
        account="12345 (USD, Server, demo, Netting)",
        summary=("990.00", "0.00", "20.00", "1 009.50"),
        results=("-10.00", "0.00", "-10.00"),
    )
    statement = read(report, tmp_path)
    assert statement.account.margin_mode == "netting"
    assert deal(statement, "102").entry == base.IN_OUT
    assert statement.breaks == []
    assert statement.our_totals["open_swap"] == Decimal("-0.50")
    assert not any(line.inferred for line in statement.deals)


def test_close_by_belongs_to_both_positions(tmp_path: Path) -> None:
    rows = [
        DEPOSIT,
        "2024.01.02 10:00:00|101|EURUSD|buy|in|1.00|1.10000|501|0.00|0.00|0.00|0.00|1 000.00|",
        "2024.01.02 11:00:00|102|EURUSD|sell|in|1.00|1.11000|502|0.00|0.00|0.00|0.00|1 000.00|",
        "2024.01.02 12:00:00|103|EURUSD|sell|out by|1.00|1.11000|503|0.00|0.00|0.00|10.00|1 010.00|",
        "2024.01.02 12:00:00|104|EURUSD|buy|out by|1.00|1.10000|503|0.00|0.00|0.00|0.00|1 010.00|",
    ]
    positions = [
        "2024.01.02 10:00:00|501|EURUSD|buy|1.00|1.10000|||2024.01.02 12:00:00|1.11000|0.00|0.00|10.00",
        "2024.01.02 11:00:00|502|EURUSD|sell|1.00|1.11000|||2024.01.02 12:00:00|1.11000|0.00|0.00|0.00",
    ]
    report = Report(
        deals=rows,
        positions=positions,
        summary=("1 010.00", "0.00", "0.00", "1 010.00"),
        results=("10.00", "10.00", "0.00"),
        trades="2",
    )
    statement = read(report, tmp_path)
    assert statement.breaks == []
    closings = {line.broker_deal_id: line for line in statement.deals}
    assert (closings["103"].entry, closings["103"].position_ref) == (base.OUT_BY, "501")
    assert closings["104"].position_ref == "502"


def test_partial_closes_are_found_by_their_sums(tmp_path: Path) -> None:
    rows = [
        DEPOSIT,
        "2024.01.02 10:00:00|101|EURUSD|buy|in|0.30|1.10000|501|0.00|0.00|0.00|0.00|1 000.00|",
        "2024.01.02 10:30:00|102|EURUSD|buy|in|0.10|1.10000|502|0.00|0.00|0.00|0.00|1 000.00|",
        "2024.01.02 11:00:00|103|EURUSD|sell|out|0.10|1.10100|503|0.00|0.00|0.00|1.00|1 001.00|",
        "2024.01.02 12:00:00|104|EURUSD|sell|out|0.10|1.10200|504|0.00|0.00|0.00|2.00|1 003.00|",
        "2024.01.02 13:00:00|105|EURUSD|sell|out|0.20|1.10300|505|0.00|0.00|-0.10|6.00|1 008.90|",
    ]
    positions = [
        "2024.01.02 10:00:00|501|EURUSD|buy|0.30|1.10000|||2024.01.02 13:00:00|1.10233|0.00|-0.10|7.00",
        "2024.01.02 10:30:00|502|EURUSD|buy|0.10|1.10000|||2024.01.02 12:00:00|1.10200|0.00|0.00|2.00",
    ]
    report = Report(
        deals=rows,
        positions=positions,
        summary=("1 008.90", "0.00", "0.00", "1 008.90"),
        results=("8.90", "8.90", "0.00"),
        trades="3",
    )
    statement = read(report, tmp_path)
    assert statement.breaks == []
    refs = {line.broker_deal_id: line.position_ref for line in statement.deals}
    assert (refs["103"], refs["104"], refs["105"]) == ("501", "502", "501")


def test_opening_before_the_report_is_inferred_without_money(tmp_path: Path) -> None:
    report = Report(deals=[SOLD], results=("9.40", "9.40", "0.00"))
    statement = read(report, tmp_path)
    opening = statement.deals[0]
    assert opening.inferred
    assert (opening.volume, opening.price) == (Decimal("0.10"), Decimal("1.10000"))
    assert opening.time_text == "2024.01.02 10:00:00"
    assert opening.amount == 0
    assert not statement.starts_at_beginning
    assert statement.our_totals["opening_balance"] == Decimal("999.60")
    assert statement.breaks == []


def test_of_a_position_closed_in_part_before_the_report_the_rest_is_inferred(
    tmp_path: Path,
) -> None:
    """Its row has the volume and profit of all parts, of which the file shows the last ones."""
    closing = SOLD.replace("|0.10|", "|{lots}|").replace("|10.00|1 009.00|", "|5.00|{balance}|")
    first = closing.format(lots="0.02", balance="1 004.40")
    last = closing.format(lots="0.03", balance="1 008.80").replace("|102|", "|103|")
    last = last.replace("11:00:00", "12:00:00")
    whole = CLOSED.replace(
        "11:00:00|1.10100|-0.70|-0.20|10.00", "12:00:00|1.10100|-2.00|-0.60|30.00"
    )
    deals = read(Report(deals=[first, last], positions=[whole]), tmp_path).deals
    assert [(deal.volume, deal.position_ref, deal.inferred) for deal in deals] == [
        (Decimal("0.05"), "501", True),
        (Decimal("0.02"), "501", False),
        (Decimal("0.03"), "501", False),
    ]


def test_every_type_of_money_row_has_its_kind(tmp_path: Path) -> None:
    words = {
        "balance": base.DEPOSIT,
        "charge": base.FEE,
        "correction": base.CORRECTION,
        "bonus": base.BONUS,
        "daily commission": base.COMMISSION,
        "agent": base.COMMISSION,
        "interest": base.INTEREST,
        "dividend": base.DIVIDEND,
        "tax": base.TAX,
        "so compensation": base.COMPENSATION,
        "something new": base.CORRECTION,
    }
    rows = [
        f"2024.01.02 09:00:00|{1000 + i}||{word}|||||0.00|0.00|0.00|1.00|{i + 1}.00|"
        for i, word in enumerate(words)
    ]
    report = Report(
        deals=rows, positions=[], summary=("11.00", "0.00", "0.00", "11.00"), results=()
    )
    statement = read(report, tmp_path)
    assert [line.kind for line in statement.deals] == list(words.values())
    assert statement.our_totals["balance_operations"] == Decimal(11)
    assert statement.breaks == []
    assert "something new" in " ".join(statement.notes)


def test_withdrawal_is_known_by_its_sign(tmp_path: Path) -> None:
    out = "2024.01.04 00:00:00|103||balance|||||0.00|0.00|0.00|- 9.00|1 000.00|"
    statement = read(
        Report(
            deals=[DEPOSIT, BOUGHT, SOLD, out], summary=("1 000.00", "0.00", "0.00", "1 000.00")
        ),
        tmp_path,
    )
    assert deal(statement, "103").kind == base.WITHDRAWAL
    assert statement.our_totals["withdrawals"] == Decimal("-9.00")
    assert statement.breaks == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"summary": ("1 009.10", "0.00", "0.00", "1 009.00")}, "Balance"),
        ({"summary": ("1 009.00", "0.00", "0.00", "1 009.01")}, "Equity"),
        ({"results": ("9.10", "9.50", "-0.40")}, "Total net profit"),
        ({"trades": "2"}, "Total trades"),
    ],
)
def test_total_that_rows_do_not_explain_is_a_break(
    change: dict[str, object], named: str, tmp_path: Path
) -> None:
    statement = read(replace(Report(), **change), tmp_path)  # type: ignore[arg-type]
    assert any(sentence.startswith(f"{named}:") for sentence in statement.breaks)


def test_summary_of_another_moment_is_said_to_be_one(tmp_path: Path) -> None:
    statement = read(Report(summary=("2 000.00", "0.00", "0.00", "2 000.00")), tmp_path)
    assert statement.breaks[0].startswith("Balance: the file prints 2000.00, its rows give 1009.00")
    assert "another moment" in statement.breaks[-1]


def test_torn_row_is_refused_not_passed_over(tmp_path: Path) -> None:
    torn = DEPOSIT.partition("|")[2]
    assert "unknown shape" in refused(Report(deals=[BOUGHT, torn, SOLD]), tmp_path)


def test_running_balance_names_the_row_that_breaks_it(tmp_path: Path) -> None:
    tampered = SOLD.replace("|10.00|", "|11.00|")
    statement = read(Report(deals=[DEPOSIT, BOUGHT, tampered]), tmp_path)
    assert any("deal 102" in text and "1010.00" in text for text in statement.breaks)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("1E+999999", "'1E+999999'"),
        ("٣٫٥", "'٣٫٥'"),
        ("9" * 5000, "at most 15 digits"),
        ("abc", "a number such as"),
        ("1,5", "'1,5'"),
    ],
)
def test_impossible_amount_refuses_the_file_with_row_and_reason(
    found: str, expected: str, tmp_path: Path
) -> None:
    sentence = refused(Report(deals=[DEPOSIT, SOLD.replace("|10.00|", f"|{found}|")]), tmp_path)
    assert sentence.startswith("Row ")
    assert "profit" in sentence
    assert expected in sentence


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("|102|", "|1.23E+08|", "precision lost"),
        ("|0.10|1.10100", "|-0.10|1.10100", "more than 0"),
        ("2024.01.03", "2024.13.03", "2024.13.03"),
        ("2024.01.03 11:00:00", "yesterday", "yesterday"),
        ("|out|", "|sideways|", "sideways"),
        ("|102|", "|101|", "already"),
    ],
)
def test_impossible_row_refuses_the_file(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert expected in refused(Report(deals=[DEPOSIT, BOUGHT, SOLD.replace(old, new)]), tmp_path)


def test_unreadable_order_is_refused_alone(tmp_path: Path) -> None:
    order = "2024.01.02 10:00:00|501|EURUSD|buy limit|x / 0|1.1|||2024.01.02 10:00:00|canceled|"
    statement = read(Report(orders=[order]), tmp_path)
    assert [refusal.section for refusal in statement.refusals] == ["orders"]
    assert statement.breaks == []


def test_orders_keep_their_state_and_both_volumes(tmp_path: Path) -> None:
    order = "2024.01.02 10:00:00|501|EURUSD|sell stop limit|1 / 0.4|market|1.2||2024.01.02 10:00:01|canceled|x"
    line = read(Report(orders=[order]), tmp_path).orders[0]
    assert (line.side, line.type, line.state) == ("sell", "stop limit", "canceled")
    assert (line.volume, line.filled, line.price) == (Decimal(1), Decimal("0.4"), None)
    assert line.stop_loss == Decimal("1.2")


def test_script_in_a_comment_is_text(tmp_path: Path) -> None:
    text = "<script>alert(1)</script>"
    statement = read(Report(deals=[DEPOSIT, BOUGHT, SOLD.replace("[tp 1.10100]", text)]), tmp_path)
    assert deal(statement, "102").comment == text


def test_file_cut_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = Report().html(tmp_path / "report.html")
    content = path.read_bytes()
    for share in (0.3, 0.6, 0.8, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(NotAStatement, match=r"ends in the middle|neither deals"):
            mt5.read(path)


def test_stray_trailing_byte_changes_nothing(tmp_path: Path) -> None:
    path = Report().html(tmp_path / "report.html")
    whole = mt5.read(path)
    path.write_bytes(path.read_bytes() + b"\n")
    assert mt5.read(path) == whole


@pytest.mark.parametrize(
    ("printed", "opened", "inferred"),
    [
        ("999.60", "2024.01.01 10:00:00", ["0.20"]),
        ("1 009.00", "2024.01.01 10:00:00", []),
        ("999.60", "2024.01.09 10:00:00", []),
    ],
)
def test_netted_positions_of_a_later_day_prove_no_opening(
    tmp_path: Path, printed: str, opened: str, inferred: list[str]
) -> None:
    held = f"{opened}|501|EURUSD|buy|0.30|1.10000|||1.10000|0.00|0.00|"
    statement = read(
        Report(
            deals=[BOUGHT],
            positions=[],
            open=[held],
            account="12345 (USD, Server, demo, Netting)",
            summary=(printed, "0.00", "0.00", printed),
            results=(),
        ),
        tmp_path,
    )
    assert [str(deal.volume) for deal in statement.deals if deal.inferred] == inferred


def test_a_first_row_beyond_its_balance_is_a_break(tmp_path: Path) -> None:
    rows = [DEPOSIT.replace("|1 000.00|1 000.00|", "|7 000.00|1 000.00|"), BOUGHT, SOLD]
    (sentence,) = read(Report(deals=rows), tmp_path).breaks
    assert "deal 100) books 7000.00, its balance is 1000.00: -6000.00" in sentence


def test_a_debt_written_off_is_no_break(tmp_path: Path) -> None:
    row = "2024.01.02 09:00:00|100||balance|||||0.00|0.00|0.00|12.34|0.00|Negative balance"
    report = Report(deals=[row], positions=[], summary=("0.00", "0.00", "0.00", "0.00"), results=())
    assert read(report, tmp_path).breaks == []


def test_newest_first_reads_as_oldest_first(tmp_path: Path) -> None:
    statement = read(Report(deals=[SOLD, BOUGHT, DEPOSIT]), tmp_path)
    assert [line.broker_deal_id for line in statement.deals] == ["100", "101", "102"]
    assert statement.breaks == []


def test_deleted_heading_leaves_account_unknown(tmp_path: Path) -> None:
    statement = read(Report(account="deleted"), tmp_path)
    assert statement.account.number == ""
    assert statement.account.currency == ""
    assert "does not say its account" in statement.notes[0]


def test_missing_summary_leaves_totals_absent(tmp_path: Path) -> None:
    statement = read(Report(summary=(), results=()), tmp_path)
    assert statement.file_totals == {}
    assert statement.our_totals["net_profit"] == Decimal("9.00")


def test_a_file_cut_off_before_its_results_is_a_break(tmp_path: Path) -> None:
    for report in (Report(summary=(), results=()), Report(results=())):
        [sentence] = read(report, tmp_path).breaks
        assert sentence.startswith("The file ends without its results")
        assert "(last row 2024.01.03 11:00:00)" in sentence


def test_a_report_without_trades_may_have_no_results(tmp_path: Path) -> None:
    balances = ("1 000.00", "0.00", "0.00", "1 000.00")
    report = Report(deals=[DEPOSIT], positions=[], summary=balances, results=())
    assert read(report, tmp_path).breaks == []


def test_positions_without_deals_are_refused(tmp_path: Path) -> None:
    assert "no deals" in refused(Report(deals=[]), tmp_path)


def test_tester_report_is_refused_as_what_it_is(tmp_path: Path) -> None:
    rows = [DEPOSIT.replace("|100|", "|1|"), BOUGHT.replace("|101|", "|2|")]
    report = Report(deals=rows, positions=[], account="deleted")
    assert "strategy tester" in refused(report, tmp_path)


def test_small_deal_numbers_of_a_named_account_are_no_tester_report(tmp_path: Path) -> None:
    rows = [row.replace(f"|{n}|", f"|{n - 99}|", 1) for n, row in enumerate((DEPOSIT, BOUGHT), 100)]
    statement = read(Report(deals=rows, positions=[]), tmp_path)
    assert [line.broker_deal_id for line in statement.money_rows()] == ["1", "2"]
