"""A table of no known format, and saved mappings that read it differently."""

from __future__ import annotations

import tempfile
from pathlib import Path

from accounts import imports
from accounts.models import FileMapping
from accounts.statements import mapping
from tests.factories import make_broker

TABLE = """Ticket,Open Time,Type,Lots,Symbol,Open Price,Close Time,Close Price,Commission,Swap,Profit
1,2024-01-03 10:00:00,buy,0.10,EURUSD,1.10000,2024-01-03 12:00:00,1.10100,-0.70,0.00,10.00
2,2024-01-04 10:00:00,sell,0.20,EURUSD,1.10100,2024-01-05 12:00:00,1.10000,-1.40,-0.30,20.00
"""


def reading_of_table(**changes):
    """A mapping of TABLE without open questions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(TABLE)
        found = mapping.suggest_file(path)
    for question in found.questions:
        answer = question.suggested or (question.options or ("USD",))[0]
        found = found.answered(question.key, answer)
    return found.to_dict() | changes


def save_mapping(owner, broker, values):
    headings_hash = mapping.Mapping.from_dict(values).headings_hash
    return FileMapping.objects.create(
        owner=owner, broker=broker, name=broker.name, mapping=values, headings_hash=headings_hash
    )


def save_two_readings(owner):
    """Mappings of two brokers that differ in whether the profit has its costs in it."""
    return [
        save_mapping(owner, make_broker(name=name), reading_of_table(profit_is=profit_is))
        for name, profit_is in (("Gross Broker", "gross"), ("Net Broker", "net"))
    ]


def receive_table(text, account, **answers):
    """An upload of a table for the account, its columns named as suggested and questions answered."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(text)
        [imported] = imports.receive(path, name=path.name, owner=account.owner, account=account)
    named = mapping.Mapping.from_dict(imported.preview["mapping"])
    for key, value in answers.items():
        named = named.answered(key, value)
    return imports.name_columns(imported, named.to_dict())
