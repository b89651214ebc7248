"""``{% load scope_tags %}`` where the drop-in is installed."""

from esipy.contrib.django.templatetags.scope_tags import register as register
from esipy.contrib.django.templatetags.scope_tags import scope_friendly_name as scope_friendly_name
