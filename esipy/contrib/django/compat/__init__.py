"""A drop-in for django-esi: an app with the label ``esi``, on django-esi's tables, that answers to the name ``esi``.

Put ``'esipy.contrib.django.compat'`` where INSTALLED_APPS had ``'esi'``.

models and migrations       models.py, migrations/
the import name             ../import_name.py
calls and their results     openapi_clients.py, records.py, responses.py, descriptions.py, exceptions.py, statistics.py
rate limits                 rate_limiting.py, limit_decorators.py
"""

from esipy.contrib.django import import_name

#: The release of django-esi whose names this package has.
__version__ = '10.0.0'
__url__ = 'https://gitlab.com/allianceauth/django-esi'

import_name.install()
