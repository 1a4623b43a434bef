"""Which column of a broker's table means what, by its heading in several languages."""

from __future__ import annotations

import re
import unicodedata

NUMBER, TIME, TEXT, ANY = "number", "time", "text", "any"

# What each target's values must look like.
CLASSES = {
    "open_time": TIME,
    "close_time": TIME,
    "time": TIME,
    "buy_time": TIME,
    "sell_time": TIME,
    "open_price": NUMBER,
    "close_price": NUMBER,
    "price": NUMBER,
    "buy_price": NUMBER,
    "sell_price": NUMBER,
    "volume": NUMBER,
    "profit": NUMBER,
    "net": NUMBER,
    "amount": NUMBER,
    "swap": NUMBER,
    "commission": NUMBER,
    "fee": NUMBER,
    "tax": NUMBER,
    "balance": NUMBER,
    "cumulative": NUMBER,
    "cumulative_net": NUMBER,
    "stop_loss": NUMBER,
    "take_profit": NUMBER,
    "side": TEXT,
    "type": TEXT,
    "symbol": TEXT,
    "entry": TEXT,
    "comment": ANY,
    "currency": TEXT,
    "account": ANY,
    "deal_id": ANY,
    "order_id": ANY,
    "position_id": ANY,
    "buy_id": ANY,
    "sell_id": ANY,
}
REPEATABLE = frozenset({"fee"})
TARGETS = tuple(CLASSES)

# Headings as `plain` writes them. A heading may stand under several targets: the values decide.
HEADINGS: dict[str, str] = {
    "open_time": "open time|open date|opening time|opened|opened at|open|entry time|entered at|time open|"
    "date open|opentime|time opened|open date utc|entry date|eröffnungszeit|eröffnet|eröffnung|"
    "offen|zeit eröffnung|öffnungszeit|heure d'ouverture|date d'ouverture|ouverture|heure d'entrée|"
    "hora de apertura|fecha de apertura|apertura|hora de entrada|hora de abertura|abertura|"
    "data di apertura|ora di apertura|apertura posizione|время открытия|открытие|дата открытия|"
    "czas otwarcia|data otwarcia|otwarcie|開始時間|オープン時間|約定日時|entrée|einstiegszeit|açılış",
    "close_time": "close time|close date|closing time|closed|closed at|close|exit time|exited at|time close|"
    "date close|closetime|time closed|exit date|schlusszeit|geschlossen|schließzeit|schließung|"
    "schluss|ausstiegszeit|heure de clôture|date de clôture|clôture|heure de sortie|sortie|"
    "hora de cierre|fecha de cierre|cierre|hora de salida|hora de fechamento|fechamento|"
    "data di chiusura|ora di chiusura|chiusura|время закрытия|закрытие|дата закрытия|"
    "czas zamknięcia|data zamknięcia|zamknięcie|決済時間|クローズ時間|決済日時|kapanış",
    "time": "timestamp|time|date time|datetime|date|trade date|trade time|execution time|executed at|"
    "fill time|transaction time|date/time|update time|exec time|date utc|text date|created at|"
    "modified|zeit|datum|uhrzeit|heure|date heure|"
    "fecha|hora|data|ora|data ora|время|дата|czas|data operacji|時間|日時|日付|时间|日期|tarih|zaman",
    "buy_time": "bought timestamp|buy time|bought at|bought time",
    "sell_time": "sold timestamp|sell time|sold at|sold time",
    "open_price": "open price|opening price|entry price|open rate|open level|open|price open|entry|avg entry|"
    "avg entry price|average entry price|eröffnungskurs|eröffnungspreis|einstiegskurs|einstiegspreis|"
    "prix d'ouverture|prix d'entrée|precio de apertura|precio de entrada|preço de abertura|"
    "preço de entrada|prezzo di apertura|цена открытия|цена входа|cena otwarcia|新規価格|建値",
    "close_price": "close price|closing price|exit price|close rate|close level|close|price close|exit|"
    "avg exit price|schlusskurs|schließkurs|ausstiegskurs|ausstiegspreis|prix de clôture|"
    "prix de sortie|precio de cierre|precio de salida|preço de fechamento|preço de saída|"
    "prezzo di chiusura|цена закрытия|цена выхода|cena zamknięcia|決済価格",
    "price": "price|fill price|price/share|avg price|avg fill price|average price|execution price|trade price|t price|"
    "rate|level|kurs|preis|ausführungskurs|prix|cours|precio|preço|prezzo|цена|cena|価格|价格|fiyat",
    "buy_price": "buy price|bought price",
    "sell_price": "sell price|sold price",
    "volume": "volume|lots|lot|size|qty|quantity|units|units/lots|contracts|shares|amount lots|filled qty|"
    "closing quantity|position size|menge|stückzahl|anzahl|größe|volumen|quantité|qté|taille|lot size|"
    "qty filled|fill size|no of shares|"
    "cantidad|volúmen|tamaño|quantidade|tamanho|quantità|dimensione|объем|объём|количество|лоты|"
    "wolumen|ilość|数量|ロット|取引量|成交量|手数|miktar|hacim|closing volume",
    "net": "net profit|net|net p/l|net pn l|net pnl|net p l|net p&l|net pl|net result|profit net|netto|nettogewinn|"
    "nettoergebnis|profit net|bénéfice net|résultat net|beneficio neto|resultado neto|neto|"
    "lucro líquido|líquido|profitto netto|чистая прибыль|zysk netto|純損益",
    "profit": "profit|pnl|pn l|p l|gross p/l|p&l|pl|p/l|profit loss|"
    "profit/loss|gain/loss|gewinn/verlust|bruttogewinn|bruttoergebnis|profit/perte|"
    "gross|gross profit|gross pnl|gross p l|"
    "gross pl|gross p&l|trade p&l|realized p&l|realized p/l|realised p&l|realized pnl|realized p l|"
    "realised pnl|profit and loss|result|pl amount|gewinn|"
    "gewinn verlust|ergebnis|brutto|g v|guv|bénéfice|profit perte|résultat|gain|ganancia|beneficio|"
    "resultado|lucro|lucro prejuízo|profitto|utile|risultato|прибыль|результат|zysk|zysk strata|"
    "wynik|損益|利益|盈亏|利润|获利|kar|kar zarar",
    "amount": "amount|net amount|cash|value|betrag|montant|importe|monto|valor|importo|сумма|kwota|金額|金额|"
    "tutar|total amount|change|total",
    "swap": "swap|swaps|swap profit|rollover|roll over|overnight fee|overnight|financing|storage|interest|"
    "r o swap|finanzierung|zinsen|financement|financiación|своп|スワップ|库存费|隔夜利息|rollover fee",
    "commission": "commission|commissions|comm|comm fee|"
    "comm/fee|commission & fees|commissions & fees|kommission|kommissionen|provision|provisionen|"
    "comisión|comisiones|comissão|comissões|commissione|commissioni|комиссия|prowizja|手数料|佣金|"
    "手续费|komisyon",
    "fee": "fee|fees|misc fees|clearing fee|exchange fee|ip fee|nfa fee|reg fee|trading fee|total fees|gebühr|gebühren|"
    "frais|tarifa|tarifas|taxa|taxas|spese|сбор|opłata|opłaty|spread costs",
    "tax": "tax|taxes|steuer|steuern|impôt|taxe|impuesto|impuestos|imposto|tassa|tasse|налог|podatek|税",
    "balance": "balance|account balance|running balance|balance after|kontostand|saldo|solde|баланс|残高|余额|"
    "bakiye",
    "cumulative": "cum profit|cumulative profit|cumulative pnl|cum pnl|profit cum|bénéfice cum",
    "cumulative_net": "cum net profit|cumulative net profit|profit net cum|cum net pnl|kum nettogewinn",
    "stop_loss": "sl|s l|s/l|stop loss|stop|stop loss rate|stop lose rate",
    "take_profit": "tp|t p|t/p|take profit|target|take profit rate|limit",
    "side": "side|direction|transaction type|b s|"
    "buy sell|buy/sell|b/s|action|market pos|opening direction|position type|"
    "type|trade type|order type|long short|entry buy/sell|market position|transaction|richtung|typ|art|seite|"
    "kauf verkauf|sens|type d'ordre|achat vente|dirección|lado|tipo|operación|operação|direzione|"
    "сторона|направление|тип|kierunek|rodzaj|売買|買売|类型|方向|yön|tür|pos marché|kierunek transakcji",
    "type": "type|transaction type|operation|operation type|category|event|typ|art|buchungsart|umsatzart|"
    "tipo|tipo de operación|tipo de operação|тип|typ operacji|rodzaj|種別|类型|tür|kind|action|summary",
    "symbol": "symbol|instrument|instrument symbol|item|market|market name|contract|contract name|asset|pair|"
    "ticker|product|currency pair|epic|underlying|symbole|símbolo|simbolo|strumento|wertpapier|"
    "instrumento|mercado|marché|инструмент|символ|instrument name|銘柄|通貨ペア|品种|交易品种|sembol",
    "entry": "entry exit|e x|e/x|in out|open close|entry type|deal entry|entry|direction",
    "comment": "comment|comments|note|notes|description|details|text|kommentar|bemerkung|beschreibung|"
    "commentaire|comentario|comentário|commento|комментарий|komentarz|コメント|备注|注释|açıklama",
    "currency": "currency|ccy|währung|devise|moneda|moeda|valuta|валюта|waluta|通貨|货币|currency iso code",
    "account": "account|account id|account number|account name|konto|compte|cuenta|conta|счет|счёт|口座",
    "deal_id": "ticket|id|deal id|deal|trade id|trade number|trade no|trade #|execution id|fill id|exec id|"
    "transaction id|reference|trade|deal no|nr|no|number|ticketnummer|numéro|número|тикет|билет|"
    "сделка|チケット|注文番号|订单号|transaction number|ref",
    "order_id": "order id|order|order no|order number|auftrag|ordre|orden|ordem|ордер|注文",
    "position_id": "position id|position|position no|pos id|positions id|позиция|ポジション",
    "buy_id": "buy fill id|buy id",
    "sell_id": "sell fill id|sell id",
}

CURRENCY_WORDS = re.compile(r"\b(usd|eur|gbp|jpy|chf|aud|cad|nzd|pln|usdt|czk|sek|nok|sgd|hkd)\b")
CURRENCY_SIGNS = re.compile(r"[€$£¥₽₹]")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
SLASH = re.compile(r"\s*/\s*")
SPACING = re.compile(r"[\s_:;.#*\-–]+")


def plain(heading: str) -> str:
    """The heading in the dictionary's spelling: lower case, one space, no asides, no currency."""
    text = unicodedata.normalize("NFKC", heading).replace("’", "'").strip()
    text = CAMEL.sub(" ", text) if text.isascii() else text
    text = SPACING.sub(" ", ASIDE.sub(" ", text).lower())
    text = SLASH.sub("/", text)
    short = CURRENCY_SIGNS.sub(" ", CURRENCY_WORDS.sub(" ", text))
    return " ".join((short if short.strip() else text).split())


def _by_heading() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for target, spellings in HEADINGS.items():
        for spelling in spellings.split("|"):
            key = plain(spelling)
            if target not in found.get(key, ()):
                found[key] = (*found.get(key, ()), target)
    return found


BY_HEADING = _by_heading()


def targets_of(heading: str) -> tuple[str, ...]:
    """The targets that a heading can mean, likeliest first; none for an unknown one."""
    return BY_HEADING.get(plain(heading), ())
