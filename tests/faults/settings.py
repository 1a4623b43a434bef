"""The hub's own settings for the fault runs: waits at a fiftieth, failpoints that are armed by files.

PLANT names faults to be built in (tests/faults/plants.py), CLOCK a file that says by how many seconds this
process is wrong, WORKERS how many work the queue of orders.
"""

import os

FAST = {
    "CLAIM_SECONDS": 2.5,
    "ORDER_SECONDS": 0.8,
    "LANE_SECONDS": 4,
    "SETTLE_SECONDS": 0.9,
    "ABSENCE_SECONDS": 0.15,
    "QUARANTINE_SECONDS": 6,
    "UNKNOWN_SECONDS": 0.6,
    "RETRY_SECONDS": 0.1,
    "STALE_SECONDS": 3600,
    "SWEEP_SECONDS": 0.5,
    "LOOK_SECONDS": 1,
    "LINK_SECONDS": 3,
    "KEY_SECONDS": 4,
    "LEASE_SECONDS": 3,
    "MIRROR_HISTORY_SECONDS": 5,
    "HEARTBEAT_SECONDS": 5,
    "RISK_QUOTE_SECONDS": 3600,
    "RISK_EQUITY_SECONDS": 3600,
    "RISK_RATE_SECONDS": 3600,
    "RISK_SIGNAL_SECONDS": 3600,
    "RISK_DUPLICATE_SECONDS": 0,
    "PLATFORM_ERRORS_IN_ROW": 1000,
    "LOAD_RATES": 0,
    "LOG_JSON": 1,
}
for name, value in FAST.items():
    os.environ.setdefault(name, str(value))

from brokers.platforms import PLATFORMS  # noqa: E402
from tests.faults.arming import Armed  # noqa: E402
from tests.faults.line import PLATFORMS as FAULTY  # noqa: E402
from tradershub.settings import *  # noqa: E402, F403
from tradershub.settings import DATA_DIR, DATABASES, INSTALLED_APPS, ON_POSTGRESQL, Q_CLUSTER  # noqa: E402

PLATFORMS._entries.update(FAULTY)
FAILPOINTS = Armed(DATA_DIR / "armed")
INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.plants.Planting"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
Q_CLUSTER["ALT_CLUSTERS"]["execution"] |= {
    "workers": int(os.environ.get("WORKERS", "3")),
    "queue_limit": 3,
    "timeout": 15,
    "retry": 90,
}
if not ON_POSTGRESQL:
    DATABASES["default"]["OPTIONS"]["timeout"] = 5
