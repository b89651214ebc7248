"""``manage.py esi_clear_spec_cache``: the next start fetches the descriptions of the API again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from esipy._runtime.redact import masked_error
from esipy.contrib.django import conf
from esipy.contrib.django.clients import forget_descriptions


class Command(BaseCommand):
    """Removes the descriptions of the API from the cache."""

    help = 'Removes the descriptions of the API from the cache, so that they are fetched again.'

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            forget_descriptions()
        except Exception as error:  # of whatever backend the cache has
            alias = conf.get('ESI_CACHE_ALIAS')
            raise CommandError(
                f'The cache {alias!r} cannot be used ({masked_error(error)}): check its settings, and '
                'whether its server is running.'
            ) from error
        self.stdout.write('The descriptions of the API are fetched again by processes that start from now on.')
