from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Listens to the task queue once the apps are there."""

    name = "tradershub.core"
    label = "core"
    verbose_name = "Settings"

    def ready(self) -> None:
        from tradershub.core.queue import connect_signals  # its models need the apps loaded

        connect_signals()
