"""A statement's way into the books and out again: received, read, shown, confirmed, booked, undone.

Each step is a state of the StatementImport; the queue only wakes the worker that takes the next one.
"""

from accounts.imports.cancelling import CANCELLABLE, cancel
from accounts.imports.confirming import confirm, open_as_stated
from accounts.imports.posting import book, book_read, undo
from accounts.imports.progress import HowFar, how_far
from accounts.imports.reading import (
    READABLE_AGAIN,
    first_rows,
    name_again,
    name_columns,
    read,
    read_again,
    read_file,
    use_mapping,
)
from accounts.imports.receiving import DISCARDABLE, delete_file, discard, receive
from accounts.imports.rereading import reread, reread_broker

__all__ = [
    "CANCELLABLE",
    "DISCARDABLE",
    "READABLE_AGAIN",
    "HowFar",
    "book",
    "book_read",
    "cancel",
    "confirm",
    "delete_file",
    "discard",
    "first_rows",
    "name_again",
    "name_columns",
    "open_as_stated",
    "how_far",
    "read",
    "read_again",
    "read_file",
    "receive",
    "reread",
    "reread_broker",
    "undo",
    "use_mapping",
]
