"""The system checks, under django-esi's name."""

from esipy.contrib.django.checks import check_settings as check_settings

check_sso_application_settings = check_settings
