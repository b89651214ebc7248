"""`manage.py esi_rotate_keys`, where the drop-in is installed."""

from esipy.contrib.django.management.commands.esi_rotate_keys import Command as Command
