"""Factories of factory_boy for the tests of other apps, which import them from `esi.tests.factories_2`."""

from __future__ import annotations

from typing import Any

import factory
import factory.fuzzy
from django.contrib.auth import get_user_model

from esipy.contrib.django.compat.models import CallbackRedirect, Scope, Token


class UserFactory(factory.django.DjangoModelFactory):
    """A user with a name of their own."""

    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda number: f'user_{number}')
    first_name = factory.Faker('first_name')
    last_name = factory.Faker('last_name')
    email = factory.LazyAttribute(lambda user: f'{user.username}@example.com')


class ScopeFactory(factory.django.DjangoModelFactory):
    """A scope; one of the same name is used again."""

    class Meta:
        model = Scope
        django_get_or_create = ('name',)

    name = factory.Sequence(lambda number: f'esi-test.read_{number}.v1')
    help_text = factory.Faker('sentence')


class TokenFactory(factory.django.DjangoModelFactory):
    """A token that has just been made. `scopes`: names, or Scopes."""

    class Meta:
        model = Token
        skip_postgeneration_save = True

    access_token = factory.Faker('pystr', min_chars=2500, max_chars=2500)
    refresh_token = factory.Faker('pystr', min_chars=24, max_chars=24)
    user = factory.SubFactory(UserFactory)
    character_id = factory.fuzzy.FuzzyInteger(90_000_000, 97_999_999)
    character_name = factory.Faker('name')
    token_type = Token.TOKEN_TYPE_CHARACTER
    character_owner_hash = factory.Faker('pystr', min_chars=28, max_chars=28)

    @factory.post_generation
    def scopes(self, create: bool, extracted: Any, **_: Any) -> None:
        if create and extracted:
            for scope in extracted:
                self.scopes.add(ScopeFactory(name=scope) if isinstance(scope, str) else scope)


class CallbackRedirectFactory(factory.django.DjangoModelFactory):
    """A login that has begun."""

    class Meta:
        model = CallbackRedirect

    session_key = factory.Faker('md5')
    url = factory.Faker('uri_path', deep=3)
    state = factory.Faker('sha1')
