"""Settings, read from the environment, grouped by subject. Each has a safe default or refuses to start."""

import sys
from pathlib import Path

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.templatetags.static import static
from django.urls import reverse_lazy

from tradershub.core.environment import (
    Environment,
    data_folder,
    database,
    private_places,
    usable_keys,
    web_address,
)
from tradershub.core.keys import kept_keys, kept_secret
from tradershub.core.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
HUNDRED_YEARS = 36_500  # days
env = Environment()
env.read_env(BASE_DIR / ".env")

# -- Where things are kept ---------------------------------------------------------------------
DATA_DIR = data_folder(Path(env("TRADERSHUB_DATA", default=str(BASE_DIR / "var"))))

# -- Keys --------------------------------------------------------------------------------------
# FIELD_KEYS: the first encrypts, all decrypt; apart from SECRET_KEY so that either can be changed alone.
SECRET_KEY = env("SECRET_KEY", default="") or kept_secret(DATA_DIR / "secret_key")
FIELD_KEYS = usable_keys(env.list("FIELD_KEYS", default=[]) or kept_keys(DATA_DIR / "field_key"))

# -- Who may ask -------------------------------------------------------------------------------
DEBUG = env.switch("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# HTTPS: set when a reverse proxy terminates TLS before the hub (docs/operate.md).
HTTPS = env.switch("HTTPS", default=False)
PROXY_COUNT = env.count("PROXY_COUNT", default=1 if HTTPS else 0, least=0, most=100)

# -- Apps --------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "tradershub.apps.HubAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "csp",
    "django_otp",
    "django_q",
    "import_export",
    "ninja",
    "tradershub.core",
    "brokers",
    "accounts",
    "strategies",
    "risk",
    "trading",
    "tradershub.apps.HubConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tradershub.core.logs.RequestLogMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tradershub.core.timezones.TimeZoneMiddleware",
    "tradershub.core.confirming.StepUpMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "tradershub.urls"
WSGI_APPLICATION = "tradershub.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- The frame ---------------------------------------------------------------------------------
# Menu, search and keys stand in tradershub/menu.py. Blue of the theme: AA on white and on its dark ground.
UNFOLD = {
    "SITE_TITLE": "TradersHub",
    "SITE_HEADER": "TradersHub",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("img/icon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "GLOBAL_CALLBACK": "tradershub.menu.frame_context",
    "STYLES": [lambda request: static("css/hub.css")],
    "SCRIPTS": [lambda request: static("js/hub.js")],
    "COMMAND": {"search_callback": "tradershub.menu.search_pages"},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "tradershub.menu.navigation",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(68% .17 255.5)",
            "600": "oklch(54.6% .215 262.881)",
            "700": "oklch(48.8% .2 264.376)",
            "800": "oklch(42.4% .17 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}

# -- Database ----------------------------------------------------------------------------------
# SQLite: immediate transactions and WAL, or writers fail under load (django docs, "Database is locked").
DATABASES = {"default": database(env, default=f"sqlite:///{DATA_DIR / 'hub.sqlite3'}")}
# A new connection at each request, task and poll costs more than what is asked over it.
DATABASES["default"]["CONN_MAX_AGE"] = 60
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=27103364; "
            "PRAGMA cache_size=-32768;"  # KB: with the default of 2 MB a large import thrashes its indexes
        ),
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # What is asked again and again is parsed and planned once a connection: half of what a signal costs there.
    planned = {"server_side_binding": True, "prepare_threshold": 3}
    DATABASES["default"]["OPTIONS"] = planned | DATABASES["default"].get("OPTIONS", {})
ON_POSTGRESQL = DATABASES["default"]["ENGINE"].endswith("postgresql")

# Shared between processes: workers report progress and health through it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "cache",
        "TIMEOUT": 24 * 3600,
    }
}

# -- Persons -----------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
# One lock for a name at an address: a stranger elsewhere cannot lock the owner out.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = "tradershub.lockout.pause"
AXES_ENABLE_ACCESS_FAILURE_LOG = True  # says how often a name was locked
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # the page says a time, and means it
AXES_LOCKOUT_CALLABLE = "tradershub.lockout.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # log-ins are in the audit log
AXES_CLIENT_IP_CALLABLE = "tradershub.core.clients.client_address"

# -- Browser security --------------------------------------------------------------------------
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# unsafe-eval: the theme's Alpine evaluates its attributes; unsafe-inline for styles: it and the
# charts set style attributes. Scripts run only from our own host and with a nonce.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# -- Statements --------------------------------------------------------------------------------
STATEMENT_MAX_BYTES = env.count("STATEMENT_MAX_BYTES", default=200 * 1024 * 1024)
STATEMENT_MEMORY_MB = env.count("STATEMENT_MEMORY_MB", default=1024)
STATEMENT_SECONDS = env.count("STATEMENT_SECONDS", default=300)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 200
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)
FILE_UPLOAD_HANDLERS = ["tradershub.core.uploads.BoundedUploadHandler"]

# -- Pages -------------------------------------------------------------------------------------
# Beyond so many rows a worker brings a table into order or writes its workbook, and the person is shown how far it is.
ROWS_AT_ONCE = env.count("ROWS_AT_ONCE", default=50_000)
WORKBOOK_ROWS_AT_ONCE = env.count("WORKBOOK_ROWS_AT_ONCE", default=5_000)
BUILDS_KEPT_HOURS = env.count("BUILDS_KEPT_HOURS", default=24, most=HUNDRED_YEARS * 24)
BUILDS_MAX_MB = env.count("BUILDS_MAX_MB", default=200)  # of one person; the oldest go

# -- Reference rates ---------------------------------------------------------------------------
LOAD_RATES = env.switch("LOAD_RATES", default=True)  # after each migrate

# -- Platforms ---------------------------------------------------------------------------------
# In sandbox mode nothing leaves this machine, whatever is named here.
SANDBOX = env.switch("SANDBOX", default=False)
if SANDBOX:
    UNFOLD["STYLES"] = [*UNFOLD["STYLES"], lambda request: static("css/sandbox.css")]
# Address of an OpenTelemetry collector for traces, as http://127.0.0.1:4318/v1/traces; empty: no traces.
TRACES_TO = env("TRACES_TO", default="")
OUTGOING_ALLOWED = private_places(env.list("OUTGOING_ALLOWED", default=[]))
PLATFORM_ERRORS_IN_ROW = env.count("PLATFORM_ERRORS_IN_ROW", default=5, most=1000)
EXPIRY_WARNING_DAYS = env.count("EXPIRY_WARNING_DAYS", default=14, most=365)
# Where a connection's secrets may lie besides the database.
SECRETS_DIR = Path(env("SECRETS_DIR", default="") or DATA_DIR / "secrets")
VAULT_ADDR = web_address("VAULT_ADDR", env("VAULT_ADDR", default=""))
VAULT_TOKEN = env("VAULT_TOKEN", default="")
VAULT_MOUNT = env("VAULT_MOUNT", default="") or "secret"
VAULT_PATH = env("VAULT_PATH", default="") or "tradershub"
VAULT_SECONDS = env.seconds("VAULT_SECONDS", default=60)

# -- Notifications (docs/notifications.md) --------------------------------------------------------
# Where the services are, so that a sandbox can have its own.
TELEGRAM_API = web_address(
    "TELEGRAM_API", env("TELEGRAM_API", default="") or "https://api.telegram.org"
)
SLACK_HOOKS = web_address(
    "SLACK_HOOKS", env("SLACK_HOOKS", default="") or "https://hooks.slack.com"
)
CHAT_SECONDS = env.count("CHAT_SECONDS", default=25, most=50)  # a question for news stays open
UNKNOWN_SECONDS = env.seconds("UNKNOWN_SECONDS", default=30)  # then an unknown outcome is told
NOTIFY_SECONDS = env.seconds("NOTIFY_SECONDS", default=0.5)  # between two looks at what is due
EMAIL_BACKEND = "accounts.channels.email.VettedBackend"
EMAIL_HOST = env("EMAIL_HOST", default="")
EMAIL_PORT = env.count("EMAIL_PORT", default=587, most=65535)
EMAIL_HOST_USER = env("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_SSL = env.switch("EMAIL_USE_SSL", default=EMAIL_PORT == 465)
EMAIL_USE_TLS = env.switch("EMAIL_USE_TLS", default=not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", default="") or EMAIL_HOST_USER or "tradershub@localhost"

# -- Risk --------------------------------------------------------------------------------------
# How old a figure may be that an order is judged by, and what holds where no limit says otherwise (docs/risk.md).
RISK_QUOTE_SECONDS = env.seconds("RISK_QUOTE_SECONDS", default=30)
RISK_RATE_SECONDS = env.seconds("RISK_RATE_SECONDS", default=60)
RISK_DAILY_RATE_DAYS = env.count("RISK_DAILY_RATE_DAYS", default=14)
RISK_EQUITY_SECONDS = env.seconds("RISK_EQUITY_SECONDS", default=30)
RISK_SIGNAL_SECONDS = env.seconds("RISK_SIGNAL_SECONDS", default=60)
RISK_DUPLICATE_SECONDS = env.count("RISK_DUPLICATE_SECONDS", default=3, least=0)
RISK_COLLAR_PERCENT = env.count("RISK_COLLAR_PERCENT", default=10)
RISK_NO_STOP_PERCENT = env.count("RISK_NO_STOP_PERCENT", default=5)
RISK_LOCK_SECONDS = env.seconds("RISK_LOCK_SECONDS", default=2)
# Longer than two months: the longest window of a limit has passed then, on every broker's clock.
RISK_KEPT_DAYS = env.count("RISK_KEPT_DAYS", default=400, least=62, most=HUNDRED_YEARS)

# -- Queue (two clusters, so that an import never holds up an order) ---------------------------
# retry > timeout x (queue_limit / workers + 2): the retry clock starts when a task is taken.
Q_CLUSTER = {
    "name": "tradershub",  # also the salt of the payloads: the same in every process
    "label": "Queue",
    "orm": "default",
    "broker_class": (
        "tradershub.core.queue_broker.NotifyBroker"
        if ON_POSTGRESQL
        else "tradershub.core.queue_broker.CountingBroker"
    ),
    "poll": 1,
    "guard_cycle": 0.5,
    "bulk": 1,
    "workers": 1,
    "queue_limit": 1,
    "timeout": 1800,
    "retry": 6000,
    "max_attempts": 3,
    "save_limit": 0,
    "catch_up": False,
    "sync": env.switch("QUEUE_SYNC", default=False),
    "ALT_CLUSTERS": {
        "batch": {"workers": 1, "queue_limit": 1, "timeout": 1800, "retry": 6000},
        "execution": {
            "workers": 4,  # most of an order's time one waits, for its broker or the database
            "queue_limit": 4,
            "timeout": 60,
            "retry": 240,
            "max_attempts": 1,
            "ack_failures": True,
        },
    },
}
QUEUE_RESULT_DAYS = env.count("QUEUE_RESULT_DAYS", default=14, most=HUNDRED_YEARS)
# A beat goes through each cluster's queue; a cluster that takes none for so long is started anew.
HEARTBEAT_SECONDS = env.seconds("HEARTBEAT_SECONDS", default=5)
HEARTBEAT_LIMIT = env.seconds("HEARTBEAT_LIMIT", default=45, above=HEARTBEAT_SECONDS)

# -- Orders (seconds; tests run them at a fiftieth) ---------------------------------------------
# A send begins soon after it was claimed or not at all, and is answered or unknown long before another
# worker may take the lane over; what is unknown is asked for only once it must have become visible.
CLAIM_SECONDS = env.seconds("CLAIM_SECONDS", default=3)
ORDER_SECONDS = env.seconds("ORDER_SECONDS", default=5)
LANE_SECONDS = env.seconds("LANE_SECONDS", default=30, above=CLAIM_SECONDS + ORDER_SECONDS)
SETTLE_SECONDS = env.seconds("SETTLE_SECONDS", default=10, above=ORDER_SECONDS)
ABSENCE_SECONDS = env.seconds("ABSENCE_SECONDS", default=5)
QUARANTINE_SECONDS = env.seconds("QUARANTINE_SECONDS", default=300, above=SETTLE_SECONDS)
RETRY_SECONDS = env.seconds("RETRY_SECONDS", default=2)
# A worker leaves the lane to the next one after so long, well before its task would be ended by force.
PUMP_SECONDS = env.seconds("PUMP_SECONDS", default=20)
# For so long a signal waits for the one before it, which another worker has begun; then it runs both.
GIVE_WAY_SECONDS = env.seconds("GIVE_WAY_SECONDS", default=0.5)
STALE_SECONDS = env.seconds("STALE_SECONDS", default=60)  # an entry, or a price, is too old then
# The ids of orders follow from it: changed, an order sent before would not be known again.
ORDER_ID_KEY = env("ORDER_ID_KEY", default="") or kept_secret(DATA_DIR / "order_id_key")
FAILPOINTS = env.dict("FAILPOINTS", default={})  # where tests make it fail, see core.failpoints

# -- The keeper (follows connected accounts; docs/paper.md) --------------------------------------
QUOTE_SECONDS = env.seconds("QUOTE_SECONDS", default=1)
LOOK_SECONDS = env.seconds("LOOK_SECONDS", default=3)
SWEEP_SECONDS = env.seconds("SWEEP_SECONDS", default=2)
# Between two rounds on an account that is to become flat; longer while nothing changes.
FLATTEN_SECONDS = env.seconds("FLATTEN_SECONDS", default=1)
# A link that has not answered for so long is said to be dead.
LINK_SECONDS = env.seconds("LINK_SECONDS", default=10)
KEY_SECONDS = env.seconds("KEY_SECONDS", default=200)  # between two tries of a key that was refused
# How often it is seen whether the day's terms are taken over, and tried again where they could not be.
TERMS_SECONDS = env.seconds("TERMS_SECONDS", default=900)
LEASE_SECONDS = env.seconds("LEASE_SECONDS", default=15)
# Before a difference is said to be one the whole history is read again, at most so often.
MIRROR_HISTORY_SECONDS = env.seconds("MIRROR_HISTORY_SECONDS", default=600)

# -- Time, language, files ---------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = ["tradershub.formats"]
USE_THOUSAND_SEPARATOR = False
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = DATA_DIR / "files"

# -- Spreadsheets ------------------------------------------------------------------------------
# Formulas are made harmless in core.spreadsheets: the library's own way loses data.
TABLE_MAX_BYTES = env.count("TABLE_MAX_BYTES", default=5 * 1024 * 1024)  # read in the web process
IMPORT_EXPORT_ESCAPE_ILLEGAL_CHARS_ON_EXPORT = True
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "add"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"

# -- Logs --------------------------------------------------------------------------------------
LOGGING = logging_settings(json=env.switch("LOG_JSON", default=not sys.stderr.isatty()))
