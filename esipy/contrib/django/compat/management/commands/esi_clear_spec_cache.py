"""`manage.py esi_clear_spec_cache`, where the drop-in is installed."""

from esipy.contrib.django.management.commands.esi_clear_spec_cache import Command as Command
