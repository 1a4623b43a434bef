"""The project as an app (its commands, checks and groups), and the admin with the hub's own site."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate


class HubConfig(AppConfig):
    """Checks names at the start, and sets up the groups once the last app's permissions exist."""

    name = "tradershub"
    verbose_name = "TradersHub"

    def ready(self) -> None:
        from tradershub import lockout, telemetry  # these need the apps loaded
        from tradershub.checks import broken_names, sandbox_leaks
        from tradershub.roles import set_up_groups

        register(broken_names, Tags.compatibility)
        register(sandbox_leaks, Tags.security)
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        post_migrate.connect(set_up_groups, sender=last, dispatch_uid="tradershub.roles")
        lockout.listen()
        telemetry.set_up()


class HubAdminConfig(AdminConfig):
    default_site = "tradershub.site.HubSite"
