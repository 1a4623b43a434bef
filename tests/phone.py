"""The authenticator app of a person, whose codes a test may read."""

from __future__ import annotations

import time
from typing import Any

from django_otp.oath import TOTP

from tradershub.core.models import Authenticator
from tradershub.core.second_factor import _new_codes

SECRET = b"12345678901234567890"  # of RFC 6238, appendix B


class Phone:
    """recovery: the codes on paper."""

    def __init__(self, person: Any) -> None:
        app = Authenticator(user=person, name="Phone")
        app.seal(SECRET)
        app.save()
        self.app, self.recovery = app, _new_codes(person)

    def code(self, *, seconds_ago: float = 0) -> str:
        """What the app shows, or showed; once taken it is not taken again."""
        clock = TOTP(SECRET)
        clock.time = time.time() - seconds_ago
        return f"{clock.token():06}"

    def another(self) -> str:
        """A code as after half a minute: the one of now, as if it had not been taken."""
        Authenticator.objects.filter(pk=self.app.pk).update(
            last_step=-1, drift=0, throttling_failure_count=0, throttling_failure_timestamp=None
        )
        return self.code()

    def wrong(self) -> str:
        return f"{(int(self.code()) + 1) % 10**6:06}"
