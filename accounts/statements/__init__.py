"""Statement files: what they hold, read in a process of its own, bounded in memory and time.

A format is a module with READS (of 'html', 'xlsx', 'csv'), `recognise(head_rows) -> bool` and
`read(path) -> Statement`, and where other files of its platform look alike,
`refusal_reason(head_rows) -> str | None`. One of which rows may be refused and the others booked has
`totalled(statement) -> Statement`, which computes the totals anew; the others are all or nothing. Readers
know no database: what the books can keep (`keepable`) and booking (`importer`) are the main process's.
"""

from tradershub.core.registry import Registry

FORMATS = Registry(
    mt5_daily=("MetaTrader 5 confirmation", "accounts.statements.mt5_daily"),
    mt5=("MetaTrader 5 trade history report", "accounts.statements.mt5"),
    mt4=("MetaTrader 4 statement", "accounts.statements.mt4"),
    spreadsheet=("TradersHub spreadsheet template", "accounts.statements.spreadsheet"),
    mapped=("Table read by a column mapping", "accounts.statements.mapping"),
)
