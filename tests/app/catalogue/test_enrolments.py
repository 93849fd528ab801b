"""Enrolment codes that are over are forgotten after a while: nobody fills the catalogue with them."""

import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.errors import CodeUsed, WrongCode
from tests.app.catalogue.seeds import Clock


async def test_old_codes_are_forgotten_once_they_are_over(catalogue: Catalogue, clock: Clock) -> None:
    enrolments = catalogue.enrolments
    used = (await enrolments.create("used")).code
    await enrolments.redeem("used", used, "linux", "1")
    await enrolments.create("expired", valid_s=3600)
    long = (await enrolments.create("long", valid_s=90 * 86400)).code
    clock.forward(days=1)
    before = clock.at
    young = (await enrolments.create("young")).code
    await enrolments.redeem("young", young, "linux", "1")
    clock.forward(days=1)
    assert await enrolments.purge(before) == 2
    assert await enrolments.purge(before) == 0
    with pytest.raises(WrongCode):
        await enrolments.redeem("used", used, "linux", "1")
    with pytest.raises(CodeUsed):
        await enrolments.redeem("young", young, "linux", "1")
    assert (await enrolments.redeem("long", long, "linux", "1"))[0].name == "long"
