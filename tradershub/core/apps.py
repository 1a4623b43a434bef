from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Listens to the task queue once the apps are there."""

    name = "tradershub.core"
    label = "core"
    verbose_name = "Settings"

    def ready(self) -> None:
        from tradershub.core import prepared, queue  # its models need the apps loaded

        queue.connect_signals()
        prepared.connect_signals()
