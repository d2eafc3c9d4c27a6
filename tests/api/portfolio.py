"""What the exports are tested on: the story's own track, model and datasets, verified and whole."""

from __future__ import annotations

from dataclasses import dataclass

from story import Story

from api.exports.names import Names
from api.exports.whole import WholeTrack, whole_track
from ledger.digest import Digest
from ledger.verify import Verifier


@dataclass(frozen=True)
class Portfolio:
    """A track with all that it rests on, and how its tokens are called."""

    track: WholeTrack
    names: Names


def portfolio(story: Story) -> Portfolio:
    with story.home.ledger() as ledger:
        entry = ledger.contracts.track_by_audio(Digest.of_file(story.track))
        assert entry is not None
        node = Verifier(ledger.contracts, ledger.store).track(entry)
        return Portfolio(whole_track(node), Names.of(ledger.contracts.deployment))
