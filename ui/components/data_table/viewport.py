"""The part of a long list that is on the screen: pure arithmetic of the scrolling."""

from dataclasses import dataclass

MIN_THUMB = 24.0


@dataclass(slots=True)
class Window:
    """``visible`` rows from ``offset`` on, out of ``total``."""

    total: int = 0
    visible: int = 1
    offset: int = 0
    _rest: float = 0.0

    @property
    def last_offset(self) -> int:
        """The greatest offset that still fills the window."""
        return max(0, self.total - self.visible)

    def go(self, offset: int) -> bool:
        """Move to ``offset``, kept within the list; return whether it moved."""
        offset = max(0, min(offset, self.last_offset))
        if offset == self.offset:
            return False
        self.offset = offset
        return True

    def scroll(self, pixels: float, row_height: float) -> bool:
        """Move by ``pixels``; what is less than a row is kept for the next time."""
        rows = pixels / row_height + self._rest
        whole = int(rows)
        self._rest = rows - whole
        return self.go(self.offset + whole)

    def reveal(self, index: int) -> bool:
        """Move as little as needed to show the row at ``index``."""
        if index < self.offset:
            return self.go(index)
        if index >= self.offset + self.visible:
            return self.go(index - self.visible + 1)
        return False

    def resize(self, total: int, visible: int) -> None:
        """Take the size of list and window, and stay within."""
        self.total, self.visible = total, max(1, visible)
        self.go(self.offset)

    def thumb(self, height: float) -> tuple[float, float] | None:
        """Return top and length of the scrollbar's thumb in a track of ``height``, or None when all fits."""
        if self.total <= self.visible or height <= 0:
            return None
        length = max(MIN_THUMB, height * self.visible / self.total)
        return (height - length) * self.offset / self.last_offset, length

    def offset_at(self, top: float, height: float) -> int:
        """Return the offset for a thumb dragged to ``top``."""
        shape = self.thumb(height)
        if shape is None or height <= shape[1]:
            return 0
        return round(self.last_offset * max(0.0, min(1.0, top / (height - shape[1]))))
