"""Details in another language: by templates that the code still makes, and nothing that it does not know."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from chords import chords
from reported import Story as Said
from reported import reported
from story import Story, now

from api.reports.details import TABLES, of_evidence, of_finding
from api.reports.html import page
from api.reports.outline import outline
from api.reports.texts import Texts
from api.workflows.audit import audit
from gen.audio import save
from gen.watermark.mark import Watermark
from gen.watermark.payload import PUBLIC_KEY
from ledger.evidence import Evidence
from ledger.findings import Finding, Status

ROOT = Path(__file__).parents[2]
PAIRS = [(name, *pair) for table in TABLES.values() for name, pairs in table.items() for pair in pairs]
DIGEST, WHO = "ab" * 32, "0x" + "5A" * 20


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def written() -> str:
    """Every literal in what makes findings, pieces of f-strings too."""
    found = []
    for path in (*(ROOT / "ledger").rglob("*.py"), *(ROOT / "api" / "workflows").rglob("*.py")):
        found += [
            node.value
            for node in ast.walk(ast.parse(path.read_bytes()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
    return "\0".join(found)


# Words that the code chooses one by one.
CHOSEN = r"minted|anchored|revoked|rotated|but replaced since|after this|trusted|valid|invalid|, ?which is trusted"
CHOSEN += r"|a root that is trusted|no root that is trusted here|was made for other bytes|is whole|that is trusted"
CHOSEN += r"|for whom no root that is trusted here vouches|the public key|the private key|made|signed by"


def test_templates_have_the_same_places_in_both_languages() -> None:
    assert [pair for pair in PAIRS if places(pair[1]) != places(pair[2]) or pair[1] in (pair[2], "")] == []


def test_each_template_is_one_that_the_code_still_makes() -> None:
    whole = written()
    for name, english, _ in PAIRS:
        for piece in re.split(rf"\{{\w+\}}|[;:()]|\b(?:{CHOSEN})\b", english):
            assert piece.strip() in whole, (name, english, piece)


@pytest.mark.parametrize(
    ("check", "english", "spanish"),
    [
        ("record", f"{DIGEST}, signed by {WHO}", f"{DIGEST}, firmado por {WHO}"),
        ("excerpt", "10.0 s of its 20.0 s", "10.0 s de sus 20.0 s"),
        (
            "fingerprint",
            "sounds like the track: 91% over 9.8 s, from -0.1 s on; the mark is gone or unreadable",
            "suena como la pista: 91% a lo largo de 9.8 s, desde el segundo -0.1; la marca no está o no se puede leer",
        ),
        (
            "key",
            f"the key of {WHO} was rotated in block 7, 2026-11-23T10:00:00Z by its recovery {WHO}; {WHO} goes on",
            f"la clave de {WHO} se sustituyó en el bloque 7, 2026-11-23T10:00:00Z, por su recuperación {WHO}; "
            f"sigue {WHO}",
        ),
        (
            "manifest place",
            "the file was changed after its manifest was signed (assertion.dataHash.mismatch)",
            "el archivo se cambió después de firmar sus metadatos (assertion.dataHash.mismatch)",
        ),
    ],
)
def test_a_detail_is_said_with_what_stood_in_its_places(check: str, english: str, spanish: str) -> None:
    finding = Finding(check, Status.OK, "audio", english)
    assert (str(of_finding(finding, "es")), of_finding(finding, "es").language) == (spanish, "es")
    assert (str(of_finding(finding, "en")), of_finding(finding, "en").language) == (english, "en")


def test_what_is_not_known_stays_as_it_is_and_is_english() -> None:
    for detail in ("royalty 1 is not 2", "block bafk is not in the store", "", "{0}{who}"):
        finding = Finding("record", Status.INVALID, "audio", detail)
        assert (str(of_finding(finding, "es")), of_finding(finding, "es").language) == (detail, "en")
    # A detail of one check is none of another, whatever a stranger made it say.
    finding = Finding("token", Status.INVALID, "audio", f"{DIGEST}, signed by {WHO}")
    assert of_finding(finding, "es").language == "en"


def test_what_a_stranger_put_in_a_place_is_made_visible_and_means_nothing() -> None:
    finding = Finding("record", Status.OK, "audio", f"{{who}}\u202e, signed by {WHO}")
    assert str(of_finding(finding, "es")) == f"{{who}}\\u202e, firmado por {WHO}"


@pytest.mark.slow
def test_an_audit_is_told_in_spanish_from_end_to_end(story: Story, tmp_path: Path) -> None:
    """The track itself, its mark on other sound, other sound: all that is said of them."""
    other, copied = tmp_path / "other.wav", tmp_path / "copied.wav"
    save(other, chords(20.0, 98))
    mark = audit(story.home, story.track).tracks[0].entry.id.to_bytes(8)
    save(copied, Watermark(PUBLIC_KEY).embed(chords(20.0, 98), mark))
    for path in (story.track, copied, other):
        outcome = audit(story.home, path)
        english = [f for f in outcome.findings if of_finding(f, "es").language == "en"]
        english += [e for e in outcome.evidence if of_evidence(e, "es").language == "en"]
        assert english == []
        report = outline(outcome, "x.wav", texts=Texts("es"), when=now(), picture="none", accounts={})
        drawn = page(report, "1.0")
        assert 'lang="en"' not in drawn and "signed by" not in drawn


def test_only_what_stays_english_is_marked_so() -> None:
    drawn = page(reported(Said(detail="signed in a way that no template knows"), "es"), "1.0")
    marked = re.findall(r'lang="en"[^>]*><bdi>([^<]*)', drawn)
    assert marked and all("no template knows" in one for one in marked)
    assert "el conjunto de datos 1 tenía licencia para entrenamiento (licencia 1)" in drawn
    assert 'lang="en"><bdi>' not in page(reported(Said(), "en"), "1.0")


def test_evidence_is_said_too() -> None:
    seen = Evidence(
        "watermark", None, "mark 07: found from 1.0 s to 2.0 s, score 5.0, false with probability below 1e-9"
    )
    assert str(of_evidence(seen, "es")) == (
        "mark 07: encontrada de 1.0 s a 2.0 s, puntuación 5.0, falsa con probabilidad menor que 1e-9"
    )
