"""The errors of the SSO (RFC 6749 section 5.2), and the forms that it receives. Nothing here repeats a secret."""

from __future__ import annotations

from urllib.parse import parse_qsl

from esipy._sandbox.http_messages import Request, Response, json_response
from esipy._sandbox.log import HIDDEN

#: Responses with secrets, or about secrets, must not be stored.
NO_STORE = {'Cache-Control': 'no-store', 'Pragma': 'no-cache'}

#: Parameters that the log may show; all others could be secret.
_HARMLESS = frozenset(
    {
        'character_id',
        'client_id',
        'code_challenge_method',
        'grant_type',
        'redirect_uri',
        'response_type',
        'scope',
        'token_type_hint',
    }
)


class OAuthError(Exception):
    """An error: one of the codes of the RFC, and a description for a person."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status

    def response(self) -> Response:
        headers = {**NO_STORE, **({'WWW-Authenticate': 'Basic realm="sandbox"'} if self.status == 401 else {})}
        return json_response(self.status, {'error': self.code, 'error_description': self.description}, headers)


def no_client(description: str) -> OAuthError:
    return OAuthError('invalid_client', description, 401)


def no_grant(description: str) -> OAuthError:
    return OAuthError('invalid_grant', description)


def bad_request(description: str) -> OAuthError:
    return OAuthError('invalid_request', description)


def form(request: Request) -> dict[str, str]:
    """Return the fields of a form in a body."""
    kind = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    if kind != 'application/x-www-form-urlencoded':
        raise bad_request('the body is application/x-www-form-urlencoded')
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise bad_request('the body is malformed') from None
    return single(pairs)


def single(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters, each of which may occur once (section 3.1); an empty one counts as left out."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise bad_request('a parameter occurs more than once')
    return {name: value for name, value in pairs if value}


def loggable(fields: dict[str, str]) -> dict[str, str]:
    """Return the fields with the values that the log may show."""
    return {name: value if name in _HARMLESS else HIDDEN for name, value in fields.items()}
