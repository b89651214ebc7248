"""esipy for Django sites: an app with the label `esipy`, and a client that is made from the settings."""

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
