"""What the web server calls."""

import os

from django.core.wsgi import get_wsgi_application

from tradershub.unsized import sized

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradershub.settings")
application = sized(get_wsgi_application())
