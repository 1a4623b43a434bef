"""What stands above the table of a MetaTrader page: its title and the company's name."""

from __future__ import annotations

import re
from html import unescape
from itertools import islice
from pathlib import Path

from accounts.statements.encodings import text_chunks

TITLE = re.compile(r"<title>[^<]*?(\d{3,})[^<]*</title>", re.IGNORECASE)
COMPANY = re.compile(r"<div[^>]*>\s*<b>([^<]{2,100})</b>\s*</div>", re.IGNORECASE)
NO_TEXT = re.compile(r"<(script|style|noscript)\b.*?</\1>|<!--.*?-->", re.IGNORECASE | re.DOTALL)


def text_above(path: Path) -> str:
    """The page's text up to its first table, without what only a browser reads."""
    start = NO_TEXT.sub("", "".join(islice(text_chunks(path), 1)))
    return re.split("<table", start, maxsplit=1, flags=re.IGNORECASE)[0]


def account_of(head: str) -> str:
    """The account's number in the title, '' without one."""
    found = TITLE.search(head)
    return found[1] if found else ""


def company_of(head: str) -> str:
    """The company's name, '' where the page names none."""
    found = COMPANY.search(head)
    return " ".join(unescape(found[1]).split()) if found else ""
