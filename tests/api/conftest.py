"""The story, told once a session."""

import pytest
from story import PASSPHRASE, Story, tell

from api.settings import Settings


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    return tell(folder, Settings(home=folder / "home", passphrase=PASSPHRASE))
