"""The models of the label that a site has installed: ``esipy``, or ``esi`` with `esipy.contrib.django.compat`."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

_LABELS = ('esipy', 'esi')


def model(name: str) -> Any:
    """Return the class of a model: ``model('Token')``. Raises ImproperlyConfigured where no label is installed."""
    for label in _LABELS:
        if label in apps.app_configs:
            return apps.get_model(label, name)
    raise ImproperlyConfigured("INSTALLED_APPS has neither 'esipy.contrib.django' nor 'esipy.contrib.django.compat'")
