"""Kinds of channels: a new one is a file here and a line below."""

from tradershub.core.registry import Registry

CHANNELS = Registry(
    telegram=("Telegram", "accounts.channels.telegram.Telegram"),
    slack=("Slack", "accounts.channels.slack.Slack"),
    email=("E-mail", "accounts.channels.email.Email"),
    apprise=("Another service", "accounts.channels.apprise.Another"),
)
