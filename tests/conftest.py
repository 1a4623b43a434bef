"""What every test shares: a queue that runs at once, and data kept apart from the developer's own."""

from __future__ import annotations

import os
import tempfile

os.environ["QUEUE_SYNC"] = "1"
os.environ["TRADERSHUB_DATA"] = tempfile.mkdtemp(prefix="tradershub-tests-")
