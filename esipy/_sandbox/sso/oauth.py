"""What the SSO refuses with (RFC 6749 section 5.2), and forms as they are sent to it. Nothing here echoes a secret."""

from __future__ import annotations

from urllib.parse import parse_qsl

from esipy._sandbox.log import HIDDEN
from esipy._sandbox.wire import Reply, Request, json_reply

#: Answers with secrets in them, or about them, are never kept.
NO_STORE = {'Cache-Control': 'no-store', 'Pragma': 'no-cache'}

#: Parameters that may be shown; all others could be secret.
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
    """A refusal: one of the RFC's words, and what to tell a person."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.description = description
        self.status = status

    def reply(self) -> Reply:
        headers = {**NO_STORE, **({'WWW-Authenticate': 'Basic realm="sandbox"'} if self.status == 401 else {})}
        return json_reply(self.status, {'error': self.code, 'error_description': self.description}, headers)


def no_client(description: str) -> OAuthError:
    return OAuthError('invalid_client', description, 401)


def no_grant(description: str) -> OAuthError:
    return OAuthError('invalid_grant', description)


def bad_request(description: str) -> OAuthError:
    return OAuthError('invalid_request', description)


def form(request: Request) -> dict[str, str]:
    """The fields of a form in a body."""
    kind = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    if kind != 'application/x-www-form-urlencoded':
        raise bad_request('the body is application/x-www-form-urlencoded')
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise bad_request('the body is malformed') from None
    return single(pairs)


def single(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Each parameter once (section 3.1); one without a value counts as left out."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise bad_request('a parameter comes more than once')
    return {name: value for name, value in pairs if value}


def shown(fields: dict[str, str]) -> dict[str, str]:
    """Fields as the log may show them."""
    return {name: value if name in _HARMLESS else HIDDEN for name, value in fields.items()}
