"""The description that ESI publishes today: where it is, and of which day."""

#: The newest day of the API that this release was made for; the server describes any day that is requested.
COMPATIBILITY_DATE = '2026-08-04'

#: The live document's path, on any of ESI's servers.
LIVE_PATH = '/meta/openapi.json'
