"""A statement's way into the books and out again: received, read, shown, confirmed, booked, undone.

Each step is a state of the StatementImport; the queue only wakes the worker that takes the next one.
"""

from accounts.imports.confirming import confirm, open_as_stated
from accounts.imports.posting import book, book_read, undo
from accounts.imports.progress import Watcher, progress, seconds_left
from accounts.imports.reading import first_rows, name_columns, read, read_file
from accounts.imports.receiving import DISCARDABLE, delete_file, discard, receive
from accounts.imports.rereading import reread, reread_broker

__all__ = [
    "DISCARDABLE",
    "Watcher",
    "book",
    "book_read",
    "confirm",
    "delete_file",
    "discard",
    "first_rows",
    "name_columns",
    "open_as_stated",
    "progress",
    "read",
    "read_file",
    "receive",
    "reread",
    "reread_broker",
    "seconds_left",
    "undo",
]
