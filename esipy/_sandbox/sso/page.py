"""The pages of the SSO for a browser: the login page and its errors. They are plain HTML without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from esipy._sandbox.http_messages import Response
from esipy._sandbox.sso.oauth import NO_STORE

#: The page loads nothing, and its address is not sent to other sites.
_HEADERS = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    **NO_STORE,
}

_STYLE = """
:root { color-scheme: light dark; --page: #eef1f5; --card: #fff; --ink: #1c2430; --soft: #5d6979; --line: #dfe4ea;
  --accent: #1f6f8b; --hover: #f3f7f9; --tag: #e7eef2; }
@media (prefers-color-scheme: dark) { :root { --page: #0e1318; --card: #171e26; --ink: #e8edf2; --soft: #93a1b0;
  --line: #2a3440; --accent: #6fc3df; --hover: #1f2832; --tag: #222d37; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 2rem 1rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
main { width: 100%; max-width: 27rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 2rem; box-shadow: 0 10px 30px rgb(10 20 30 / .08); }
.where { display: flex; align-items: center; gap: .6rem; margin: 0 0 1.4rem; color: var(--soft); font-size: .85rem; }
.where b { background: var(--tag); color: var(--accent); border-radius: 99px; padding: .1rem .7rem; font-weight: 600; }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25; letter-spacing: -.01em; }
p { margin: 0 0 1rem; color: var(--soft); overflow-wrap: anywhere; }
code { font: .88em/1.4 ui-monospace, 'DejaVu Sans Mono', Menlo, monospace; color: var(--ink); }
h2 { margin: 1.4rem 0 .5rem; font-size: .8rem; font-weight: 600; color: var(--soft); }
ul { margin: 0; padding: 0; list-style: none; }
.scopes { max-height: 11rem; overflow: auto; border: 1px solid var(--line); border-radius: 10px;
  padding: .35rem .9rem; }
.scopes li { padding: .22rem 0; overflow-wrap: anywhere; }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: 10px;
  cursor: pointer; }
button:hover { background: var(--hover); border-color: var(--accent); }
button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.who { display: flex; align-items: center; gap: .85rem; width: 100%; margin: 0 0 .5rem; padding: .6rem .8rem;
  text-align: left; }
.face { flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: 50%;
  color: #fff; font-weight: 600; font-size: .9rem; }
.who span span { display: block; line-height: 1.3; }
.who small { color: var(--soft); }
.no { width: 100%; margin-top: .8rem; padding: .55rem; border-color: transparent; color: var(--soft); }
"""


def login(client_id: str, scopes: Sequence[str], characters: Sequence[Mapping[str, Any]], address: str) -> Response:
    """Return the login page: the application, its scopes, and the characters. `address`: where the form is sent."""
    wanted = ''.join(f'<li><code>{escape(scope)}</code></li>' for scope in scopes)
    asked = f'<h2>It asks for</h2><ul class="scopes">{wanted}</ul>' if scopes else ''
    wish = 'act for you.' if scopes else 'know who you are. It asks for no scopes.'
    choices = ''.join(map(_choice, characters)) or '<p>There are no characters: <code>esi.sso.characters</code>.</p>'
    return _page(
        200,
        'Choose a character',
        f'<p>The application <code>{escape(client_id)}</code> would like to {wish}</p>{asked}'
        f'<form method="post" action="{escape(address)}"><h2>Your characters</h2>{choices}'
        '<button class="no" name="cancel" value="yes">Cancel</button></form>',
    )


def refused(reason: str) -> Response:
    """Return the page for an error that cannot be reported to the application, whose address is unknown."""
    return _page(400, 'The login is not possible', f'<p>{escape(reason)}</p>')


def _choice(person: Mapping[str, Any]) -> str:
    name = str(person['name'])
    initials = ''.join(word[0] for word in name.split()[:2]).upper()
    hue = person['id'] * 67 % 360
    return (
        f'<button class="who" name="character_id" value="{person["id"]}">'
        f'<span class="face" style="background: hsl({hue} 42% 37%)" aria-hidden="true">{escape(initials)}</span>'
        f'<span><span>{escape(name)}</span><small>{person["id"]}</small></span></button>'
    )


def _page(status: int, title: str, body: str) -> Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · esipy sandbox</title><style>{_STYLE}</style></head><body><main>'
        f'<div class="where"><b>esipy sandbox</b> in place of the EVE Online login</div>'
        f'<h1>{escape(title)}</h1>{body}</main></body></html>'
    )
    return Response(status, text.encode('utf-8', 'replace'), dict(_HEADERS))
