"""HTTP: one request is sent, one response is read.

sending, through `requests`        send.py
responses, and why there is none   raw_response.py, errors.py, body.py
redirects, proxies                 redirects.py, proxies.py
connections, and their deadlines   connection.py
sessions, and their headers        session.py
what cannot be sent                options.py
"""

from esipy._http.options import check_options
from esipy._http.raw_response import BodyError, RawResponse, TransportError
from esipy._http.send import Transport
from esipy._http.session import make_session

__all__ = [
    'BodyError',
    'RawResponse',
    'Transport',
    'TransportError',
    'check_options',
    'make_session',
]
