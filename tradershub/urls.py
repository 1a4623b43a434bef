"""The whole address space on one screen."""

from django.contrib import admin
from django.urls import path

from tradershub import health
from tradershub.api import api

urlpatterns = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("api/v1/", api.urls),
    path("", admin.site.urls),
]
