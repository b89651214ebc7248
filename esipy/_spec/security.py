"""Security schemes: how a credential is sent (OpenAPI 3.1, Security Scheme Object; Swagger 2.0, Security Scheme)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

BEARER, BASIC, API_KEY = 'bearer', 'basic', 'apiKey'


class SecurityScheme(NamedTuple):
    """`kind`: BEARER, BASIC or API_KEY; any other kind is not supported, and names itself. `location` and `parameter`:
    where an API key stands, and what it is called there."""

    name: str
    kind: str
    location: str = 'header'
    parameter: str = 'Authorization'

    @property
    def place(self) -> tuple[str, str]:
        """Where the credential is in a request."""
        return self.location, self.parameter.lower() if self.location == 'header' else self.parameter

    @property
    def is_supported(self) -> bool:
        return self.kind in (BEARER, BASIC) or (
            self.kind == API_KEY and self.location in ('header', 'query', 'cookie') and bool(self.parameter)
        )


def scheme_of(name: str, node: Mapping[str, Any]) -> SecurityScheme:
    """A scheme from its node. One that the document does not describe takes a bearer token, as OAuth 2.0 does."""
    kind = str(node.get('type') or 'oauth2')
    if kind in ('oauth2', 'openIdConnect'):
        return SecurityScheme(name, BEARER)
    if kind == 'apiKey':
        return SecurityScheme(name, API_KEY, str(node.get('in') or ''), str(node.get('name') or ''))
    if kind == 'basic':  # Swagger 2.0
        return SecurityScheme(name, BASIC)
    scheme = str(node.get('scheme') or '').lower()  # not case-sensitive (RFC 9110 section 11.1)
    if kind == 'http':
        return SecurityScheme(name, scheme if scheme in (BEARER, BASIC) else f'http {scheme}')
    return SecurityScheme(name, kind)
