"""`manage.py esi_tokens`, where the drop-in is installed."""

from esipy.contrib.django.management.commands.esi_tokens import Command as Command
