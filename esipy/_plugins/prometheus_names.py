"""The names of the metrics: esipy's own, with any prefix, and those that the Grafana boards of Alliance Auth sites use.
Pure."""

from __future__ import annotations

from esipy._plugins.prometheus_collectors import Metric

#: Seconds. Requests take milliseconds to seconds; waits for a rate limit last minutes.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WAIT_BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)

#: Those of the exporter that Alliance Auth sites have used.
_ALLIANCE_AUTH_BUCKETS = (0.2, 0.4, 0.6, 0.8, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)


def own(prefix: str) -> dict[str, Metric]:
    """Return esipy's own metrics."""
    request = ('operation', 'method', 'status')
    return {
        'requests': Metric('counter', f'{prefix}_requests_total', 'Requests that were sent.', request),
        'duration': Metric(
            'histogram', f'{prefix}_request_duration_seconds', 'Durations of requests.', request, REQUEST_BUCKETS
        ),
        'in_flight': Metric(
            'gauge', f'{prefix}_requests_in_flight', 'Requests in flight.', multiprocess_mode='livesum'
        ),
        'cache': Metric(
            'counter', f'{prefix}_cache_results_total', 'Results of cache look-ups.', ('operation', 'result')
        ),
        'retries': Metric('counter', f'{prefix}_retries_total', 'Requests that were repeated.', ('operation',)),
        'wait': Metric(
            'histogram', f'{prefix}_rate_limit_wait_seconds', 'Waits for a rate limit.', ('bucket',), WAIT_BUCKETS
        ),
        'left': Metric(
            'gauge',
            f'{prefix}_rate_limit_remaining',
            'Tokens left in a bucket, as the last response showed it.',
            ('group',),
            multiprocess_mode='livemostrecent',
        ),
        'refreshes': Metric('counter', f'{prefix}_token_refreshes_total', 'Token refreshes.', ('result',)),
    }


def alliance_auth() -> dict[str, Metric]:
    """Return the metrics by the names of Alliance Auth's boards."""
    return {
        'requests': Metric(
            'counter',
            'esi_request_total',
            'ESI requests.',
            ('endpoint', 'status_code', 'compatibility_date', 'cache_status'),
        ),
        'duration': Metric(
            'histogram',
            'esi_requests_latency_by_endpoint_seconds',
            'Durations of ESI requests.',
            ('endpoint', 'status_code'),
            _ALLIANCE_AUTH_BUCKETS,
        ),
        'left': Metric(
            'gauge', 'esi_rate_bucket', 'Tokens left in a bucket.', ('bucket',), multiprocess_mode='livemostrecent'
        ),
        'errors_left': Metric('gauge', 'esi_error_bucket_avail', 'Errors left.', multiprocess_mode='livemostrecent'),
        'refresh_duration': Metric(
            'histogram',
            'sso_refresh_latency_by_status_seconds',
            'Durations of token refreshes.',
            ('status',),
            _ALLIANCE_AUTH_BUCKETS,
        ),
    }
