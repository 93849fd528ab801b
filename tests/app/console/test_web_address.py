"""The secret of the address that is kept: the same at each start, and nobody else's to read."""

import json
import stat
from pathlib import Path

import pytest

from app.console.web_address import FILE_NAME, kept_secret, new_secret
from streams.model.failures import ConfigRejected


async def test_it_is_the_same_at_the_next_start_and_only_its_user_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    secret = await kept_secret(folder)
    assert len(secret) >= 22
    assert await kept_secret(folder) == secret
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"path": "short"}', '{"path": "../../../../../../etc/passwd"}', '{"path": 7}']
)
async def test_one_that_is_not_good_is_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / FILE_NAME
    file.write_text(content)
    secret = await kept_secret(tmp_path)
    assert json.loads(file.read_text()) == {"path": secret}
    assert secret not in content or not content


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_text(json.dumps({"path": new_secret()}))
    file.chmod(0o644)
    await kept_secret(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_where_it_cannot_be_kept_the_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(ConfigRejected) as refused:
        await kept_secret(tmp_path / "state")
    assert "web.keep_path" in refused.value.hint
