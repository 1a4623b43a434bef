"""E-mail by the mail server that the operator named in the settings; its address is judged like any other."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings as hub
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.validators import validate_email

from accounts.channels.base import ChannelKind, Later, NotTaken, Part, Refused, cut, written
from brokers.adapters.base import Settings, setting
from tradershub.core import net

LONGEST = 20_000
SUBJECT = 120
PORTS = (25, 465, 587, 2525)


class _Vetted:
    """Connects to the judged address; TLS keeps the name."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        address = net.vetted(
            host, port, ports=PORTS, trusted=[f"{hub.EMAIL_HOST}:{hub.EMAIL_PORT}"]
        )
        plain = socket.create_connection((address, port), timeout)
        context = getattr(self, "context", None)
        return context.wrap_socket(plain, server_hostname=host) if context else plain


class _Smtp(_Vetted, smtplib.SMTP):
    context = None


class _SmtpOverTls(_Vetted, smtplib.SMTP_SSL):
    pass


class VettedBackend(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SmtpOverTls if self.use_ssl else _Smtp


@dataclass(frozen=True, kw_only=True)
class EmailSettings(Settings):
    address: str = setting("Address", help_text="Where the messages go")


class Email(ChannelKind):
    settings = EmailSettings
    longest = LONGEST
    advice = (
        "An administrator names the mail server once: EMAIL_HOST and what belongs to it.",
        "E-mail may take minutes: keep a faster channel for what is urgent.",
    )

    @property
    def pace(self) -> float:
        return 10.0

    @classmethod
    def check(cls, settings: Any, secrets: Mapping[str, str]) -> None:
        try:
            validate_email(settings.address)
        except ValidationError as error:
            found = settings.address[:60]
            raise ValueError(f'Expected an e-mail address, found "{found}"') from error

    def send(self, parts: Sequence[Part]) -> str:
        if not hub.EMAIL_HOST:
            raise Refused("No mail server is set: an administrator sets EMAIL_HOST")
        more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
        subject = " ".join(cut(f"TradersHub: {parts[0].title}{more}", SUBJECT).split())
        message = EmailMessage(
            subject, written(parts, longest=LONGEST), to=[self.line.settings.address]
        )
        try:
            get_connection().send_messages([message])
        except smtplib.SMTPAuthenticationError as error:
            kind = Refused if _is_final(error.smtp_code) else Later
            raise kind("The mail server refuses the hub's name and password") from error
        except smtplib.SMTPRecipientsRefused as error:
            kind = Refused if _is_final(*_codes(error)) else Later
            raise kind("The mail server refuses this address") from error
        except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
            kind = NotTaken if _is_final(error.smtp_code) else Later
            raise kind(f"The mail server answered {error.smtp_code}") from error
        except net.AddressRefused as error:
            raise Refused(str(error)) from error
        except (smtplib.SMTPException, OSError, net.httpx.HTTPError) as error:
            raise Later(f"The mail server does not answer: {type(error).__name__}") from error
        return "handed to the mail server"


def _is_final(*codes: int) -> bool:
    """Codes from 400 to 499 pass by themselves: a server that greylists gives one to each new sender."""
    return all(500 <= code < 600 for code in codes)


def _codes(error: smtplib.SMTPRecipientsRefused) -> list[int]:
    return [code for code, _ in error.recipients.values()]
