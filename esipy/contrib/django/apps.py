"""The app ``esipy``: its tables are ``esipy_*``."""

from django.apps import AppConfig


class EsipyConfig(AppConfig):
    """``INSTALLED_APPS = [..., 'esipy.contrib.django']``."""

    name = 'esipy.contrib.django'
    label = 'esipy'
    verbose_name = 'EVE Online SSO'
    default_auto_field = 'django.db.models.BigAutoField'

    def ready(self) -> None:
        from esipy.contrib.django import checks  # noqa: F401 - it registers them
