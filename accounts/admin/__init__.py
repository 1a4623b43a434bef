"""The books in the admin: one module a subject."""

from accounts.admin.accounts import AccountAdmin, AccountTermsAdmin
from accounts.admin.deals import DealAdmin
from accounts.admin.figures import BreakAdmin, DayFiguresAdmin, EquitySnapshotAdmin
from accounts.admin.notifications import ChannelAdmin, NotificationAdmin
from accounts.admin.orders import BrokerOrderAdmin
from accounts.admin.positions import PositionAdmin
from accounts.admin.statements import FileMappingAdmin, StatementImportAdmin

__all__ = [
    "AccountAdmin",
    "AccountTermsAdmin",
    "BreakAdmin",
    "BrokerOrderAdmin",
    "ChannelAdmin",
    "DayFiguresAdmin",
    "DealAdmin",
    "EquitySnapshotAdmin",
    "FileMappingAdmin",
    "NotificationAdmin",
    "PositionAdmin",
    "StatementImportAdmin",
]
