"""Follow the connected accounts; what `hub` starts among its parts, alone on a host."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tradershub.management.commands.hub import second_hub
from tradershub.soleness import Taken, alone, sharing
from trading.keeper import NAME, Keeper


class Command(BaseCommand):
    help = "Follow the connected accounts until Ctrl-C or SIGTERM; `hub` does it among its parts."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopping.set())
        try:
            with sharing(settings.DATA_DIR), alone(settings.DATA_DIR, [NAME]):
                Keeper(stopping).run()
        except Taken as taken:
            raise CommandError(second_hub(str(taken))) from taken
