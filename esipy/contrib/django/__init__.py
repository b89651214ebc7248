"""EVE's single sign-on and ESI for Django sites: put ``'esipy.contrib.django'`` into ``INSTALLED_APPS``.

settings                         conf.py, checks.py
tokens, scopes, logins           abstract.py (shared with `compat`), models.py, querysets.py, managers.py
refreshing, asking the SSO       refresh.py, row_lock.py, unsaved.py, sso.py
tokens encrypted in the database encryption.py, fields.py, rotation.py
decorators and pages             decorators.py, login.py, scopes.py, views.py, pages.py, templates/
admin, manage.py                 admin_pages.py, admin.py, management/
the client, its cache and limits clients.py, signing.py, cache.py, redis_connection.py, database.py
"""

from esipy._runtime.lazy import lazy_exports

TYPE_CHECKING = False  # not from typing, as in esipy/__init__.py
if TYPE_CHECKING:
    from esipy.contrib.django.cache import DjangoCache
    from esipy.contrib.django.clients import client

__all__ = ['DjangoCache', 'client']

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        'DjangoCache': 'esipy.contrib.django.cache',
        'client': 'esipy.contrib.django.clients',
    },
)
