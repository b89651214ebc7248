"""A copy of a cursor listing on one's own disk, kept up to date: each run asks only for what changed since the last.

    python mirror.py jobs.json

It runs against a local ESI here; without the last block it would run against the real one.
"""

import json
import os
import sys
from pathlib import Path

from esipy import EsiApp, EsiClient


def load(file):
    """The mirror and its cursor, as the last run left them."""
    if not file.exists():
        return {'cursor': None, 'jobs': {}}
    return json.loads(file.read_text('utf-8'))


def save(file, mirror):
    """Records and cursor together, or neither: with only one of them new, changes would be lost."""
    fresh = file.with_suffix('.new')
    fresh.write_text(json.dumps(mirror), 'utf-8')
    os.replace(fresh, file)


def update(app, client, file):
    """One run. Gives how many records changed."""
    mirror = load(file)
    changed, mirror['cursor'] = client.sync(app.op['get_freelance_jobs'](), mirror['cursor'])
    mirror['jobs'].update({job.id: job for job in changed})
    save(file, mirror)
    print(f'{len(changed)} records are new or changed; {len(mirror["jobs"])} in all')
    return len(changed)


def main(file):
    with EsiClient(user_agent='mirror/1.0 (me@example.com)', retry_requests=True) as client:
        return update(EsiApp(), client, file)


if __name__ == '__main__':
    from esipy.sandbox import Sandbox

    where = Path(sys.argv[1] if len(sys.argv) > 1 else 'jobs.json')
    with Sandbox() as esi, esi.redirect():
        jobs = esi.lists.of('get_freelance_jobs')
        assert main(where) == 430  # the first run brings everything

        esi.clock.move(3 * 86400)  # three days later
        jobs.edit(jobs[5]['id'], state='Completed')
        jobs.insert({'name': 'Haul ore to the refinery'})
        assert main(where) == 2
        assert main(where) == 0
        assert load(where)['jobs'] == {job['id']: job for job in jobs}
