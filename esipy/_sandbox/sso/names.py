"""Where the SSO's pages are, and what faults and the log call them."""

from __future__ import annotations

#: The official host.
HOST = 'login.eveonline.com'

#: What stands for the whole SSO: its pages, and what else is asked of its host.
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

#: Every name that faults and the log take.
NAMES = (ALL, *dict.fromkeys(PAGES.values()))

#: The API's hosts have nothing of the SSO.
_API_HOSTS = frozenset({'esi.evetech.net', 'esi.tech.ccp.is'})


def place(path: str, host: str) -> str | None:
    """The name of what lies there; None where it is the API's."""
    if path in PAGES:
        return None if _bare(host) in _API_HOSTS else PAGES[path]
    return ALL if is_official(host) else None


def is_official(host: str) -> bool:
    return _bare(host) == HOST


def _bare(host: str) -> str:
    """A redirect leads requests for any port here."""
    return host.partition(':')[0].lower()


def covers(wanted: str, operation: str | None) -> bool:
    """Whether a request for `operation` is one of those that `wanted` names."""
    return wanted == operation or (wanted == ALL and operation is not None and operation.startswith('sso.'))
