"""The hub's own settings for tests: a queue that runs at once, data apart from the developer's own."""

import os
import tempfile

os.environ["QUEUE_SYNC"] = "1"
os.environ["LOAD_RATES"] = "0"
os.environ["TRADERSHUB_DATA"] = tempfile.mkdtemp(prefix="tradershub-tests-")

from tradershub.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # speed: one hash a log-in
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
