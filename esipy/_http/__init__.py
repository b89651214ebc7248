"""Bytes on the wire: one request in, one answer out.

sending, through `requests`        send.py
what came, and what did not        answer.py, errors.py, body.py
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
