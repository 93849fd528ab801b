"""Fewer points, and every extreme still there."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.model.server import SeriesPoint
from streams.sources.downsample import thin

START = datetime(2026, 3, 1, tzinfo=UTC)


@st.composite
def series(draw: st.DrawFn) -> list[SeriesPoint]:
    times = sorted(draw(st.sets(st.integers(0, 10**6), max_size=120)))
    points: list[SeriesPoint] = []
    for at in times:
        least, mean, greatest = sorted(draw(st.lists(st.integers(-(10**6), 10**6), min_size=3, max_size=3)))
        points.append(
            SeriesPoint(at=START + timedelta(seconds=at), least=least, mean=mean, greatest=greatest)
        )
    return points


@given(series(), st.integers(1, 40))
def test_no_extreme_is_lost(points: list[SeriesPoint], most: int) -> None:
    kept = thin(points, most)
    assert len(kept) <= most
    if not points:
        assert kept == ()
        return
    assert min(p.least for p in kept) == min(p.least for p in points)
    assert max(p.greatest for p in kept) == max(p.greatest for p in points)
    assert all(p.least <= p.mean <= p.greatest for p in kept)
    assert [p.at for p in kept] == sorted({p.at for p in kept})
    assert kept[0].at == points[0].at
    if len(points) <= most:
        assert list(kept) == points


def test_a_peak_stays_at_its_time() -> None:
    flat = [
        SeriesPoint(at=START + timedelta(seconds=i), least=1, mean=1, greatest=9 if i == 700 else 1)
        for i in range(3000)
    ]
    (peak,) = [point for point in thin(flat, 300) if point.greatest == 9]
    assert abs((peak.at - START).total_seconds() - 700) <= 10
