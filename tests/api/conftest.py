"""The story, told once a process; and a copy of it for each module, which may change it."""

import shutil
from dataclasses import replace

import pytest
from shell import Shell
from story import PASSPHRASE, Story, tell

from api.home import Home
from api.settings import Settings


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("told")
    return tell(folder, Settings(home=folder / "home", passphrase=PASSPHRASE))


@pytest.fixture(scope="module")
def story(told: Story, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Whatever order the modules run in, each finds the story as it was told."""
    folder = tmp_path_factory.mktemp("story")
    shutil.copytree(told.folder, folder, dirs_exist_ok=True)
    home = Home(replace(told.home.settings, home=folder / told.home.path.name))
    return replace(told, home=home, folder=folder, track=folder / told.track.relative_to(told.folder))


@pytest.fixture(scope="module")
def shell(story: Story) -> Shell:
    """The command line in that home."""
    return Shell(story.home.path)
