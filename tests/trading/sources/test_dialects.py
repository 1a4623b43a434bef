"""Each dialect reads what its senders really send, and refuses the rest in a sentence."""

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from brokers.adapters.messages import Duration, Kind
from trading.receiving import key_of
from trading.sources import SOURCES
from trading.sources.draft import Habits, Intent, Level, LevelIn, Size, SizeIn, Unreadable
from trading.sources.strict import PLACEHOLDER

DOCS = Path(__file__).parents[3] / "docs/signals"
AT = dt.datetime(2026, 3, 2, 9, 15, tzinfo=dt.UTC)
ALERT = {
    "symbol": "OANDA:EURUSD",
    "action": "buy",
    "size": "2",
    "alert": "Long",
    "bar_at": "2026-03-02T09:15:00Z",
    "fired_at": "2026-03-02T09:15:01Z",
}


def read(dialect, body, **habits):
    sent = json.dumps(body) if isinstance(body, dict) else body
    return SOURCES.load(dialect).read(
        sent.encode() if isinstance(sent, str) else sent, Habits(**habits)
    )


def test_our_own_template_is_a_signal():
    draft = read("generic", SOURCES.load("generic").TEMPLATE)

    assert (draft.symbol, draft.intent) == ("EURUSD", Intent.BUY)
    assert draft.size == Size(Decimal("0.10"), SizeIn.LOTS)
    assert draft.stop_loss == Level(Decimal(25), LevelIn.PIPS)
    assert draft.fired_at is None


@pytest.mark.parametrize("dialect", ["tradingview", "tradestation", "multicharts", "comma"])
def test_the_page_of_a_dialect_shows_the_template_that_the_hub_shows(dialect):
    page = DOCS / f"{dialect}.md"
    assert SOURCES.load(dialect).TEMPLATE in page.read_text(encoding="utf-8")


def test_the_same_words_as_pairs_are_the_same_signal():
    lines = "action=sell\nsymbol = EURUSD\nsize=0.5\nstop_loss=1.1"
    commas = 'action=sell, symbol="EURUSD", size=0.5, stop_loss=1.1'

    assert read("generic", lines) == read("generic", commas)
    assert read("tradingview", lines) == read("generic", lines)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"order": "limit", "price": "1.1"}, Kind.LIMIT),
        ({"order": "stop", "price": "1.1"}, Kind.STOP),
        ({"order": "stop_limit", "price": "1.1", "limit_price": "1.2"}, Kind.STOP_LIMIT),
        ({"order": "trailing_stop", "distance": "0.002"}, Kind.TRAILING_STOP),
    ],
)
def test_an_order_of_each_kind(words, kind):
    draft = read("generic", {"symbol": "EURUSD", "action": "buy", "size": "1", **words})

    assert draft.kind is kind


def test_an_order_that_expires_is_good_till_then():
    sent = {"symbol": "EURUSD", "action": "buy", "order": "limit", "price": "1"}
    draft = read("generic", {**sent, "expires_at": "2026-03-02T09:15:00Z"})

    assert (draft.duration, draft.expires_at) == (Duration.GTD, AT)


def test_a_source_says_what_its_messages_leave_open():
    sent = {"symbol": "EURUSD", "action": "buy", "size": "1", "stop_loss": "20"}
    habits = {"size_in": SizeIn.PERCENT_RISK, "level_in": LevelIn.PIPS, "strategy": "mr"}
    draft = read("generic", sent, **habits)

    assert draft.size == Size(Decimal(1), SizeIn.PERCENT_RISK)
    assert draft.stop_loss == Level(Decimal(20), LevelIn.PIPS)
    assert draft.strategy == "mr"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ({"price": "1.05"}, "price"),
        ({"order": "market", "price": "1.05"}, "price"),
        ({"limit_price": "1.05"}, "limit_price"),
        ({"distance": "0.002"}, "distance"),
        ({"order": "limit", "price": "1.05", "limit_price": "1.06"}, "limit_price"),
        ({"order": "trailing_stop", "distance": "0.002", "price": "1.05"}, "price"),
        ({"action": "close", "price": "1.05"}, "price"),
        ({"action": "target", "price": "1.05"}, "price"),
    ],
)
@pytest.mark.parametrize("dialect", ["generic", "tradingview", "tradestation"])
def test_a_price_that_its_kind_of_order_has_not_is_refused(dialect, words, name):
    refusal = read(dialect, {"symbol": "EURUSD", "action": "buy", "size": "1", **words})

    assert refusal.code == "odd_price"
    assert f'"{name}" was {words[name]}, and a ' in refusal.message


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("comma", "1,buy,EURUSD,lots=1,price=1.05"),
        ("multicharts", "v1;;mr;EURUSD;buy;0.30;lots;;1.05;;;;;x"),
    ],
)
def test_a_price_in_a_line_that_names_no_kind_is_refused(dialect, line):
    assert read(dialect, line).code == "odd_price"


def test_the_price_of_a_chart_is_told_by_another_name():
    assert read("tradingview", {**ALERT, "close": "1.0631"}).kind is Kind.MARKET


def test_a_unit_without_a_size_is_no_order():
    sent = {"symbol": "E", "action": "buy", "size_in": "units"}
    assert read("generic", sent).code == "no_size"
    assert read("multicharts", "v1;;mr;E;buy;;units;market").code == "no_size"
    assert read("generic", {**sent, "action": "close"}).size is None


@pytest.mark.parametrize("duration", ["gtc", "day", "ioc", "fok"])
def test_an_order_that_expires_and_lasts_otherwise_is_refused(duration):
    sent = {"symbol": "EURUSD", "duration": duration, "expires_at": "2026-03-02T09:15:00Z"}
    limit = {"order": "limit", "price": "1"}
    assert read("generic", {**sent, **limit, "action": "buy"}).code == "expiry"
    assert read("generic", {**sent, "action": "close"}).is_exit


@pytest.mark.parametrize(
    ("name", "habit", "unit"),
    [
        ("trail", LevelIn.PRICE, LevelIn.DISTANCE),
        ("trail", LevelIn.PIPS, LevelIn.PIPS),
        ("trail_price", LevelIn.PRICE, LevelIn.PRICE),
    ],
)
def test_a_bare_trail_is_how_far_it_follows(name, habit, unit):
    sent = {"symbol": "EURUSD", "action": "buy", "size": "1", name: "0.003"}
    assert read("generic", sent, level_in=habit).trail == Level(Decimal("0.003"), unit)


@pytest.mark.parametrize(
    ("side", "before", "after", "intent", "turns"),
    [
        ("buy", "flat", "long", Intent.BUY, False),
        ("buy", "long", "long", Intent.BUY, False),
        ("buy", "short", "long", Intent.BUY, True),
        ("buy", "short", "flat", Intent.CLOSE_SHORT, False),
        ("buy", "short", "short", Intent.CLOSE_SHORT, False),
        ("sell", "long", "flat", Intent.CLOSE_LONG, False),
        ("sell", "long", "short", Intent.SELL, True),
        ("sell", "flat", "short", Intent.SELL, False),
    ],
)
def test_the_position_after_the_order_tells_a_closing_from_an_opening(
    side, before, after, intent, turns
):
    sent = {**ALERT, "action": side, "position": after, "previous_position": before}
    sent |= {"position_size": "0" if after == "flat" else "2"}
    draft = read("tradingview", sent)

    assert (draft.intent, draft.turns) == (intent, turns)


@pytest.mark.parametrize(
    ("after", "size"), [("flat", None), ("long", Size(Decimal(1), SizeIn.LOTS))]
)
def test_a_chart_that_is_flat_leaves_nothing_open_whatever_size_it_names(after, size):
    sent = {**ALERT, "action": "sell", "size": "1", "position": after, "previous_position": "long"}
    line = f"v1;;mr;EURUSD;sell;1;lots;market;;;;{after};"

    assert read("tradingview", sent).size == size
    assert read("tradingview", sent).size_before is None
    assert read("multicharts", line).size == size


@pytest.mark.parametrize(
    "told",
    [
        {"position_size": "3"},
        {"previous_position_size": "4"},
        {"prev_market_position_size": "4", "position_size": "NaN"},
    ],
)
def test_a_part_that_is_closed_is_a_share_of_what_the_chart_held(told):
    sent = {**ALERT, "action": "sell", "size": "1", "position": "long", **told}
    draft = read("tradingview", sent)
    assert (draft.intent, draft.size.value, draft.size_before) == (Intent.CLOSE_LONG, 1, 4)


@pytest.mark.parametrize(
    ("told", "code", "placeholder"),
    [
        ({}, "no_previous_position", "{{strategy.prev_market_position}}"),
        ({"position_size": "5"}, "no_previous_position", "{{strategy.prev_market_position}}"),
        ({"previous_position": "short"}, "no_position_size", "{{strategy.market_position_size}}"),
        (
            {"previous_position": "short", "position_size": "NaN"},
            "no_position_size",
            "{{strategy.market_position_size}}",
        ),
    ],
)
def test_what_the_alert_leaves_open_is_named_and_not_guessed(told, code, placeholder):
    refusal = read("tradingview", {**ALERT, "position": "long", **told})
    assert (refusal.code, placeholder in refusal.message) == (code, True)


@pytest.mark.parametrize(
    "words",
    [
        {"action": "buy", "size": "1", "size_before": "2"},
        {"action": "close", "size_before": "2"},
        {"action": "close", "size": "3", "size_before": "2"},
    ],
)
def test_a_share_that_is_none_is_refused(words):
    assert read("generic", {"symbol": "E", **words}).code == "size_before"


def test_a_turn_asks_for_the_new_position_and_not_for_the_sum_of_both():
    sent = {**ALERT, "action": "sell", "size": "5", "position": "short"}
    draft = read("tradingview", {**sent, "previous_position": "long", "position_size": "-2"})

    assert draft.size == Size(Decimal(2), SizeIn.LOTS)


POSITIONS = ("flat", "long", "short")
OPEN, CLOSED = {"buy": "long", "sell": "short"}, {"buy": "short", "sell": "long"}
WORDS = {"long": "buy", "enter_long": "buy", "short": "sell", "enter_short": "sell"}


@pytest.mark.parametrize("before", POSITIONS)
@pytest.mark.parametrize("after", POSITIONS)
@pytest.mark.parametrize("action", ["buy", "sell", *WORDS])
def test_a_side_makes_what_leads_from_one_position_to_the_other_or_is_refused(
    action, before, after
):
    sent = {**ALERT, "action": action, "position": after, "previous_position": before}
    sent |= {} if after == "flat" else {"position_size": "2"}
    draft, side = read("tradingview", sent), WORDS.get(action, action)

    if after == OPEN[side]:
        turns = before == CLOSED[side]
        assert (draft.intent, draft.turns) == (Intent(side), turns)
    elif before == CLOSED[side] and action == side:
        assert draft.intent is Intent(f"close_{before}")
    else:
        assert draft.code == "position_disagrees"
        assert f"from {before} to {after}" in draft.message


@pytest.mark.parametrize("before", POSITIONS)
@pytest.mark.parametrize("after", POSITIONS)
@pytest.mark.parametrize("action", ["close", "exit_long", "close_short"])
def test_an_exit_leaves_less_of_what_it_closes_or_is_refused(action, before, after):
    sent = {**ALERT, "action": action, "position": after, "previous_position": before}
    draft = read("tradingview", sent)

    closes = before != "flat" and (action == "close" or action.endswith(before))
    if closes and after in ("flat", before):
        assert draft.is_exit and (draft.size is None) == (after == "flat")
    else:
        assert draft.code == "position_disagrees"


@pytest.mark.parametrize(
    "told",
    [
        {"action": "sell", "previous_position": "long", "position": "long", "sizes": ("1", "3")},
        {"action": "sell", "previous_position": "long", "position": "long", "sizes": ("1", "1")},
        {"action": "buy", "previous_position": "long", "position": "long", "sizes": ("3", "1")},
        {"action": "buy", "previous_position": "flat", "position": "long", "sizes": ("1", "1")},
        {"action": "buy", "previous_position": "flat", "position": "long", "sizes": ("0", "0")},
        {"action": "buy", "previous_position": "flat", "position": "long", "sizes": ("0", "-2")},
        {"action": "sell", "previous_position": "long", "position": "flat", "sizes": ("1", "1")},
        {"action": "sell", "previous_position": "", "position": "long", "sizes": ("0", "1")},
        {"action": "exit_long", "position": "long", "sizes": ("1", "2")},
    ],
)
def test_sizes_that_no_order_of_that_side_leads_to_are_refused(told):
    before, after = told["sizes"]
    sizes = {"previous_position_size": before, "position_size": after}
    words = {name: value for name, value in told.items() if name != "sizes"}
    assert read("tradingview", {**ALERT, **words, **sizes}).code == "position_disagrees"


@pytest.mark.parametrize("name", ["previous_position", "previous_position_size", "position_size"])
@pytest.mark.parametrize("action", ["buy", "sell", "enter_short"])
def test_a_side_that_tells_of_positions_and_not_where_it_leads_is_refused(action, name):
    said = "long" if name == "previous_position" else "2"
    refusal = read("tradingview", {**ALERT, "action": action, name: said})
    assert refusal.code == "no_position"
    assert "{{strategy.market_position}}" in refusal.message


@pytest.mark.parametrize(("size", "ends"), [("2", "long"), ("-2", "short"), ("0", "flat")])
@pytest.mark.parametrize("after", POSITIONS)
def test_a_target_on_another_side_than_the_position_is_refused(size, ends, after):
    line = f"v1;;mr;E;target;{size};lots;market;;;;{HOLDS[after]};"
    sent = {**ALERT, "action": "target", "size": size, "position": after}
    for draft in (read("tradingview", sent), read("multicharts", line)):
        found = "position_disagrees" if isinstance(draft, Unreadable) else draft.intent
        assert found == (Intent.TARGET if after == ends else "position_disagrees")


def test_a_part_that_nobody_measures_does_not_close_all():
    sent = {"symbol": "E", "action": "sell", "position": "long", "previous_position": "long"}
    assert read("tradingview", sent).code == "no_size"
    assert read("tradingview", {**sent, "action": "exit_long"}).code == "no_size"


def test_a_message_may_say_the_same_by_two_names():
    assert read("tradingview", {**ALERT, "qty": "2", "contracts": ""}).size.value == 2


@pytest.mark.parametrize("symbol", ["OANDA:EURUSD", "EURUSD", "FX_IDC:EURUSD", "FX:FX:EURUSD"])
def test_the_exchange_before_a_ticker_is_left_out(symbol):
    assert read("tradingview", {**ALERT, "symbol": symbol}).symbol == "EURUSD"


@pytest.mark.parametrize(
    "symbol", ["FX:EURUSD/FX:GBPUSD", "1/FX:EURUSD", "FX:FX:EURUSD-FX:GBPUSD", "=FX:EURUSD"]
)
def test_a_chart_that_is_a_formula_trades_none_of_its_parts(symbol):
    assert read("tradingview", {**ALERT, "symbol": symbol}).code == "formula"


@pytest.mark.parametrize("unknown", ["NaN", "na", "", "null", None, {}])
@pytest.mark.parametrize(
    "name",
    [
        "size",
        "stop_loss",
        "take_profit_pips",
        "trail",
        "account",
        "expires_at",
        "price",
        "distance",
    ],
)
@pytest.mark.parametrize("dialect", ["generic", "tradingview"])
def test_an_entry_whose_size_or_stop_nobody_knows_is_no_order(dialect, name, unknown):
    sent = {"symbol": "EURUSD", "action": "buy", "size": "1", name: unknown}
    assert read(dialect, sent).code in ("unknown_value", "time_format")
    if name not in ("expires_at", "size"):
        assert read(dialect, {**sent, "action": "close"}).is_exit


@pytest.mark.parametrize("unknown", ["", "null", None, {}])
@pytest.mark.parametrize("name", ["order", "size_in", "duration", "turns", "limit_price"])
@pytest.mark.parametrize("dialect", ["generic", "tradingview", "tradestation"])
def test_an_entry_of_which_nobody_knows_what_kind_it_is_is_no_order(dialect, name, unknown):
    sent = {"symbol": "EURUSD", "action": "buy", "size": "1", name: unknown}
    codes = ("unknown_value", "order_kind", "size_unit", "duration", "yes_or_no")
    assert read(dialect, sent).code in codes


@pytest.mark.parametrize(
    ("dialect", "sent"),
    [
        ("generic", {"symbol": "E", "action": "close", "size": "1", "size_in": None}),
        ("generic", {"symbol": "E", "action": "close", "size": "1", "size_before": None}),
        ("generic", {"symbol": "E", "action": "close_long", "size": "NaN"}),
        ("generic", {"symbol": "E", "action": "close", "size": None}),
        ("generic", "action=close\nsymbol=E\nsize="),
        ("comma", "1,close,E,lots=na"),
        ("multicharts", "v1;;mr;E;close;NaN"),
        ("tradingview", {**ALERT, "action": "sell", "size": "NaN", "position": "long"}),
    ],
)
def test_an_exit_whose_size_nobody_knows_closes_neither_a_part_nor_all(dialect, sent):
    assert read(dialect, sent).code == "unknown_value"


def test_an_exit_of_all_needs_no_size():
    assert read("generic", {"symbol": "E", "action": "close"}).size is None
    assert read("generic", {"symbol": "E", "action": "cancel", "size": None}).is_exit
    sent = {**ALERT, "action": "sell", "size": "NaN", "position": "flat"}
    assert read("tradingview", sent).size is None
    assert read("multicharts", "v1;;mr;E;sell;NaN;lots;market;;;;0;1").size is None


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("comma", "1,buy,EURUSD,lots=1,sl=NaN"),
        ("comma", "1,buy,EURUSD,lots="),
        ("generic", "action=buy\nsymbol=EURUSD\nsize=1\nstop_loss="),
        ("multicharts", "v1;;mr;EURUSD;buy;1;lots;market;;NaN"),
        ("tradingview", {"symbol": "EURUSD", "action": "buy", "qty": "NaN"}),
    ],
)
def test_a_line_whose_size_or_stop_nobody_knows_is_no_order(dialect, line):
    assert read(dialect, line).code == "unknown_value"


def test_an_empty_place_of_a_line_is_left_out():
    draft = read("tradestation", "v1;;mr;EURUSD;buy;;;market;;;")
    assert (draft.size, draft.stop_loss) == (None, None)


def test_the_template_of_a_comma_line_leaves_nothing_to_the_source():
    template = SOURCES.load("comma").TEMPLATE
    draft = read("comma", template, size_in=SizeIn.PERCENT_RISK, level_in=LevelIn.PRICE)

    assert not PLACEHOLDER.search(template)
    assert (draft.intent, draft.size) == (Intent.BUY, Size(Decimal("0.10"), SizeIn.LOTS))
    assert draft.stop_loss == Level(Decimal(25), LevelIn.PIPS)
    assert draft.id and draft.strategy == "mr-1"


def test_a_chart_has_no_positions_to_tell_in_a_comma_line():
    assert "{{strategy" not in (DOCS / "comma.md").read_text(encoding="utf-8")
    assert read("comma", "1,sell,EURUSD,lots=1,position=flat").code == "unknown_field"


def test_a_template_whose_placeholders_are_filled_is_a_signal():
    values = {
        "action": "sell",
        "contracts": "2",
        "id": "Long",
        "market_position": "short",
        "market_position_size": "2",
        "prev_market_position": "flat",
        "prev_market_position_size": "0",
        "exchange": "OANDA",
        "ticker": "EURUSD",
        "time": "2026-03-02T09:15:00Z",
        "timenow": "2026-03-02T09:15:01Z",
    }
    template = SOURCES.load("tradingview").TEMPLATE
    filled = PLACEHOLDER.sub(
        lambda found: values[found[0].strip("{}").rpartition(".")[2]], template
    )
    draft = read("tradingview", filled)

    assert (draft.symbol, draft.intent, draft.alert) == ("EURUSD", Intent.SELL, "Long")


def test_a_line_of_an_expert_advisor():
    line = '600123, buy ,EURUSD,size=0.1, sl=25,tp=50,comment="mr-1, second"'
    draft = read("comma", line, size_in=SizeIn.LOTS, level_in=LevelIn.PIPS)

    assert (draft.symbol, draft.size) == ("EURUSD", Size(Decimal("0.1"), SizeIn.LOTS))
    assert draft.take_profit == Level(Decimal(50), LevelIn.PIPS)
    assert draft.comment == "mr-1, second"


@pytest.mark.parametrize(
    ("name", "unit"),
    [("lots", SizeIn.LOTS), ("units", SizeIn.UNITS), ("risk", SizeIn.PERCENT_RISK)],
)
@pytest.mark.parametrize("habit", [SizeIn.LOTS, SizeIn.PERCENT_RISK])
def test_a_size_that_names_its_unit_is_in_that_unit_whatever_the_source_says(name, unit, habit):
    draft = read("comma", f"1,buy,EURUSD,{name}=0.5,sl=1.05", size_in=habit)
    assert draft.size == Size(Decimal("0.5"), unit)


def test_a_number_of_too_many_digits_is_told_how_many_there_may_be():
    said = read("generic", {"symbol": "EURUSD", "action": "buy", "size": "1" * 26})
    assert said.code == "number_format" and "at most 15 digits" in said.message


def test_a_line_may_name_the_kind_with_the_side():
    assert read("comma", "1,selllimit,EURUSD,price=1.2,lots=1").kind is Kind.LIMIT


BRANCH = re.compile(
    r"if (\w+) and MarketPosition (<>|=) (-?1) then begin\s+(\w+) next bar at market;(.*?)\nend",
    re.S,
)
HOLDS = {"flat": 0, "long": 1, "short": -1}


class Chart:
    """What a strategy with the template of its page sends, bar after bar."""

    def __init__(self, dialect):
        self.dialect, self.template = dialect, SOURCES.load(dialect).TEMPLATE
        self.count = 0

    def send(self, rule, holding):
        """The message of a bar on which that rule holds; None where the template sends none."""
        for name, sign, position, order, tells in BRANCH.findall(self.template):
            if name == rule and (HOLDS[holding] == int(position)) is (sign == "="):
                verb, size = re.search(r'"(\w+)"\D*?([\d.]+|"")', tells).groups()
                assert verb == order  # of the order beside it
                self.count += 1
                return getattr(self, f"_{self.dialect}")(verb, size.strip('"'))
        return None

    def _multicharts(self, verb, size):
        values = {"Date": "1260302", "Time": "915", "Symbol": "EURUSD", "RunId": "46083.38541667"}
        values |= {"Verb": verb, "Amount": size, "SentCount": str(self.count)}
        printed = re.search(r'Print\(File\(".*?"\),(.*?)\);', self.template, re.S)[1]
        items = re.findall(r'"([^"]*)"|(\w+)(?::0:0)?', printed)
        return "".join(text if not name else values[name] for text, name in items)

    def _tradestation(self, verb, size):
        assert 'if lots > 0 then body = body + "," + Field("size"' in self.template
        fields = re.findall(r'Field\("(\w+)", ', self.template)
        values = {"strategy": "mr-1", "symbol": "EURUSD", "action": verb, "bar_at": "1260302 915"}
        values |= {"size": size, "id": f"mr-1-EURUSD-46083.38541667-{self.count}"}
        return {name: values[name] for name in fields if name != "size" or float(size)}


@pytest.mark.parametrize(
    ("rule", "holding", "intent", "turns", "size"),
    [
        ("GoLong", "flat", Intent.BUY, True, "0.10"),
        ("GoLong", "short", Intent.BUY, True, "0.10"),
        ("GoShort", "flat", Intent.SELL, True, "0.10"),
        ("GoShort", "long", Intent.SELL, True, "0.10"),
        ("LeaveLong", "long", Intent.CLOSE_LONG, False, None),
        ("LeaveShort", "short", Intent.CLOSE_SHORT, False, None),
    ],
)
@pytest.mark.parametrize("dialect", ["tradestation", "multicharts"])
def test_a_chart_with_the_template_sends_what_its_order_does(
    dialect, rule, holding, intent, turns, size
):
    draft = read(dialect, Chart(dialect).send(rule, holding))

    assert (draft.symbol, draft.strategy) == ("EURUSD", "mr-1")
    assert (draft.intent, draft.turns) == (intent, turns)
    assert draft.size == (Size(Decimal(size), SizeIn.LOTS) if size else None)
    assert AT in (draft.fired_at, draft.bar_at)


@pytest.mark.parametrize(
    ("rule", "holding"),
    [
        ("GoLong", "long"),
        ("GoShort", "short"),
        ("LeaveLong", "flat"),
        ("LeaveLong", "short"),
        ("LeaveShort", "flat"),
        ("LeaveShort", "long"),
    ],
)
@pytest.mark.parametrize("dialect", ["tradestation", "multicharts"])
def test_a_chart_with_the_template_sends_no_order_that_it_would_not_give(dialect, rule, holding):
    assert Chart(dialect).send(rule, holding) is None


@pytest.mark.parametrize("dialect", ["tradestation", "multicharts"])
def test_orders_of_one_bar_are_signals_of_their_own(dialect):
    chart, bars = Chart(dialect), (("GoLong", "flat"), ("LeaveLong", "long"), ("GoLong", "flat"))
    keys = [key_of(read(dialect, chart.send(*bar)), "") for bar in bars]

    assert len(set(keys)) == 3 and all(keys)
    assert "intrabarpersist SentCount(0)" in chart.template
    assert "RunId = NumToStr(ComputerDateTime, 8)" in chart.template


@pytest.mark.parametrize(
    ("verb", "intent", "turns"),
    [
        ("Buy", Intent.BUY, True),
        ("SellShort", Intent.SELL, True),
        ("sell short", Intent.SELL, True),
        ("SELL_SHORT", Intent.SELL, True),
        ("Sell", Intent.CLOSE_LONG, False),
        ("BuyToCover", Intent.CLOSE_SHORT, False),
        ("buy to cover", Intent.CLOSE_SHORT, False),
        ("short", Intent.SELL, False),
    ],
)
@pytest.mark.parametrize("dialect", ["tradestation", "multicharts"])
def test_the_verbs_of_easylanguage_mean_what_they_mean_there(dialect, verb, intent, turns):
    for body in (f"v1;;mr;EURUSD;{verb};1", {"symbol": "EURUSD", "action": verb, "size": "1"}):
        draft = read(dialect, body)
        assert (draft.intent, draft.turns) == (intent, turns)


def test_an_entry_of_easylanguage_that_waits_for_its_price_closes_nothing_yet():
    assert not read("multicharts", "v1;;mr;EURUSD;Buy;1;lots;limit;1.05").turns
    sent = {"symbol": "EURUSD", "action": "Buy", "size": "1", "turns": "false"}
    assert not read("tradestation", sent).turns


@pytest.mark.parametrize("before", ["", "0", "-1", "1"])
@pytest.mark.parametrize(("verb", "after"), [("Buy", "1"), ("SellShort", "-1"), ("buy", "1")])
@pytest.mark.parametrize("order", ["limit;1.05", "stop;1.05"])
def test_no_position_makes_an_entry_that_waits_for_its_price_close_first(
    verb, order, before, after
):
    draft = read("multicharts", f"v1;;mr;EURUSD;{verb};1;lots;{order};;;{after};{before};id1")

    assert (draft.is_exit, draft.turns) == (False, False)


@pytest.mark.parametrize(
    ("before", "turns"), [("", True), ("-1", True), ("0", False), ("1", False)]
)
def test_an_entry_at_the_market_closes_first_what_may_be_against_it(before, turns):
    assert read("multicharts", f"v1;;mr;EURUSD;Buy;1;lots;market;;;;1;{before};id1").turns is turns


def test_an_entry_that_waits_for_its_price_turns_where_it_says_so():
    sent = {"symbol": "EURUSD", "action": "Buy", "size": "1", "order": "limit", "price": "1.05"}
    around = {"position": "1", "previous_position": "-1"}

    assert read("tradestation", sent | {"turns": "true"}).turns
    assert read("tradestation", sent | around | {"turns": "true"}).turns


@pytest.mark.parametrize("before", POSITIONS)
@pytest.mark.parametrize("after", POSITIONS)
@pytest.mark.parametrize("verb", ["Buy", "SellShort", "Sell", "BuyToCover"])
def test_a_verb_whose_order_does_not_lead_there_is_refused(verb, before, after):
    line = f"v1;;mr;E;{verb};1;lots;market;;;;{HOLDS[after]};{HOLDS[before]}"
    ends = {"Buy": "long", "SellShort": "short"}
    from_ = {"Sell": "long", "BuyToCover": "short"}
    fits = after == ends.get(verb) or (before == from_.get(verb) and after in ("flat", before))

    assert isinstance(read("multicharts", line), Unreadable) is not fits


@pytest.mark.parametrize("dialect", ["tradestation", "multicharts"])
def test_a_line_of_easylanguage_in_the_zone_of_its_chart(dialect):
    line = "v1;1260302 915;mean-rev-1;EURUSD;sell;0.10;lots;market;;;;0;1;mr1-7"
    draft = read(dialect, line, zone=ZoneInfo("America/New_York"))

    assert (draft.intent, draft.id) == (Intent.CLOSE_LONG, "mr1-7")
    assert draft.fired_at == dt.datetime(2026, 3, 2, 14, 15, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("clock", "hour", "minute"),
    [("0", 0, 0), ("5", 0, 5), ("30", 0, 30), ("100", 1, 0), ("0005", 0, 5), ("2359", 23, 59)],
)
def test_the_time_of_easylanguage_is_a_number(clock, hour, minute):
    draft = read("multicharts", f"v1;1260302 {clock};mr;EURUSD;close")
    assert draft.fired_at == AT.replace(hour=hour, minute=minute)


def test_the_places_of_a_line_may_stand_in_quotes():
    line = "v1;2026-03-02T09:15:00Z;mr;EURUSD;Buy;0.1;lots;market;;;;;;first"
    quoted = ";".join(f'"{place}"' for place in line.split(";"))

    assert read("multicharts", quoted) == read("multicharts", line)


def test_easylanguage_may_leave_the_last_places_out():
    draft = read("tradestation", "v1;2026-03-02T09:15:00Z;mr;EURUSD;close;;;;")

    assert (draft.intent, draft.is_exit) == (Intent.CLOSE, True)


REFUSED = [
    ("generic", '{"qty":NaN}', "not_json", True),
    ("generic", '{"size": Infinity}', "not_json", True),
    ("generic", '{"side":"buy","side":"sell"}', "duplicate_key", True),
    ("generic", '{"symbol":"E","action":"buy","Action":"sell"}', "duplicate_key", True),
    ("generic", '{"symbol":"E","action":"buy","size":"0.1","size ":"50"}', "duplicate_key", True),
    ("generic", '{"stop_loss":{"a":"1"},"stop_loss.A":"2"}', "duplicate_key", True),
    ("tradestation", '{"symbol":"E","action":"buy","SIZE":"1","size":"9"}', "duplicate_key", True),
    ("tradingview", '{"symbol":"E","action":"buy","size":"0.1","qty":"5"}', "duplicate_key", True),
    ("generic", "[" * 100_000, "not_json", True),
    ("generic", '{"a":' * 100_000, "not_json", True),
    ("generic", "[]", "not_json", True),
    ("generic", b"\xff\xfe", "not_text", True),
    ("generic", '{"id":"a\\u0000b","symbol":"E","action":"buy"}', "not_text", True),
    ("generic", '{"\\u0000":"1","symbol":"E","action":"buy"}', "not_text", True),
    ("tradingview", '{"alert":"a\\ud800b","symbol":"E","action":"buy"}', "not_text", True),
    ("comma", "1,buy,EURUSD,comment=\x00", "not_text", True),
    ("generic", "", "no_signal", False),
    ("generic", '{"symbol":"EURUSD","action":"hold"}', "unknown_action", False),
    ("generic", '{"symbol":"\u0415URUSD","action":"buy"}', "symbol_charset", False),
    ("generic", '{"symbol":"EUR\u200dUSD","action":"buy"}', "symbol_charset", False),
    ("generic", '{"symbol":"EURUSD\u200f","action":"buy"}', "symbol_charset", False),
    ("generic", '{"symbol":"\u202eDSURUE","action":"buy"}', "symbol_charset", False),
    ("generic", '{"symbol":"\uff25URUSD","action":"buy"}', "symbol_charset", False),
    ("generic", '{"action":"buy"}', "no_symbol", False),
    ("generic", '{"symbol":"E","action":"buy","size":-1}', "qty_out_of_range", False),
    ("generic", '{"symbol":"E","action":"buy","size":0}', "qty_out_of_range", False),
    ("generic", '{"symbol":"E","action":"buy","size":1e-9}', "qty_out_of_range", False),
    ("generic", '{"symbol":"E","action":"buy","size":"1e10"}', "qty_out_of_range", False),
    ("comma", "1,buy,E,risk=101,sl=1", "qty_out_of_range", False),
    ("generic", '{"symbol":"E","action":"buy","size":"1,5"}', "number_format", False),
    ("generic", '{"symbol":"E","action":"buy","size":"1.000,50"}', "number_format", False),
    ("generic", '{"symbol":"E","action":"buy","size":"1 000"}', "number_format", False),
    ("generic", '{"symbol":"E","action":"buy","size":"0x10"}', "number_format", False),
    ("generic", '{"symbol":"E","action":"buy","size":"1_000"}', "number_format", False),
    ("generic", '{"symbol":"E","action":"buy","size":"\u0663"}', "number_format", False),
    ("generic", '{"symbol":"E","action":"buy","stoploss":"1"}', "unknown_field", False),
    ("generic", '{"symbol":"E","action":"buy","size":[1]}', "one_signal", False),
    ("generic", '{"symbol":"E","action":"buy","order":"limit"}', "no_price", False),
    ("generic", '{"symbol":"E","action":"target"}', "no_size", False),
    ("generic", '{"symbol":"E","action":"buy","fired_at":"2.3.2026"}', "time_format", False),
    (
        "generic",
        '{"symbol":"E","action":"buy","fired_at":"2026-02-30T09:00:00Z"}',
        "time_format",
        False,
    ),
    (
        "generic",
        '{"symbol":"E","action":"buy","stop_loss":"1","stop_loss_pips":"2"}',
        "two_levels",
        False,
    ),
    (
        "generic",
        '{"symbol":"E","action":"buy","size":"1","size_in":"percent_risk"}',
        "no_stop",
        False,
    ),
    (
        "generic",
        '{"symbol":"E","action":"buy","bar_at":"9999-12-31T23:59:59-05:00"}',
        "time_format",
        False,
    ),
    ("generic", '{"symbol":"E","action":"buy","stop_loss":"1e99"}', "out_of_range", False),
    ("generic", '{"symbol":"E","action":"buy","stop_loss":"1e-99"}', "out_of_range", False),
    ("generic", '{"symbol":"E","action":"buy","stop_loss":"-1"}', "out_of_range", False),
    ("generic", '{"symbol":"E","action":"close","order":"limit","price":"1"}', "exit_kind", False),
    ("tradingview", '{"price": "{{close}}"}', "placeholder", False),
    ("tradingview", '{"qty": {{strategy.order.contracts}}}', "placeholder", False),
    ("tradingview", "Buy EURUSD now!", "no_signal", False),
    ("tradingview", '{"symbol":"E","action":"buy","position":"up"}', "position", False),
    ("comma", "600123,buy", "no_signal", False),
    ("comma", "600123,buy,EURUSD,now", "no_signal", False),
    ("comma", "1,buy,EURUSD\n2,sell,EURUSD", "one_signal", False),
    ("comma", "1,buy,EURUSD,sl=1,stop_loss=2", "duplicate_key", True),
    ("comma", "1,buy,EURUSD,lots=1,risk=1,sl=1", "duplicate_key", True),
    ("comma", "1,buy,EURUSD,lots=1,size_in=units", "duplicate_key", True),
    ("comma", "1,buy,EURUSD,risk=0.5", "no_stop", False),
    ("multicharts", "v1;;;EURUSD", "columns", False),
    ("multicharts", "v1;1261302 915;mr;EURUSD;buy;1", "time_format", False),
    ("multicharts", "v1;1260302 60;mr;EURUSD;buy;1", "time_format", False),
    ("multicharts", "v1;1260302 2400;mr;EURUSD;buy;1", "time_format", False),
    ("multicharts", "v1;;mr;EURUSD;buy;1;lots;market;;;;5;", "position", False),
]


@pytest.mark.parametrize(("dialect", "body", "code", "malformed"), REFUSED)
def test_what_is_no_signal_is_refused_with_its_reason(dialect, body, code, malformed):
    refusal = read(dialect, body)

    assert isinstance(refusal, Unreadable), refusal
    assert (refusal.code, refusal.malformed) == (code, malformed)
    assert refusal.message and len(refusal.message) < 700
