"""Takes controls onto the page without looking at the hundred properties of each that nobody has set.

Flet walks every declared property of every control that is added, and makes a generator for each: about half
of the time that a view needs to appear. Flet keeps apart what a control was given, so that is all there is to
walk. This does the same to the same controls in the same order, with a version of Flet that is known.
"""

import dataclasses
import hashlib
import inspect
import weakref
from collections.abc import Callable, Iterable
from functools import cache
from operator import itemgetter
from typing import Any

from flet.controls import object_patch
from flet.controls.object_patch import DiffBuilder, ObjectPatchException
from flet.controls.value_types import Prop, _get_raw_descriptor  # pyright: ignore[reportPrivateUsage]

KNOWN = "fbbb21ab0ef5bcaa78b15d04710e34bc0c2fdfd9b9f310915cca91f7f516ca37"
"""SHA-256 of the function of Flet that this stands for."""

_NOTHING: dict[str, Any] = {}
_place: Callable[[tuple[int, Any]], int] = itemgetter(0)
_stock = DiffBuilder._configure_dataclass


@cache
def may_hold_controls(kind: type) -> bool:
    """Whether a value of this type can be, or have in it, a control."""
    return issubclass(kind, list | dict) or dataclasses.is_dataclass(kind)


@cache
def _properties(kind: type) -> tuple[tuple[tuple[int, str], ...], dict[str, int]]:
    """Return which properties are to be read always, and which only if they were set, with their places.

    What was set is in ``_values``; the others of those are at a default that holds nothing.
    """
    names = [field.name for field in dataclasses.fields(kind) if not field.metadata.get("skip", False)]
    sparse = {name: place for place, name in enumerate(names) if _is_sparse(kind, name)}
    return tuple((place, name) for place, name in enumerate(names) if name not in sparse), sparse


def _is_sparse(kind: type, name: str) -> bool:
    descriptor = _get_raw_descriptor(kind, name)
    return isinstance(descriptor, Prop) and not may_hold_controls(type(descriptor.default))


def held_in(item: Any) -> list[Any]:
    """Return what may be or hold a control among the properties of a dataclass, as they were declared."""
    always, sparse = _properties(type(item))
    found = [
        (place, value) for place, name in always if may_hold_controls(type(value := getattr(item, name)))
    ]
    for name, value in getattr(item, "_values", _NOTHING).items():
        if may_hold_controls(type(value)) and name in sparse:
            found.append((sparse[name], value))
    if len(found) > 1:
        found.sort(key=_place)
    return [value for _, value in found]


class _Round:
    """One walk through what was added; finds the controls in it."""

    def __init__(self, control_class: Any) -> None:
        self.control_class = control_class
        self.found: list[Any] = []

    def take(self, item: Any, parent: Any, frozen: bool, known_already: bool = False) -> None:
        if isinstance(item, dict | list):
            for value in item.values() if isinstance(item, dict) else item:
                self.take(value, parent, frozen)
        elif may_hold_controls(type(item)):  # a dataclass, then
            self._take_dataclass(item, parent, frozen, known_already)

    def _take_dataclass(self, item: Any, parent: Any, frozen: bool, known_already: bool) -> None:
        parent = _belongs_to(item, parent)
        if hasattr(item, "_frozen"):
            frozen = item._frozen
        elif frozen:
            item._frozen = frozen
        if getattr(item.__class__, "__flet_control_cls__", None) is None:
            item.__class__.__flet_control_cls__ = self.control_class
        is_control = bool(self.control_class) and isinstance(item, self.control_class)
        if is_control:
            if not known_already:
                item.build()
                item._before_update_safe()
                object.__setattr__(item, "_initialized", True)
            self.found.append(item)
        if not known_already:
            for value in held_in(item):
                self.take(value, item if is_control else parent, frozen)
        if not frozen:
            _track_from_here(item)


def _belongs_to(item: Any, parent: Any) -> Any:
    """Return the nearest control above, and note it."""
    if parent is None:
        reference = getattr(item, "_parent", None)
        parent = reference() if reference else None
    if parent:
        if parent is item:
            raise ObjectPatchException(f"Parent is the same as item: {item}")
        item._parent = weakref.ref(parent)
    return parent


def _track_from_here(item: Any) -> None:
    """Let what is changed from now on be what is sent."""
    dirty = getattr(item, "_dirty", None)
    if dirty is not None:
        dirty.clear()
        return
    if type(item).__setattr__ is not object_patch._control_setattr:  # pyright: ignore[reportPrivateUsage]
        type(item).__setattr__ = object_patch._control_setattr  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    object.__setattr__(item, "__changes", {})


def _configure(
    builder: DiffBuilder, item: Any, parent: Any, frozen: bool, configure_setattr_only: bool = False
) -> Iterable[Any]:
    walk = _Round(builder.control_cls)
    walk.take(item, parent, frozen, configure_setattr_only)
    return walk.found


def quicken() -> bool:
    """Have controls taken onto pages so from now on; not where the Flet at hand is another one."""
    if _fingerprint() == KNOWN:
        DiffBuilder._configure_dataclass = _configure  # pyright: ignore[reportAttributeAccessIssue]
    return DiffBuilder._configure_dataclass is _configure


def _fingerprint() -> str:
    try:
        return hashlib.sha256(inspect.getsource(_stock).encode()).hexdigest()
    except OSError:  # a program without its sources
        return ""
