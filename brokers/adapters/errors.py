"""The three ways in which a platform can fail an order; each says what the caller may do."""

from __future__ import annotations


class AdapterError(Exception):
    """message: one sentence without secrets, fit for the person and the log."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Rejected(AdapterError):
    """Nothing happened, by the platform's own word: asking again gets the same answer.

    code: the platform's reason. Only what is documented or recorded as definite may be raised as this.
    """


class Unavailable(AdapterError):
    """It never left, or only something was to be read: asking again is safe."""


class KeyRefused(Unavailable):
    """The platform does not know the key, or does no more: every further try may lock the person out."""


class OutcomeUnknown(AdapterError):
    """It was sent and the answer is lost: never send it again, ask what became of it."""
