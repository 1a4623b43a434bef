"""Named places at which a test makes the hub fail: nothing happens unless the setting FAILPOINTS names one.

`FAILPOINTS="claim.committed=kill"` ends the process there as a power cut would; `raise` raises Failed,
`sleep:SECONDS` waits.
"""

from __future__ import annotations

import os
import signal
import time

from django.conf import settings


class Failed(Exception):
    """What a failpoint raises."""


def failpoint(name: str) -> None:
    """Fail here, where a test asked for it."""
    if settings.FAILPOINTS and name in settings.FAILPOINTS:
        _fail(name, settings.FAILPOINTS[name])


def _fail(name: str, how: str) -> None:
    word, _, seconds = how.partition(":")
    if word == "kill":
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    elif word == "sleep":
        time.sleep(float(seconds))
    elif word == "raise":
        raise Failed(name)
    else:
        raise ValueError(f'{name}: expected kill, raise or sleep:SECONDS, found "{how}"')
