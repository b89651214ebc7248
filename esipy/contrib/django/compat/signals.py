"""The signal of each response."""

from django.dispatch import Signal

#: Sent by `EsiOperation` with operation (its id), status_code (0: from the cache), headers, latency (seconds) and
#: bucket (the name of its rate limit, or '').
esi_request_statistics = Signal()
