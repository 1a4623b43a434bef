from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "tradershub.core"
    label = "core"
    verbose_name = "Settings"
