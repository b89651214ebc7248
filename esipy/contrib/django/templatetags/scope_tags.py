"""``{% load scope_tags %}``: scopes in words."""

from django import template

from esipy.contrib.django.abstract import AbstractScope

register = template.Library()


@register.filter
def scope_friendly_name(scope: object) -> str:
    """Return the words of a scope, or of its name: ``{{ scope|scope_friendly_name }}``."""
    return AbstractScope._friendly_name(str(scope))
