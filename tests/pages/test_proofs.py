"""Proofs on pages: verified once for all who ask at a time, and again after a while."""

import threading
import time
from pathlib import Path
from typing import Any

from api.home import Home
from api.pages.proofs import KEPT, Proof, Proofs
from api.settings import Settings
from ledger.findings import Verdict


class Slow(Proofs):
    """Counts how often it verifies, which takes a moment."""

    def __init__(self, home: Home) -> None:
        self.time = 0.0
        super().__init__(home, lambda: self.time)
        self.asked: list[int] = []

    def _verified(self, verify: Any) -> Proof[Any]:
        self.asked.append(1)
        time.sleep(0.2)
        return Proof("proved", (), Verdict.VERIFIED, 1)


def test_those_who_ask_together_have_it_verified_once(tmp_path: Path) -> None:
    proofs = Slow(Home(Settings(home=tmp_path)))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(proofs.track(7).subject)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["proved"] * 5
    assert len(proofs.asked) == 1
    proofs.time = KEPT + 1
    proofs.track(7)
    assert len(proofs.asked) == 2
