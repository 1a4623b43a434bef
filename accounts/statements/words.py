"""What a broker's free text says about a row that is not a trade."""

from __future__ import annotations

import re
from decimal import Decimal

from accounts.statements import base

# Tried in order: "Bonus deposit" is a bonus, "Withdrawal fee" a fee, "Bank transfer" cash.
OPERATIONS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (base.ARCHIVE, r"^summary (balance|credit|trade) result|\barchiv"),
        (base.COMPENSATION, r"compensat|kompens|компенс|negative balance|\bnbp\b|補填"),
        (base.BONUS, r"bonus|rebate|cash ?back|\bpromo|бонус|ボーナス"),
        (base.TAX, r"\btax(es)?\b|withholding|\bwht\b|steuer|impuesto|imposto|imp[oô]t\b|налог"),
        (base.DIVIDEND, r"d[iy]vid[eé]nd|\bdiv\b|spin ?off|дивиденд|配当"),
        (base.SWAP, r"\bswaps?\b|roll ?over|overnight|financ|finanz|storage|своп|スワップ"),
        (base.INTEREST, r"interest|\bzins|int[eé]r[eê]ts?\b|inter[eé]s\b|\bjuros\b|процент|金利"),
        (base.COMMISSION, r"comm?iss(?!ions?[- ]free)|\bcomm\b|kommis|provision|comisi|prowizj"),
        (base.COMMISSION, r"комисс|手数料"),
        (base.FEE, r"(?<!no )(?<!zero )(?<!without )\bfees?\b(?![- ]free)|(?<!free of )charges?\b"),
        (base.FEE, r"gebühr|\bfrais\b|tarifa|\btaxa\b|opłat|сбор"),
        (base.DEPOSIT, r"deposit|d[eé]p[oó]s|withdr|top ?up|payment|payout|einzahl|auszahl"),
        (base.DEPOSIT, r"\bretir|\bretrait|versement|preliev|\bsaque|wpłat|wypłat"),
        (base.DEPOSIT, r"\b(bank|wire)\b|пополн|снят|вывод|ввод|入金|出金|提款|存款"),
        (base.TRANSFER, r"transf|\bintr(fr|to)\b|\bit (from|to) #?\d|umbuch|перевод|振替"),
        (base.CORRECTION, r"adjust|correct|\bcorr\b|balance update|rounding|korrekt|ajust|коррект"),
    )
)

BUY_WORDS = frozenset(
    "buy b long bought bot kauf kaufen gekauft achat acheter compra comprar compré acquisto "
    "comprare acquista купить покупка 買 買い 买 买入 купля kupno kup köp køb osto al alış purchase".split()
) | {*("buy to open", "buy to cover", "buy to close", "market buy", "limit buy", "stop buy")}
SELL_WORDS = frozenset(
    "sell s short sold sld verkauf verkaufen verkauft vente vendre venta vender venda vendita vendere vendi продать "
    "продажа 売 売り 卖 卖出 sprzedaż sprzedaj sälj salg myynti sat satış sale".split()
) | {*("sell to open", "sell to close", "sell short", "market sell", "limit sell", "stop sell")}
RESULT = re.compile(
    r"profit|\bloss|\bp ?[/&]? ?l\b|\bpnl\b|realis|realiz|gewinn|résultat|resultado|прибыль|"
    r"^close (long|short) position\b",
    re.IGNORECASE,
)
BALANCE = "balance"  # MetaTrader's word for every row that is neither trade nor credit
CREDIT = re.compile(r"\s*credit( (in|out|facility))?\s*", re.IGNORECASE)
OUTGOING = re.compile(
    r"withdr|payout|auszahl|retir|\bretrait|preliev|\bsaque|wypłat|снят|вывод|出金|提款",
    re.IGNORECASE,
)


def is_outgoing(text: str) -> bool:
    """Whether a word says that money leaves the account."""
    return bool(OUTGOING.search(text))


def side_of(text: str) -> str:
    """buy or sell for a word that means it in one of many languages, else ''."""
    word = " ".join(text.lower().split())
    if word in BUY_WORDS:
        return base.BUY
    return base.SELL if word in SELL_WORDS else ""


def known_kind(text: str) -> str:
    """The kind of money row that a text names, '' where it names none."""
    if CREDIT.fullmatch(text):
        return base.CREDIT
    if text.strip().lower() == BALANCE:
        return base.DEPOSIT
    kinds = (kind for kind, pattern in OPERATIONS if pattern.search(text))
    kind = next(kinds, base.ARCHIVE if RESULT.search(text) else "")
    return base.WITHDRAWAL if kind == base.DEPOSIT and is_outgoing(text) else kind


def operation_kind(text: str, amount: Decimal) -> str:
    """The kind of a balance row by its comment; by its sign where the comment says nothing."""
    kinds = (kind for kind, pattern in OPERATIONS if pattern.search(text))
    kind = next(kinds, base.DEPOSIT)
    if kind == base.DEPOSIT and amount < 0:
        return base.WITHDRAWAL
    return kind


def opposite(side: str) -> str:
    """The side of the deal that closes a position of this side."""
    return base.SELL if side == base.BUY else base.BUY


def difference(label: str, printed: Decimal | int, ours: Decimal | int) -> str:
    """The sentence of a break: both figures and their difference."""
    return (
        f"{label}: the file prints {printed}, its rows give {ours} (difference {printed - ours})."
    )
