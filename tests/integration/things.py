"""A description of a few operations, for tests with servers of their own, and shorthands to call them."""

from __future__ import annotations

from typing import Any

from esipy import App, EsiClient, EsiSecurity

#: Seconds that a test waits for what should fail fast; long enough for a busy machine.
SOON = 5.0

_ANY: dict[str, Any] = {'200': {'description': 'OK', 'content': {'application/json': {'schema': {'type': 'object'}}}}}
_PRIVATE = [{'OAuth2': ['read']}]


def _operation(name: str, **more: Any) -> dict[str, Any]:
    return {'operationId': name, 'responses': _ANY, **more}


def _header(name: str) -> dict[str, Any]:
    return {'name': name, 'in': 'header', 'schema': {'type': 'string'}}


_BODY = {'content': {'application/json': {'schema': {'type': 'object'}}}}
_QUERY = {'name': 'q', 'in': 'query', 'schema': {'type': 'string'}}
_PAGE = {'name': 'page', 'in': 'query', 'schema': {'type': 'integer'}}
_ID = {'name': 'id', 'in': 'path', 'required': True, 'schema': {'type': 'string'}}
_LANGUAGE = _header('Accept-Language')
_PAGES: dict[str, Any] = {
    '200': {
        **_ANY['200'],
        'headers': {'X-Pages': {'schema': {'type': 'integer'}}},
    }
}


def description(url: str) -> dict[str, Any]:
    return {
        'openapi': '3.1.0',
        'info': {'title': 'Things', 'version': '2026-08-04'},
        'servers': [{'url': url}],
        'paths': {
            '/thing': {
                'get': _operation('get_thing', parameters=[_QUERY, _PAGE, _LANGUAGE], responses=_PAGES),
                'put': _operation('put_thing', requestBody=_BODY),
                'post': _operation('post_thing', parameters=[_QUERY], requestBody=_BODY),
                'delete': _operation('delete_thing', parameters=[_QUERY]),
            },
            '/things/{id}': {'get': _operation('get_things_id', parameters=[_ID])},
            '/mine': {
                'get': _operation('get_mine', security=_PRIVATE, parameters=[_QUERY]),
                'put': _operation('put_mine', security=_PRIVATE, requestBody=_BODY),
            },
            '/nothing': {'delete': _operation('delete_nothing', responses={'204': {'description': 'No content'}})},
            '/universe/ids': {
                'post': _operation(
                    'post_universe_ids',
                    requestBody={
                        'required': True,
                        'content': {
                            'application/json': {'schema': {'type': 'array', 'items': {'type': 'string'}}},
                        },
                    },
                )
            },
        },
        'components': {
            'securitySchemes': {
                'OAuth2': {
                    'type': 'oauth2',
                    'flows': {
                        'authorizationCode': {
                            'authorizationUrl': 'https://login.eveonline.com/v2/oauth/authorize',
                            'tokenUrl': 'https://login.eveonline.com/v2/oauth/token',
                            'scopes': {'read': 'read'},
                        }
                    },
                }
            }
        },
    }


def app_at(url: str) -> App:
    return App.create(description(url))


def client(**options: Any) -> EsiClient:
    """A client that gives up soon, for a server without limits."""
    return EsiClient(
        **{'user_agent': 'tests', 'timeout': (SOON, SOON), 'deadline': SOON * 2, 'limits': None, **options}
    )


ENDPOINTS = {
    'issuer': 'https://login.eveonline.com',
    'authorization_endpoint': 'https://login.eveonline.com/v2/oauth/authorize',
    'token_endpoint': 'https://login.eveonline.com/v2/oauth/token',
    'revocation_endpoint': 'https://login.eveonline.com/v2/oauth/revoke',
    'jwks_uri': 'https://login.eveonline.com/oauth/jwks',
}


def security(token: str | None = None, sso: str = '', **options: Any) -> EsiSecurity:
    """A security object with `token`, whose SSO is at `sso`."""
    endpoints = {name: url.replace('https://login.eveonline.com', sso or url[:27]) for name, url in ENDPOINTS.items()}
    made = EsiSecurity(
        'https://app.example/callback',
        'the-client-id',
        options.pop('secret_key', 'the-secret-key'),
        sso_endpoints=options.pop('sso_endpoints', endpoints),
        headers={'User-Agent': 'tests'},
        **options,
    )
    if token is not None:
        made.update_token({'access_token': token, 'expires_in': 1200, 'refresh_token': f'refresh-of-{token}'})
    return made
