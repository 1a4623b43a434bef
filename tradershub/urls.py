"""The whole address space on one screen."""

from django.contrib import admin
from django.urls import include, path

from tradershub import health, login
from tradershub.api import api
from tradershub.core.pages import hub_page
from tradershub.reports import views as reports

urlpatterns = [
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("login/code", login.ask_for_code, name="login-code"),
    path("api/v1/", api.urls),
    path("reports/", include("tradershub.reports.urls")),
    path("", include("tradershub.desk.urls")),
    path("", hub_page(reports.dashboard)),
    path("", admin.site.urls),
]

handler400 = "tradershub.faults.bad_request"
handler500 = "tradershub.faults.server_error"
