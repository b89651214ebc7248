"""What esipy is called, what it needs, and what it can use: the one place that says so."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """The version as text of `esipy/_version.py`: building esipy must not import it."""
    text = (HERE / 'esipy' / '_version.py').read_text('utf-8')
    found = re.search(r"^__version__ = '([^']+)'$", text, re.MULTILINE)
    if found is None:
        raise SystemExit("esipy/_version.py has no line like: __version__ = '2.0.0'")
    return found.group(1)


CORE = [
    'requests>=2.32.4,<3',  # the first that never sends .netrc credentials to another host
    # Comes with requests; named for its floor: from 2.0 a body that was cut short is an error, from 2.6.3 a
    # compressed one grows only as far as it is read, redirects included, and from 2.8 so does a chunk's first line.
    'urllib3>=2.8,<3',
    'python-jose[cryptography]>=3.4.0',  # the first that cannot be talked into another algorithm
]

EXTRAS = {
    'disk': ['diskcache>=5.6'],
    'memcached': ['python-memcached>=1.60'],
    'redis': ['redis>=5'],
    'speed': ['orjson>=3.10'],
    'yaml': ['PyYAML>=6.0.1'],
    'progress': ['rich>=13', 'tqdm>=4.66'],
    'tokens': ['filelock>=3.20.3', 'platformdirs>=4'],
    'keyring': ['keyring>=24', 'filelock>=3.20.3', 'platformdirs>=4'],
    'sandbox': ['jsonschema>=4.23', 'platformdirs>=4'],
    'prometheus': ['prometheus-client>=0.21'],
    'otel': ['opentelemetry-api>=1.30'],
    # kombu decides which releases of redis-py Celery's Redis transport accepts
    'celery': ['celery[redis]>=5.5'],
    # a sink of crawls
    'parquet': ['pyarrow>=18'],
    'django': ['Django>=5.2', 'cryptography>=43'],
}
EXTRAS['all'] = sorted({package for packages in EXTRAS.values() for package in packages})

# Outside 'all': pyswagger is no longer maintained, and this is the release whose calls esipy knows how to execute.
EXTRAS['pyswagger'] = ['pyswagger==0.8.39']

# For work on esipy itself. ruff and mypy are held back because a new rule of theirs is a change of ours to
# make, not a failure that arrives overnight.
EXTRAS['docs'] = ['sphinx>=8.2', 'myst-parser>=4', 'furo>=2025.7']
EXTRAS['bench'] = ['aiopenapi3', 'matplotlib', 'opentelemetry-sdk', *EXTRAS['all']]
EXTRAS['test'] = [
    'ruff>=0.17.5,<0.18',
    'mypy>=2.4,<2.5',
    'types-PyYAML',
    'types-jsonschema',
    'types-python-jose',
    'types-requests',
    'pytest>=8.4',
    'pytest-timeout',
    'pytest-xdist>=3.6',
    'hypothesis',
    # apps mock esipy with these: their tests must go on working
    'httmock',
    'requests-mock',
    'responses',
    # examples/market_to_csv.py makes a frame
    'pandas>=2.2',
    # MemcachedCache takes its clients too
    'pymemcache',
    # a person at the login page, and at the web app of the examples
    'selenium',
    'flask',
    # builds the wheel and the sdist that tests/test_package.py looks into
    'setuptools>=77',
    # judges of the sandbox that esipy did not write
    'jsonschema',
    'openapi-spec-validator',
    'schemathesis',
    # apps record and replay esipy with it
    'vcrpy>=7',
    # completion is tested by its own completer
    'ipython>=8.30',
    # what receives the telemetry, and what must not count a request twice beside it
    'opentelemetry-sdk',
    'opentelemetry-exporter-otlp-proto-http',
    'opentelemetry-instrumentation-requests',
    'opentelemetry-instrumentation-urllib3',
    'python-json-logger>=3.2',
    # the models of Grafana, by which its dashboard is checked
    'grafana-foundation-sdk',
    # the lock that every Alliance Auth site uses
    'celery-once>=3.0.1',
    # the databases and the other cache of Django sites
    'django-redis>=6',
    'psycopg[binary]>=3.2',
    'PyMySQL>=1.1',
    *EXTRAS['all'],
    *EXTRAS['pyswagger'],
]

setup(
    name='EsiPy',
    version=version(),
    description='Python client for ESI, the API of EVE Online: every operation by name, checked and cached',
    long_description=(HERE / 'README.md').read_text('utf-8'),
    long_description_content_type='text/markdown',
    author='the esipy authors',
    license_expression='BSD-3-Clause',
    license_files=['LICENSE'],
    keywords='EVE Online, ESI, API client, OpenAPI, Swagger, SSO',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Developers',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Internet :: WWW/HTTP',
        'Topic :: Software Development :: Libraries :: Python Modules',
        'Typing :: Typed',
    ],
    packages=find_packages(include=['esipy*']),
    package_data={
        'esipy': ['py.typed'],
        'esipy._limits': ['*.lua'],
        'esipy._sandbox': ['*.json'],
        'esipy.contrib.celery': ['*.lua'],
        'esipy.contrib.django': ['templates/esi/*.html'],
    },
    project_urls={
        'Homepage': 'https://github.com/Kyria/EsiPy',
        'Source': 'https://github.com/Kyria/EsiPy',
        'Documentation': 'https://github.com/Kyria/EsiPy/tree/master/docs',
        'Changelog': 'https://github.com/Kyria/EsiPy/blob/master/CHANGELOG.md',
        'Issues': 'https://github.com/Kyria/EsiPy/issues',
    },
    python_requires='>=3.11',
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={
        'console_scripts': ['esipy = esipy.__main__:main'],
        'pytest11': ['esipy = esipy._sandbox.fixtures'],
    },
    zip_safe=False,
)
