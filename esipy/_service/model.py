"""build_parameter_object: for methods that take one request object, and are called with keywords."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from esipy._runtime.suggest import closest
from esipy.exceptions import CallError

if TYPE_CHECKING:
    import inspect

Function = TypeVar('Function', bound=Callable[..., Any])


def build_parameter_object(
    func: Any = None, *, arg_name: str = 'request', arg_class: type | None = None, init_arg_name: str = 'data'
) -> Any:
    """Create the function's `request` from the keywords that the function itself does not take::

        class Service:
            @build_parameter_object
            def create_user(self, request: User): ...

        service.create_user(name='foobar')  # create_user(User(name='foobar'))

    The class is the annotation, or `arg_class`. If its constructor takes one mapping instead of keywords, the mapping
    is passed as `init_arg_name`. A request object that is given by position or by name is passed on unchanged.
    Raises TypeError if the function has no such argument or annotation, CallError (a ValueError) for keywords that the
    class does not accept.
    """

    import inspect  # late: with it, importing esipy takes a third longer

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        if arg_name not in signature.parameters:
            hint = 'give the name of its request argument as arg_name=…'
            raise TypeError(f'{function.__qualname__} has no argument {arg_name!r}; {hint}')
        own = signature.parameters.keys() - {arg_name}

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            try:
                is_ready = arg_name in signature.bind_partial(*args).arguments or arg_name in kwargs
            except TypeError:  # too many arguments: the function raises the better error
                is_ready = True
            if is_ready:
                return function(*args, **kwargs)
            fields = {name: kwargs.pop(name) for name in [*kwargs] if name not in own}
            model = arg_class or _annotated(function, arg_name)
            kwargs[arg_name] = _created(model, fields, init_arg_name, function.__qualname__)
            return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

    return decorate if func is None else decorate(func)


def _annotated(function: Callable[..., Any], name: str) -> type:
    """Return the class in an annotation; the first one of `User | None`. It is looked up at the call: the class may be
    defined after the function."""
    try:
        hint = get_type_hints(function).get(name)
    except NameError as error:
        raise TypeError(f'{function.__qualname__}: {error}; give arg_class=…') from None
    found = next((kind for kind in (get_args(hint) or (hint,)) if isinstance(kind, type)), None)
    if found is None:
        raise TypeError(f'{function.__qualname__}: {name!r} is not annotated with a class; give arg_class=…')
    return found


def _created(model: type, fields: dict[str, Any], init_arg_name: str, where: str) -> Any:
    """Create the request from keywords, or from one mapping if its class takes that."""
    import inspect

    signature = inspect.signature(model)
    try:
        signature.bind(**fields)
    except TypeError as error:
        if init_arg_name not in signature.parameters:
            raise CallError(where, _faults(signature, fields) or [('', str(error))]) from None
        fields = {init_arg_name: fields}
    return model(**fields)


def _faults(signature: inspect.Signature, fields: dict[str, Any]) -> list[tuple[str, str]]:
    named = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    names = [p.name for p in named]
    faults = [(p.name, 'is required') for p in named if p.default is p.empty and p.name not in fields]
    for name in fields.keys() - names:
        nearest = closest(name, names)
        hint = f'did you mean {nearest[0]!r}?' if nearest else f'there are {", ".join(names) or "none"}'
        faults.append((name, f'unknown parameter, {hint}'))
    return faults
