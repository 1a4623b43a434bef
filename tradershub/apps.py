"""The project as an app (its commands and checks), and the admin with the hub's own site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class HubConfig(AppConfig):
    name = "tradershub"
    verbose_name = "TradersHub"


class HubAdminConfig(AdminConfig):
    default_site = "tradershub.site.HubSite"
