"""The settings of a site, with django-esi's names and defaults.

Each is read when it is used, so that ``override_settings`` takes effect::

    from esipy.contrib.django import conf

    conf.get('ESI_SSO_CLIENT_ID')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from esipy._runtime.suggest import closest


class Setting(NamedTuple):
    """The default of a setting (or a function that returns it), the types that it may have, and its meaning."""

    default: Any
    types: tuple[type, ...]
    meaning: str


_TEXT: tuple[type, ...] = (str,)
_TEXT_OR_NONE: tuple[type, ...] = (str, type(None))
_FLAG: tuple[type, ...] = (bool,)
_COUNT: tuple[type, ...] = (int,)
_SECONDS: tuple[type, ...] = (int, float)
_LIST: tuple[type, ...] = (list, tuple)


def _sso(path: str) -> Callable[[], str]:
    return lambda: str(get('ESI_SSO_BASE_URL')).rstrip('/') + path


SETTINGS: Mapping[str, Setting] = {
    'ESI_SSO_CLIENT_ID': Setting(None, _TEXT_OR_NONE, 'client id of your application (required)'),
    'ESI_SSO_CLIENT_SECRET': Setting(None, _TEXT_OR_NONE, 'secret key of your application (required)'),
    'ESI_SSO_CALLBACK_URL': Setting(None, _TEXT_OR_NONE, 'where the SSO sends people back to (required)'),
    'ESI_USER_CONTACT_EMAIL': Setting(None, _TEXT_OR_NONE, 'e-mail address for CCP; part of the User-Agent'),
    'ESI_ALWAYS_CREATE_TOKEN': Setting(False, _FLAG, 'whether every login makes a new token'),
    'ESI_TOKEN_KEYS': Setting((), _LIST, 'keys that encrypt the tokens in the database; the first one encrypts'),
    'ESI_TOKEN_VALID_DURATION': Setting(1170, _SECONDS, 'seconds for which an access token is used'),
    'ESI_TOKEN_JWT_AUDIENCE': Setting('EVE Online', _TEXT, 'audience that a token must have beside the client id'),
    'ESI_CACHE_RESPONSE': Setting(True, _FLAG, "whether responses are stored in Django's cache"),
    'ESI_API_URL': Setting('https://esi.evetech.net/', _TEXT, 'where the API is'),
    'ESI_SSO_BASE_URL': Setting('https://login.eveonline.com/v2/oauth', _TEXT, 'where the SSO is'),
    'ESI_SSO_LOGIN_URL': Setting(_sso('/authorize/'), _TEXT, 'the page on which people sign in'),
    'ESI_CODE_EXCHANGE_URL': Setting(_sso('/token'), _TEXT, 'where the SSO gives tokens'),
    'ESI_SSO_USER_AGENT': Setting(None, _TEXT_OR_NONE, 'User-Agent for the SSO'),
    'ESI_SSO_MAX_RETRIES': Setting(3, _COUNT, 'how often a request that the SSO did not serve is repeated'),
    'ESI_SSO_WAIT_EXPONENT': Setting(
        1, _SECONDS, 'seconds before the first retry; each further one waits twice as long'
    ),
    'ESI_SSO_MAX_RETRY_AFTER': Setting(60, _SECONDS, 'longest wait before a retry, in seconds'),
    'ESI_REQUESTS_CONNECT_TIMEOUT': Setting(5, _SECONDS, 'seconds to connect'),
    'ESI_REQUESTS_READ_TIMEOUT': Setting(10, _SECONDS, 'seconds between two bytes of a response'),
    'ESI_REQUESTS_WRITE_TIMEOUT': Setting(5, _SECONDS, 'accepted, not used'),
    'ESI_REQUESTS_POOL_TIMEOUT': Setting(5, _SECONDS, 'accepted, not used'),
    'ESI_CONNECTION_POOL_MAX_CONNECTIONS': Setting(100, _COUNT, 'connections that are open at a time'),
    'ESI_CONNECTION_POOL_MAX_KEEPALIVE': Setting(20, _COUNT, 'accepted, not used'),
    'ESI_CONNECTION_POOL_KEEPALIVE_EXPIRY': Setting(5, _SECONDS, 'accepted, not used'),
    'ESI_SERVER_ERROR_MAX_RETRIES': Setting(3, _COUNT, 'how often a call is repeated after a server error'),
    'ESI_SERVER_ERROR_WAIT_EXPONENT': Setting(1, _SECONDS, 'accepted, not used'),
    'ESI_CACHE_ALIAS': Setting('default', _TEXT, 'alias in CACHES where responses are stored'),
    'ESI_COMPATIBILITY_DATE': Setting(None, _TEXT_OR_NONE, 'date whose API is called; None: the newest known one'),
    'ESI_MAX_WAIT': Setting(5, _SECONDS, 'seconds that a call waits for a rate limit, before it raises LimitedError'),
    'ESI_RAISE_NOT_MODIFIED': Setting(
        False, _FLAG, "whether result() and results() of the drop-in raise HTTPNotModified, as django-esi's do"
    ),
    'ESI_REMEMBER_REFUSALS': Setting(
        False, _FLAG, 'whether a 403 or 404 is returned again without a request: for a minute, twice as long each time'
    ),
    'ESI_REDIS_URL': Setting(None, _TEXT_OR_NONE, 'Redis that shares the rate limits; None: that of the cache, if any'),
    'ESI_USER_AGENT': Setting(None, _TEXT_OR_NONE, "name of the site in the User-Agent, such as 'My site/1.2'"),
    'ESI_LANGUAGES': Setting(('en', 'de', 'fr', 'ja', 'ru', 'zh', 'ko', 'es'), _LIST, 'languages to ask for'),
}


def get(name: str) -> Any:
    """Return the site's value of a setting, or its default.

    Raises ImproperlyConfigured for a value of a wrong type, LookupError for a name that is not in ``SETTINGS``.
    """
    if name not in SETTINGS:
        near = closest(name, SETTINGS)
        raise LookupError(f'esipy has no setting {name}' + (f': did you mean {near[0]}?' if near else ''))
    setting = SETTINGS[name]
    default = setting.default
    value = getattr(settings, name, setting)
    if value is setting:
        return default() if callable(default) else default
    if not isinstance(value, setting.types) or (isinstance(value, bool) and bool not in setting.types):
        wanted = ' or '.join('None' if kind is type(None) else kind.__name__ for kind in setting.types)
        raise ImproperlyConfigured(f'{name} must be of type {wanted}, not {type(value).__name__}')
    return value


def required(name: str) -> str:
    """Return a setting that has no default. Raises ImproperlyConfigured where the site has none."""
    value = get(name)
    if not value:
        raise ImproperlyConfigured(
            f'{name} is not set: the settings need the values of your application, which are at '
            'https://developers.eveonline.com'
        )
    return str(value)
