"""The queue's table, claimed in order; on PostgreSQL woken by NOTIFY instead of polling."""

from __future__ import annotations

from django_q.brokers.orm import ORM


class OrderedBroker(ORM):
    """The stock broker."""


class NotifyBroker(OrderedBroker):
    """The stock broker."""
