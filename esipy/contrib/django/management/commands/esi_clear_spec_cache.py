"""``manage.py esi_clear_spec_cache``: the next start fetches the description of the API again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from esipy.contrib.django.clients import forget_description


class Command(BaseCommand):
    """Removes the description of the API from the cache."""

    help = 'Removes the description of the API from the cache, so that it is fetched again.'

    def handle(self, *args: Any, **options: Any) -> None:
        forget_description()
        self.stdout.write('The description of the API is fetched again when it is next needed.')
