"""The story, told once a session; and copies of it, for tests that go on from there."""

import shutil
from dataclasses import replace

import pytest
from shell import Shell
from story import PASSPHRASE, Story, tell

from api.home import Home
from api.settings import Settings


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    return tell(folder, Settings(home=folder / "home", passphrase=PASSPHRASE))


@pytest.fixture(scope="module")
def sequel(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story in a home of the module's own, which it may change."""
    folder = tmp_path_factory.mktemp("sequel") / "home"
    shutil.copytree(story.home.path, folder)
    return replace(story, home=Home(replace(story.home.settings, home=folder)))


@pytest.fixture(scope="module")
def shell(sequel: Story) -> Shell:
    """The command line in that home."""
    return Shell(sequel.home.path)
