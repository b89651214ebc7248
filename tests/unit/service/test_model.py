"""build_parameter_object: keywords become the request that a method is written with."""

from dataclasses import dataclass, field
from typing import Any, Optional

import pytest

from esipy.exceptions import CallError
from esipy.service import build_parameter_object


class Plain:
    def __init__(self, param_1: Any = None) -> None:
        self.param_1 = param_1


class Inherited(Plain):
    pass


@dataclass
class Base:
    name: str


@dataclass
class User(Base):
    tags: list[str] = field(default_factory=list)


class ByMapping:
    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data


class Service:
    @build_parameter_object
    def plain(self, request: Plain) -> Plain:
        """What it does."""
        return request

    @build_parameter_object
    def inherited(self, request: Optional[Inherited] = None) -> Any:  # noqa: UP045
        return request

    @build_parameter_object
    def user(self, request: 'User | None', dry: bool = False) -> Any:
        return request, dry

    @build_parameter_object(arg_name='body', arg_class=User)
    def untyped(self, body):  # type: ignore[no-untyped-def]
        return body

    @build_parameter_object
    def by_mapping(self, request: ByMapping) -> Any:
        return request

    @build_parameter_object
    def later(self, request: 'Later') -> Any:
        return request

    @build_parameter_object
    async def waits(self, request: Plain) -> Any:
        return request.param_1


class Special(Service):
    pass


class Later(Plain):
    pass


@build_parameter_object
def alone(request: User) -> User:
    return request


def test_keywords_make_the_request() -> None:
    assert Service().plain(param_1=23).param_1 == 23
    assert type(Service().inherited(param_1=1)) is Inherited
    assert Service().user(name='x', tags=['a']) == (User('x', ['a']), False)
    assert Service().user(name='x', dry=True) == (User('x'), True)
    assert Service().untyped(name='x') == alone(name='x') == User('x')
    assert Special().plain(param_1=1).param_1 == 1
    assert type(Service().later()) is Later
    assert Service().by_mapping(a=1, b=2).data == {'a': 1, 'b': 2}
    assert Service.plain.__doc__ == 'What it does.'


def test_a_ready_request_is_passed_on() -> None:
    user = User('ready')
    assert Service().user(user) == (user, False)
    assert Service().user(request=user, dry=True) == (user, True)
    assert alone(user) is user
    assert Service().inherited(None) is None


def test_a_coroutine_function() -> None:
    with pytest.raises(StopIteration) as ended:
        Service().waits(param_1=5).send(None)
    assert ended.value.value == 5


def test_what_makes_no_request() -> None:
    with pytest.raises(CallError) as caught:
        Service().user(nam='x')
    assert str(caught.value) == ("Service.user: name: is required; nam: unknown parameter, did you mean 'name'?")
    with pytest.raises(CallError, match='zzz: unknown parameter, there are param_1'):
        Service().plain(zzz=1)
    with pytest.raises(TypeError):
        Service().plain(Plain(), param_1=1)
    with pytest.raises(TypeError):
        Service().user(User('x'), True, 3)


def test_what_cannot_be_decorated() -> None:
    with pytest.raises(
        TypeError, match="has no argument 'request'; give the name of its request argument as arg_name="
    ):
        build_parameter_object(lambda body: body)

    @build_parameter_object
    def bare(request):  # type: ignore[no-untyped-def]
        return request

    @build_parameter_object
    def nowhere(request: 'NoSuchClass') -> Any:  # type: ignore[name-defined]  # noqa: F821
        return request

    for function in (bare, nowhere):
        with pytest.raises(TypeError, match='give arg_class='):
            function(a=1)
