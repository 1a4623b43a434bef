"""One line between commas: `id,command,symbol,name=value,...`, as many expert advisors read it.

`600123,buy,EURUSD,size=0.1,stop_loss=25,take_profit=50,comment="mr-1"`. The first place is the sender's
licence or name and decides nothing here; units of stops, and of a `size`, are the source's habits.
"""

from __future__ import annotations

from trading.sources.draft import Draft, Habits, Unreadable
from trading.sources.meaning import draft_of
from trading.sources.pairs import fields_of_pairs
from trading.sources.strict import Refused, text_of

TEMPLATE = (
    "600123,buy,EURUSD,lots=0.10,stop_loss_pips=25,take_profit_pips=50,"
    'id="any text of yours, another one for each signal",strategy=mr-1'
)
COMMANDS = {  # that name the kind of order as well
    "buylimit": {"action": "buy", "order": "limit"},
    "selllimit": {"action": "sell", "order": "limit"},
    "buystop": {"action": "buy", "order": "stop"},
    "sellstop": {"action": "sell", "order": "stop"},
}
NAMES = {"sl": "stop_loss", "tp": "take_profit"}
SIZES = {"lots": "lots", "units": "units", "risk": "percent_risk"}  # sizes that name their unit
HEAD = 3


def read(body: bytes, habits: Habits) -> Draft | Unreadable:
    """The draft that the line is, or why it is none."""
    try:
        return draft_of(_fields(text_of(body).strip()), habits)
    except Refused as refusal:
        return refusal.reason


def _fields(line: str) -> dict[str, str]:
    if "\n" in line:
        raise Refused("one_signal", "Expected one line, found several")
    head = [part.strip() for part in line.split(",", HEAD)]
    if len(head) < HEAD:
        raise Refused("no_signal", f"Expected licence,command,symbol,...; found {line[:60]!r}")
    _, command, symbol, *rest = head
    fields = {"symbol": symbol, **COMMANDS.get(command.lower(), {"action": command})}
    named = fields_of_pairs(rest[0]) if rest and rest[0] else {}
    for name, value in named.items():
        _put(fields, name, value)
    return fields


def _put(fields: dict[str, str], name: str, value: str) -> None:
    said = {NAMES.get(name, name): value}
    if name in SIZES:
        said = {"size": value, "size_in": SIZES[name]}
    for ours, text in said.items():
        if fields.get(ours):
            raise Refused(
                "duplicate_key", f'"{name}" says again what "{ours}" says', malformed=True
            )
        fields[ours] = text
