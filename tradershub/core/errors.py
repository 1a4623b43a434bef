"""The error families every app derives from; each says what the caller may do about it."""

from __future__ import annotations


class HubError(Exception):
    """A refusal with one clear sentence for the person who asked.

    keeps: something was written of it that must stay, as of a limit that was found broken.
    """

    code = "refused"

    def __init__(
        self, message: str, *, code: str = "", param: str = "", keeps: bool = False
    ) -> None:
        super().__init__(message)
        self.keeps = keeps
        self.message = message
        self.code = code or self.code
        self.param = param


class BadInput(HubError):
    """The input is wrong: mend it and ask again. `param` names the field where there is one."""

    code = "bad_input"


class Malformed(BadInput):
    """The input is not even of the form that it should have."""

    code = "malformed"


class NotProved(HubError):
    """Who sent this does not prove who they are."""

    code = "not_proved"


class TooLarge(HubError):
    """More was sent than is taken at once."""

    code = "too_large"


class NotAllowed(HubError):
    """This person may not do this."""

    code = "not_allowed"


class Conflict(HubError):
    """The request is sound, but the state of the books forbids it now."""

    code = "conflict"


class NotFound(HubError):
    """There is no such row, or it is not this person's: the two are not told apart."""

    code = "not_found"
