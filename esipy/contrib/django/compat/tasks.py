"""The tasks, under django-esi's names."""

from esipy.contrib.django.tasks import cleanup_callbackredirect as cleanup_callbackredirect
from esipy.contrib.django.tasks import cleanup_token as cleanup_token
from esipy.contrib.django.tasks import cleanup_token_subset as cleanup_token_subset
from esipy.contrib.django.tasks import refresh_or_delete_token as refresh_or_delete_token
