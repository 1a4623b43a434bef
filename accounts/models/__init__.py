from accounts.models.account import LARGEST_LEVERAGE, Account, AccountTerms
from accounts.models.deal import Deal
from accounts.models.figures import DayFigures, EquitySnapshot
from accounts.models.notification import Channel, Notification, Topic
from accounts.models.order import BrokerOrder
from accounts.models.position import Position
from accounts.models.statement import (
    FileMapping,
    StatementExtras,
    StatementFile,
    StatementImport,
    StatementLine,
)
from accounts.models.tieout import Break

__all__ = [
    "LARGEST_LEVERAGE",
    "Account",
    "AccountTerms",
    "Break",
    "BrokerOrder",
    "Channel",
    "DayFigures",
    "Deal",
    "EquitySnapshot",
    "FileMapping",
    "Notification",
    "Position",
    "StatementExtras",
    "StatementFile",
    "StatementImport",
    "StatementLine",
    "Topic",
]
