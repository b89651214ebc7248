"""The managers and query sets, under django-esi's names."""

from esipy.contrib.django.managers import TokenManager as TokenManager
from esipy.contrib.django.querysets import TokenQuerySet as TokenQuerySet

TokenQueryset = TokenQuerySet
