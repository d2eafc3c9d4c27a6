"""DDEX: the disclosure of a track as made by generative AI, in a NewReleaseMessage of ERN 4.3.2.

From the standard (``release-notification.xsd`` of ERN 4.3.2, ``allowed-value-sets.xsd`` version 9, both of ddex.net):
the element ``ContainsAI`` of a recording and of a release, with the values All, Partly and None; where it is All, every
``Contributor`` is the ``SpecialContributor`` GenerativeAI, whose ``AiContribution`` is All. Everything in a minted file
is what the model made, so All is what is said; whoever edits it afterwards has to say so anew.

The message's time is the record's, so that the same record makes the same message. It is a TestMessage from the
sender to itself, for a distributor to take over: a release needs more that no record holds, such as names of artists,
ISRC, genre and deals. DDEX wants a licence, free of charge, of whoever sends messages.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from api.errors import NotWhole, UsageError

if TYPE_CHECKING:
    from api.exports.names import Names
    from api.exports.whole import WholeTrack

NAMESPACE = "http://ddex.net/xml/ern/432"
AVS_VERSION = "9"
_DPID = re.compile(r"PADPIDA[a-zA-Z0-9]+")
_UNKNOWN = "not stated"
Element = ElementTree.Element


def text(node: WholeTrack, names: Names, dpid: str) -> str:
    """The message. ``dpid`` is the sender's DDEX party id, without dashes; :class:`UsageError` for what is none.

    Raises :class:`NotWhole` for a record whose ISCC is none.
    """
    if not _DPID.fullmatch(dpid):
        raise UsageError(f"--dpid {dpid}: a DDEX party id is PADPIDA and letters and digits, without dashes")
    ElementTree.register_namespace("ern", NAMESPACE)
    root = Element(
        f"{{{NAMESPACE}}}NewReleaseMessage",
        {"ReleaseProfileVersionId": "Audio", "AvsVersionId": AVS_VERSION, "LanguageAndScriptCode": "en"},
    )
    _header(root, node, dpid)
    party = _add(_add(root, "PartyList"), "Party")
    _add(party, "PartyReference", "PCreator")
    _add(_add(party, "PartyName"), "FullName", names.account(node.record.claim.creator))
    _recording(_add(_add(root, "ResourceList"), "SoundRecording"), node, names)
    _release(_add(_add(root, "ReleaseList"), "Release"), node, names)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _header(root: Element, node: WholeTrack, dpid: str) -> None:
    header = _add(root, "MessageHeader")
    _add(header, "MessageId", f"stemmata-{node.record.digest}")
    _add(_add(header, "MessageSender"), "PartyId", dpid)
    _add(_add(header, "MessageRecipient"), "PartyId", dpid)
    _add(header, "MessageCreatedDateTime", node.record.created)
    _add(header, "MessageControlType", "TestMessage")


def _recording(recording: Element, node: WholeTrack, names: Names) -> None:
    _add(recording, "ResourceReference", "A1")
    _add(recording, "Type", "MusicalWorkSoundRecording")
    edition = _add(recording, "SoundRecordingEdition")
    _add(_add(edition, "ResourceId"), "ProprietaryId", names.track(node.entry.id), Namespace="CAIP-19")
    _file(_add(edition, "TechnicalDetails"), node)
    _named(recording, node, names)
    contributor = _add(recording, "Contributor", SequenceNumber="1")
    _add(contributor, "SpecialContributor", "GenerativeAI")
    _add(contributor, "AiContribution", "All")
    _add(recording, "Duration", _duration(node))
    _add(recording, "ParentalWarningType", "Unknown")
    _add(recording, "ContainsAI", "All")


def _file(details: Element, node: WholeTrack) -> None:
    record = node.record
    _add(details, "TechnicalResourceDetailsReference", "T1")
    delivery = _add(details, "DeliveryFile")
    _add(delivery, "Type", "AudioFile")
    _add(delivery, "NumberOfChannels", str(record.claim.channels))
    _add(delivery, "SamplingRate", str(record.claim.rate), UnitOfMeasure="Hz")
    file = _add(delivery, "File")
    _add(file, "URI", f"ipfs://{record.content.cid}")
    hashed = _add(file, "HashSum")
    _add(hashed, "Algorithm", "SHA-256")
    _add(hashed, "DataType", "HexBinary")
    _add(hashed, "HashSumValue", str(record.audio))
    _add(file, "FileSize", str(record.size))
    fingerprint = _add(delivery, "Fingerprint")
    _add(fingerprint, "Algorithm", "ISCC")
    _add(fingerprint, "DataType", "HexBinary")
    _add(fingerprint, "FingerprintValue", _hex(record.iscc))


def _release(release: Element, node: WholeTrack, names: Names) -> None:
    _add(release, "ReleaseReference", "R0")
    _add(release, "ReleaseType", "Single")
    _add(_add(release, "ReleaseId"), "ProprietaryId", names.track(node.entry.id), Namespace="CAIP-19")
    _named(release, node, names)
    _add(release, "ReleaseLabelReference", "PCreator")
    _add(release, "Duration", _duration(node))
    _add(_add(release, "DisplayGenre"), "GenreText", _UNKNOWN)
    _add(release, "ParentalWarningType", "Unknown")
    item = _add(_add(release, "ResourceGroup"), "ResourceGroupContentItem")
    _add(item, "SequenceNumber", "1")
    _add(item, "ReleaseResourceReference", "A1")
    _add(release, "ContainsAI", "All")


def _named(within: Element, node: WholeTrack, names: Names) -> None:
    """Title and artist, as far as anything is known of them: a number and an account."""
    title = f"Track {node.record.watermark}"
    _add(within, "DisplayTitleText", title)
    _add(_add(within, "DisplayTitle"), "TitleText", title)
    _add(within, "DisplayArtistName", names.account(node.record.claim.creator))
    artist = _add(within, "DisplayArtist", SequenceNumber="1")
    _add(artist, "ArtistPartyReference", "PCreator")
    _add(artist, "DisplayArtistRole", "MainArtist")


def _duration(node: WholeTrack) -> str:
    """ISO 8601."""
    claim = node.record.claim
    return f"PT{claim.frames / claim.rate:.3f}S"


def _hex(iscc: str) -> str:
    """An ISCC's header and body in hex; its text is base32 without padding (ISO 24138).

    Raises :class:`NotWhole` for a record that names what is none.
    """
    body = iscc.removeprefix("ISCC:")
    try:
        return base64.b32decode(body + "=" * (-len(body) % 8)).hex()
    except binascii.Error:
        raise NotWhole(f"{iscc}: its record names this as its ISCC, which is not base32") from None


def _add(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    element = ElementTree.SubElement(parent, name, attributes)
    element.text = text
    return element
