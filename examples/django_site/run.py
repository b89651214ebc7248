"""A Django site that signs characters in with EVE Online and shows their wallets, with one command:

    pip install "EsiPy[django,celery,sandbox]>=2"
    python examples/django_site/run.py                         # on a local ESI and SSO, which esipy brings along
    CLIENT_ID=… SECRET=… python examples/django_site/run.py    # on the real ones

Then open http://localhost:8000. For the real SSO, register the site at https://developers.eveonline.com, with the
callback http://localhost:8000/sso/callback/ and the scope in wallets/views.py. PORT is another port.

This program prepares the database (a temporary one; DATABASE=file.sqlite3 keeps it) and serves the site. In production
that is `manage.py migrate` and a WSGI server, with a worker beside it: `celery -A wallets worker`.
"""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from esipy.sandbox import Sandbox

PORT = os.environ.get('PORT', '8000')


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'
    with ExitStack() as stack:
        if 'CLIENT_ID' not in os.environ:
            esi = stack.enter_context(Sandbox())
            os.environ.update(CLIENT_ID='example', SECRET='example', ESI=esi.url)
            print(f'On a local ESI: {esi.url}', flush=True)
        if 'DATABASE' not in os.environ:
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            os.environ['DATABASE'] = str(Path(directory) / 'site.sqlite3')
        serve()


def serve() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command('migrate', verbosity=0)
    print(f'Open http://localhost:{PORT}', flush=True)
    call_command('runserver', f'localhost:{PORT}', use_reloader=False)


if __name__ == '__main__':
    main()
