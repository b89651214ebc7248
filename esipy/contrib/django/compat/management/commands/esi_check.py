"""`manage.py esi_check`, where the drop-in is installed."""

from esipy.contrib.django.management.commands.esi_check import Command as Command
