"""Tables that belong to no app: the audit chain, API keys, second factors, preferences, builds, signs of life."""

from __future__ import annotations

import hashlib
import json
import time

from django.conf import settings
from django.db import models
from django.utils import timezone
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from tradershub.core import crypto
from tradershub.core.validators import check_zone, currency_code


class AuditEntry(models.Model):
    """One action, chained to the one before it: hash = SHA-256(previous hash + canonical content).

    Written only by `core.audit.record`; the database refuses updates and deletes.
    """

    seq = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150, blank=True, help_text="User name, or the program")
    owner_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=120, blank=True, help_text="Model and id")
    summary = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=40, blank=True)
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)
    # NULL in entries of former versions, which must not be changed.
    noted = models.CharField(
        max_length=90,
        null=True,
        editable=False,
        help_text="How far the notes outside went, on which host",
    )

    class Meta:
        ordering = ["-seq"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"

    def __str__(self) -> str:
        return f"#{self.seq} {self.action}"


class ApiKey(models.Model):
    """A program's way in. The key is shown once; only its hash is kept."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list, help_text='Any of "read", "write", "import"')
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Factor(TimestampMixin, ThrottlingMixin, Device):
    """Something that proves who a person is besides the password; wrong codes make it wait, longer each time."""

    LONGEST_PAUSE = 11  # failures; 2^10 seconds, about 17 minutes

    class Meta:
        abstract = True

    def get_throttle_factor(self) -> int:
        """Seconds after the first wrong code; twice as many after each further."""
        return 1

    def verify_token(self, token: str) -> bool:
        """Whether the code is right, which uses it up. Call it on a locked row, within a transaction."""
        if not self.verify_is_allowed()[0]:
            return False
        if self._takes(token):
            self.throttle_reset(commit=False)
            self.set_last_used_timestamp(commit=True)
            return True
        self.throttling_failure_count = min(self.throttling_failure_count, self.LONGEST_PAUSE - 1)
        self.throttle_increment(commit=True)
        return False

    def _takes(self, token: str) -> bool:
        raise NotImplementedError


class Authenticator(Factor):
    """An app that shows six digits, others each half minute (RFC 6238). Its secret is sealed for its person.

    The library's own model keeps the secret as plain text. last_step: of the newest code taken, so that no code
    is taken twice. drift: half minutes by which the phone's clock is known to differ.
    """

    TOLERANCE = 1  # half minutes to either side

    sealed = models.TextField(editable=False)
    drift = models.SmallIntegerField(default=0, editable=False)
    last_step = models.BigIntegerField(default=-1, editable=False)

    class Meta:
        verbose_name = "authenticator app"
        constraints = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="authenticator_one_each")
        ]

    def seal(self, secret: bytes) -> None:
        content = {"person": self.user_id, "secret": secret.hex()}
        self.sealed = crypto.encrypt(json.dumps(content).encode()).decode("ascii")

    @property
    def secret(self) -> bytes:
        """Raises crypto.Unreadable, also for a secret that was sealed for another person."""
        content = json.loads(crypto.decrypt(self.sealed.encode("ascii")))
        if content["person"] != self.user_id:
            raise crypto.Unreadable("The secret was sealed for another person")
        return bytes.fromhex(content["secret"])

    def _takes(self, token: str) -> bool:
        clock = TOTP(self.secret, drift=self.drift)
        clock.time = time.time()
        if not clock.verify(int(token), self.TOLERANCE, self.last_step + 1):
            return False
        self.last_step, self.drift = clock.t(), clock.drift
        return True


class RecoveryCodes(Factor):
    """Codes on paper for the day on which the phone is gone; each is taken once, and only its hash is kept."""

    hashes = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name_plural = "recovery codes"
        constraints = [models.UniqueConstraint(fields=["user"], name="recovery_codes_one_set")]

    @staticmethod
    def hash_of(code: str) -> str:
        """A random code of 80 bits needs no slow hash."""
        return hashlib.sha256(code.encode()).hexdigest()

    def _takes(self, token: str) -> bool:
        digest = self.hash_of(token)
        if digest not in self.hashes:
            return False
        self.hashes = [one for one in self.hashes if one != digest]
        return True


class Preference(models.Model):
    """What one person likes: base currency, display zone, remembered filters and columns."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preference"
    )
    base_currency = models.CharField(max_length=3, default="EUR", validators=[currency_code])
    time_zone = models.CharField(
        max_length=60, default="UTC", validators=[check_zone], help_text="For display only"
    )
    remembered = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"Preferences of {self.owner}"


class Submission(models.Model):
    """A form or request that was carried out, by the token it bore, and the row it made."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.CharField(max_length=64)
    action = models.CharField(max_length=60)
    sent_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of what was sent")
    model = models.CharField(max_length=60, blank=True)
    row_id = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "token"], name="submission_token_unique")
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.token[:8]}"


class Build(models.Model):
    """What takes too long to wait for: asked for by one person, made by a worker, kept for a while.

    key: hash of the question and of the state of what it asks about. question: how to ask it again.
    size: bytes of its parts.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        BUILDING = "building", "Being made"
        DONE = "done", "Ready"
        FAILED = "failed", "Failed"

    PENDING = (State.WAITING, State.BUILDING)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)
    question = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed")
    summary = models.JSONField(default=dict)
    size = models.PositiveBigIntegerField(default=0)
    asked_at = models.DateTimeField(default=timezone.now, db_index=True)
    begun_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="build_key_unique")]

    def __str__(self) -> str:
        return f"{self.question.get('form', '')} {self.key[:8]}: {self.state}"

    @property
    def is_done(self) -> bool:
        return self.state == self.State.DONE

    @property
    def is_pending(self) -> bool:
        return self.state in self.PENDING


class BuildPart(models.Model):
    """A piece of what was made; all but the last are of one size."""

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["build", "number"], name="build_part_unique")
        ]

    def __str__(self) -> str:
        return f"Part {self.number} of {self.build_id}"


class Heartbeat(models.Model):
    """When something that must stay alive was last seen at work."""

    name = models.CharField(max_length=60, unique=True)
    at = models.DateTimeField(default=timezone.now)
    detail = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
