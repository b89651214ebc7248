"""Attributes that help at a prompt: IPython completes names behind them, and each object has a docstring of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NoReturn, Self, TypeVar, overload

T = TypeVar('T')


class computed(Generic[T]):
    """Use it as `property`, where people type a name and a dot behind the attribute: `app.op.`, `response.data[0].`

    What a `property` returns IPython does not evaluate in order to complete, with its default settings: it allows
    "attribute access on known types" only (its option `Completer.evaluation`), and never a property's. This descriptor
    is not a property, and without `__getattr__` in the owner's class IPython reads it.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__
        self.__name__ = read.__name__

    @overload
    def __get__(self, owner: None, kind: type | None = None) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type | None = None) -> T: ...

    def __get__(self, owner: object | None, kind: type | None = None) -> Self | T:
        return self if owner is None else self._read(owner)

    def __set__(self, owner: object, value: Any) -> NoReturn:
        raise AttributeError(f'{type(owner).__name__}.{self.__name__} cannot be set', name=self.__name__, obj=owner)


class HelpText:
    """As `__doc__`: `help(object)` describes that object, `help(Class)` the class."""

    def __init__(self, of_class: str, of_object: Callable[[Any], str]) -> None:
        self._of_class = of_class
        self._of_object = of_object

    def __get__(self, owner: object | None, kind: type | None = None) -> str:
        return self._of_class if owner is None else self._of_object(owner)
