"""The paths of the SSO's pages, and their names in faults and in the log."""

from __future__ import annotations

#: The official host.
HOST = 'login.eveonline.com'

#: The name of the whole SSO: its pages, and other requests to its host.
ALL = 'sso'

DISCOVERY = '/.well-known/oauth-authorization-server'
JWKS = '/oauth/jwks'
AUTHORIZE = '/v2/oauth/authorize'
TOKEN = '/v2/oauth/token'
REVOKE = '/v2/oauth/revoke'

#: Names by path.
PAGES = {
    DISCOVERY: 'sso.discovery',
    JWKS: 'sso.jwks',
    AUTHORIZE: 'sso.authorize',
    AUTHORIZE + '/': 'sso.authorize',
    TOKEN: 'sso.token',
    REVOKE: 'sso.revoke',
}

#: Every name that faults and the log accept.
NAMES = (ALL, *dict.fromkeys(PAGES.values()))

#: The API's hosts have no pages of the SSO.
_API_HOSTS = frozenset({'esi.evetech.net', 'esi.tech.ccp.is'})


def page_name(path: str, host: str) -> str | None:
    """Return the name of the page of the SSO; None if the request is for the API."""
    if path in PAGES:
        return None if _bare(host) in _API_HOSTS else PAGES[path]
    return ALL if is_official(host) else None


def is_official(host: str) -> bool:
    return _bare(host) == HOST


def _bare(host: str) -> str:
    """Return the host without its port: a redirect applies to all ports."""
    return host.partition(':')[0].lower()


def covers(wanted: str, operation: str | None) -> bool:
    """Whether a request for `operation` is one of those that `wanted` names."""
    return wanted == operation or (wanted == ALL and operation is not None and operation.startswith('sso.'))
