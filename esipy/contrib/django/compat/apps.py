"""The app ``esi``, on the tables of django-esi."""

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured

from esipy.contrib.django import import_name


class EsiConfig(AppConfig):
    """``INSTALLED_APPS = [..., 'esipy.contrib.django.compat']``."""

    name = 'esipy.contrib.django.compat'
    label = 'esi'
    verbose_name = 'EVE Online SSO'
    #: Of the tables that django-esi has made.
    default_auto_field = 'django.db.models.AutoField'

    def ready(self) -> None:
        if import_name.is_taken():
            raise ImproperlyConfigured(
                "'esipy.contrib.django.compat' takes the place of django-esi, which is installed too: "
                'pip uninstall django-esi'
            )
        from esipy.contrib.django import checks  # noqa: F401 - it registers them
