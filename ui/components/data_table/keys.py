"""The keys of a table, told by their labels, as small words the table understands."""

from dataclasses import dataclass
from enum import Enum


class Move(Enum):
    """Where a key moves the current row."""

    UP = "Arrow Up"
    DOWN = "Arrow Down"
    LEFT = "Arrow Left"
    RIGHT = "Arrow Right"
    PAGE_UP = "Page Up"
    PAGE_DOWN = "Page Down"
    HOME = "Home"
    END = "End"

    def target(self, index: int | None, visible: int, total: int, lane: int = 0, first: int = 0) -> int:
        """Return the row this leads to from ``index``.

        From nowhere it leads to the ``first`` row of the screen, or to an end of all rows.
        ``lane`` is how many rows stand below each other in a lane, 0 where there is only one lane.
        """
        if index is None:
            return {Move.HOME: 0, Move.END: total - 1}.get(self, first)
        step = {
            Move.UP: -1,
            Move.DOWN: 1,
            Move.LEFT: -lane,
            Move.RIGHT: lane,
            Move.PAGE_UP: -visible,
            Move.PAGE_DOWN: visible,
            Move.HOME: -total,
            Move.END: total,
        }[self]
        return max(0, min(index + step, total - 1))


_MOVES = {move.value: move for move in Move}


def move_of(key: str) -> Move | None:
    """Return where a key moves; None for a key that does not."""
    return _MOVES.get(key)


class Act(Enum):
    """What a key does with the current row while the table has the keyboard."""

    OPEN = "Enter"
    TOGGLE = " "


_ACTS = {"Enter": Act.OPEN, "Numpad Enter": Act.OPEN, " ": Act.TOGGLE, "Space": Act.TOGGLE}


def act_of(key: str) -> Act | None:
    """Return what a key does with the current row; None for a key that does nothing with it."""
    return _ACTS.get(key)


@dataclass(slots=True)
class Keys:
    """Which modifiers are held while the pointer is used."""

    shift: bool = False
    control: bool = False

    def down(self, label: str) -> None:
        """Take a key that went down."""
        if label.startswith("Shift"):
            self.shift = True
        elif label.startswith(("Control", "Meta")):
            self.control = True
        elif label not in _ACTS and label not in _MOVES and label.upper() != "A":
            # Tab and keys such as Ctrl+F lead elsewhere, and the release of the modifier is not heard there.
            self.shift = self.control = False

    def up(self, label: str) -> None:
        """Take a key that was released."""
        if label.startswith("Shift"):
            self.shift = False
        elif label.startswith(("Control", "Meta")):
            self.control = False
