"""The settings as attributes, each read when it is used: ``app_settings.ESI_API_URL``."""

from __future__ import annotations

from typing import Any

from esipy.contrib.django import conf

#: Names that django-esi gives to some settings.
_OTHER_NAMES = {
    'ESI_OAUTH_URL': 'ESI_SSO_BASE_URL',
    'ESI_OAUTH_LOGIN_URL': 'ESI_SSO_LOGIN_URL',
    'ESI_TOKEN_URL': 'ESI_CODE_EXCHANGE_URL',
}


def __getattr__(name: str) -> Any:
    try:
        return conf.get(_OTHER_NAMES.get(name, name))
    except LookupError as error:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}: {error}') from None
