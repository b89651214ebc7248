"""Pages from templates that a site may replace by its own of the same name; without those, they look the same in every
site, whatever template engines it has."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.template import TemplateDoesNotExist, loader
from django.template.backends.django import DjangoTemplates

SELECT_TOKEN = 'esi/select_token.html'
PROBLEM = 'esi/problem.html'


def render(request: Any, name: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Return a page that no cache stores, since it is about one user, and no other site shows in a frame."""
    try:
        template = loader.get_template(name)
    except TemplateDoesNotExist:
        template = _own_engine().get_template(name)
    response = HttpResponse(template.render(context, request), status=status)
    response['Cache-Control'] = 'no-store'
    response['X-Frame-Options'] = 'DENY'
    return response


def problem(request: Any, status: int, title: str, text: str, again: str | None = None) -> HttpResponse:
    """Return a page that says what happened and what to do. `again`: the address of a link that tries again."""
    response = render(request, PROBLEM, {'title': title, 'text': text, 'again': again}, status)
    response['Referrer-Policy'] = 'no-referrer'  # the address of a callback has the code in it
    return response


@lru_cache(maxsize=1)
def _own_engine() -> Any:
    directory = str(Path(__file__).parent / 'templates')
    return DjangoTemplates({'NAME': 'esipy', 'DIRS': [directory], 'APP_DIRS': False, 'OPTIONS': {}})
