"""What befell the hub itself: parts that give no sign and give one again, hours in which nothing ran, the STOP file.

The keeper looks at the workers, a worker looks at the keeper; who looks twice tells once.
"""

from __future__ import annotations

import datetime as dt
import socket
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from accounts.models import Topic
from accounts.notify import Words, tell
from risk import kill_switch
from tradershub.core.models import Heartbeat

EVERY = 5.0  # seconds between two looks
FORGOTTEN = dt.timedelta(days=1)  # a host that is silent for so long is no more
STAMP = "%Y-%m-%d %H:%M UTC"


@dataclass
class Alarms:
    """down: parts that were told to be silent. own: the name of who looks, which it need not look at."""

    own: str = ""
    down: set[str] = field(default_factory=set)
    file_was_there: bool = False

    def watch(self) -> float:
        """Tell what has changed; seconds until the next look."""
        silent = silent_parts(but=self.own)
        for name, at in silent.items():
            tell_silence(name, at)
        for name in self.down - set(silent):
            words = Words(f"Up again: {part_of(name)}")
            tell(
                Topic.SYSTEM,
                f"part:{name}:up:{timezone.now().timestamp():.0f}",
                words,
                owner_id=None,
            )
        self.down = set(silent)
        self._look_for_file()
        return EVERY

    def _look_for_file(self) -> None:
        path, is_there = kill_switch.file_path(), kill_switch.file_is_there()
        if is_there and not self.file_was_there:
            stamp = path.stat().st_mtime if path.exists() else 0
            words = Words(
                "Stopped: everybody's trading",
                f"The file {kill_switch.FILE} is in the data folder of {socket.gethostname()}. Nothing is sent "
                "but cancels and closes.",
            )
            tell(Topic.STOP, f"stopfile:{stamp:.3f}", words, owner_id=None)
        if self.file_was_there and not is_there:
            words = Words(f"The file {kill_switch.FILE} is gone: it stops nobody any more")
            tell(
                Topic.STOP, f"stopfile:gone:{timezone.now().timestamp():.0f}", words, owner_id=None
            )
        self.file_was_there = is_there


def silent_parts(*, but: str = "") -> dict[str, dt.datetime]:
    """Parts of the hub, on any host, that should have given a sign by now -> the last one."""
    now = timezone.now()
    late = now - dt.timedelta(seconds=settings.HEARTBEAT_LIMIT)
    rows = Heartbeat.objects.filter(name__contains="@", at__lt=late, at__gt=now - FORGOTTEN)
    return dict(rows.exclude(name=but).values_list("name", "at"))


def tell_silence(name: str, at: dt.datetime) -> None:
    """Once for each last sign, whoever noticed it."""
    words = Words(f"Down: {part_of(name)}", f"It gave its last sign at {at:{STAMP}}.")
    tell(Topic.SYSTEM, f"part:{name}:down:{at.timestamp():.3f}", words, owner_id=None)


def tell_absence(name: str) -> None:
    """At the start of the keeper: whether it had stopped without being told to, and since when."""
    last = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    if last is None or timezone.now() - last < dt.timedelta(seconds=settings.HEARTBEAT_LIMIT):
        return
    words = Words(
        f"Up again: {part_of(name)}",
        f"Nothing was followed and no message sent since {last:{STAMP}}. Look at your positions and orders.",
    )
    tell(Topic.SYSTEM, f"part:{name}:back:{last.timestamp():.3f}", words, owner_id=None)


def part_of(name: str) -> str:
    """ "batch@desk" as "workers (batch) on desk"."""
    part, _, host = name.partition("@")
    what = "the keeper" if part == "keeper" else f"workers ({part})"
    return f"{what} on {host}"
