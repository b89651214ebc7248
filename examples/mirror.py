"""python examples/mirror.py

A local copy of a list with a cursor, kept up to date: each run fetches only what has changed since the last one.

It runs against a local ESI. Without the last block it would run against the real one.
"""

import json
import os
import tempfile
from pathlib import Path

from esipy import EsiApp, EsiClient


def load(path):
    """Return the copy and its cursor, as the last run has left them."""
    if not path.exists():
        return {'cursor': None, 'jobs': {}}
    return json.loads(path.read_text('utf-8'))


def save(path, mirror):
    """Write records and cursor together: if only one of them were new, changes would be lost."""
    new = path.with_suffix('.new')
    new.write_text(json.dumps(mirror), 'utf-8')
    os.replace(new, path)


def update(app, client, path):
    """Bring the copy up to date, and return how many records have changed."""
    mirror = load(path)
    changed, mirror['cursor'] = client.sync(app.op['get_freelance_jobs'](), mirror['cursor'])
    mirror['jobs'].update({job.id: job for job in changed})
    save(path, mirror)
    print(f'{len(changed)} records are new or changed; {len(mirror["jobs"])} altogether')
    return len(changed)


def main(path):
    with EsiClient(user_agent='mirror/1.0 (me@example.com)', retry_requests=True, raise_on_error=True) as client:
        return update(EsiApp(), client, path)


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    with Sandbox() as esi, esi.redirect(), tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / 'jobs.json'
        jobs = esi.lists.of('get_freelance_jobs')
        assert main(file) == 430  # the first run fetches everything

        esi.clock.move(3 * 86400)  # three days later
        jobs.edit(jobs[5]['id'], state='Completed')
        jobs.insert({'name': 'Haul ore to the refinery'})
        assert main(file) == 2
        assert main(file) == 0
        assert load(file)['jobs'] == {job['id']: job for job in jobs}
