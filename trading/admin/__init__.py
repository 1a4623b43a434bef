"""The trading app in the admin: one module a subject."""

from trading.admin.signals import RouteAdmin, SignalAdmin, SignalSourceAdmin

__all__ = ["RouteAdmin", "SignalAdmin", "SignalSourceAdmin"]
