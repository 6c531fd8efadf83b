"""Dataclasses from values that a person wrote by hand: each value has the type of its field, numbers are 0 or more."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from labelsieve.core.errors import InputError, UnknownName

T = TypeVar("T")
_WORDS = {str: "text", int: "a whole number, 0 or more", float: "a number, 0 or more", bool: "true or false"}


def built(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A `kind` of `values`; lists become tuples. UnknownName for a key that it has not, InputError for a wrong type."""
    hints = get_type_hints(kind)
    for name in values:
        if name not in hints:
            raise UnknownName(f"key of {where}", name, hints)
    return kind(**{name: _checked(value, hints[name], f"{name} in {where}") for name, value in values.items()})


def mapping_of(value: Any, where: str) -> Mapping[str, Any]:
    """`value`, where it is a table of TOML."""
    if not isinstance(value, Mapping):
        raise _wrong(where, value, "a table")
    return value


def mappings_of(value: Any, where: str) -> list[Mapping[str, Any]]:
    """`value`, where it is a list of tables."""
    if not isinstance(value, list):
        raise _wrong(where, value, "a list of tables")
    return [mapping_of(entry, where) for entry in value]


def _checked(value: Any, hint: Any, where: str) -> Any:
    """`value`, where it is of the type `hint`."""
    if get_origin(hint) is UnionType:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
        return None if value is None else _checked(value, hint, where)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise _wrong(where, value, f"one of {', '.join(get_args(hint))}")
        return value
    if get_origin(hint) is tuple:
        return _many(value, get_args(hint)[0], where)
    if isinstance(get_origin(hint), type) and issubclass(get_origin(hint), Mapping):
        inner = get_args(hint)[1]
        return {
            str(name): _checked(entry, inner, f"{name} of {where}") for name, entry in mapping_of(value, where).items()
        }
    return _one(value, hint, where)


def _many(value: Any, inner: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise _wrong(where, value, "a list")
    if inner is str:  # names of classes and columns may well be numbers
        return tuple(str(entry) for entry in value)
    return tuple(_checked(entry, inner, where) for entry in value)


def _one(value: Any, hint: Any, where: str) -> Any:
    if hint not in _WORDS:  # one of our own dataclasses
        return value
    fits = isinstance(value, (int, float) if hint is float else hint) and (hint is bool or not isinstance(value, bool))
    if not fits or (hint in (int, float) and not 0 <= value < float("inf")):
        raise _wrong(where, value, _WORDS[hint])
    return value


def _wrong(where: str, value: Any, expected: str) -> InputError:
    return InputError(f"{where} is {value!r}; expected {expected}.", "correct it, or restore the file from backups/.")
