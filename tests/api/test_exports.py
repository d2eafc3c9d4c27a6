"""What is exported of the story is valid by the validators of those who made the formats; mistakes are refused."""

from __future__ import annotations

import base64
import copy
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from portfolio import Portfolio, portfolio
from shell import Shell
from story import Story

from api.errors import NotWhole
from api.exports import FORMATS as NAMED
from api.exports import KINDS, cyclonedx, ddex, formats, prov, slsa, spdx, training_summary
from ledger.abi import Interface
from ledger.cid import Cid
from ledger.digest import Digest
from ledger.preferences import Preferences
from ledger.records import Parent

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def made(story: Story) -> Portfolio:
    return portfolio(story)


def documents(module: Any, made: Portfolio) -> list[dict[str, Any]]:
    """Of each kind that a format is made of, one."""
    nodes = {"track": made.track, "model": made.track.model, "dataset": made.track.model.datasets[0]}
    found = [getattr(module, f"of_{kind}")(nodes[kind], made.names) for kind in KINDS if hasattr(module, f"of_{kind}")]
    assert len(found) > 1
    return found


def validate_prov(document: dict[str, Any]) -> None:
    """By the library ``prov``; what it only warns of raises here too, since warnings are errors."""
    model = pytest.importorskip("prov.model")
    read = model.ProvDocument.deserialize(content=json.dumps(document), format="json")
    assert model.ProvDocument.deserialize(content=read.serialize(format="json"), format="json") == read
    named = {str(record.identifier) for record in read.get_records(model.ProvElement)}
    for relation in read.get_records(model.ProvRelation):
        for name, value in relation.formal_attributes:
            assert value is None or not name.localpart.endswith(("ntity", "gent", "ctivity")) or str(value) in named


def validate_slsa(document: dict[str, Any]) -> None:
    """By the library ``in-toto-attestation``."""
    statements = pytest.importorskip("in_toto_attestation.v1.statement")
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2

    statement = json_format.ParseDict(document, statement_pb2.Statement())
    statements.Statement.copy_from_pb(statement).validate()
    json_format.ParseDict(document["predicate"], provenance_pb2.Provenance())


def validate_cyclonedx(document: dict[str, Any]) -> None:
    """By the library ``cyclonedx-python-lib``, which holds the JSON schema; and no part is named that is not there."""
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    fault = validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if fault is not None:
        raise ValueError(str(fault))
    refs = {part["bom-ref"] for part in (document["metadata"]["component"], *document["components"])}
    assert {ref for each in document["dependencies"] for ref in (each["ref"], *each["dependsOn"])} <= refs


def validate_spdx(document: dict[str, Any]) -> None:
    """By the library ``spdx-python-model``: reading checks names and types, writing whether anything is missing."""
    model = pytest.importorskip("spdx_python_model.bindings.v3_0_1")
    objects = model.SHACLObjectSet()
    model.JSONLDDeserializer().read(io.StringIO(json.dumps(document)), objects)
    if objects.missing_ids:
        raise ValueError(f"nothing is called {objects.missing_ids}")
    model.JSONLDSerializer().write(objects, io.BytesIO())


def spdx_element(document: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(element for element in document["@graph"] if element["type"] == kind)


FORMATS: dict[str, tuple[Any, Callable[[dict[str, Any]], None]]] = {
    "prov": (prov, validate_prov),
    "slsa": (slsa, validate_slsa),
    "cyclonedx": (cyclonedx, validate_cyclonedx),
    "spdx": (spdx, validate_spdx),
}


def slowly(name: str) -> tuple[pytest.MarkDecorator, ...]:
    """CycloneDX's validator takes seconds to load its schemas."""
    return (pytest.mark.slow,) if name == "cyclonedx" else ()


@pytest.mark.parametrize("name", [pytest.param(name, marks=slowly(name)) for name in FORMATS])
def test_every_kind_is_valid(made: Portfolio, name: str) -> None:
    module, validate = FORMATS[name]
    for document in documents(module, made):
        validate(document)


MISTAKES: list[tuple[str, Change, str]] = [
    ("prov", lambda one: one.update(wasMadeBy=one.pop("wasAttributedTo")), "wasMadeBy"),
    ("prov", lambda one: one["prefix"].pop("s"), "prefix"),
    ("slsa", lambda one: one["subject"][0].pop("digest"), "digest required"),
    ("slsa", lambda one: one["predicate"]["buildDefinition"].update(colour="red"), "colour"),
    ("cyclonedx", lambda one: one["metadata"]["component"].update(colour="red"), "colour"),
    ("cyclonedx", lambda one: one.update(serialNumber="7"), "does not match"),
    ("spdx", lambda one: spdx_element(one, "Relationship").update(relationshipType="trainedWith"), "trainedWith"),
    ("spdx", lambda one: spdx_element(one, "Relationship").pop("from"), "required"),
    ("spdx", lambda one: spdx_element(one, "Relationship").update(to=["eip155:1"]), "eip155:1"),
]


@pytest.mark.parametrize(("name", "change", "words"), [pytest.param(*each, marks=slowly(each[0])) for each in MISTAKES])
def test_the_validator_refuses_a_planted_mistake(made: Portfolio, name: str, change: Change, words: str) -> None:
    module, validate = FORMATS[name]
    document = copy.deepcopy(module.of_model(made.track.model, made.names))
    change(document)
    with pytest.raises(Exception, match=words):
        validate(document)


@pytest.mark.parametrize(
    ("license_", "kind", "said"),
    [
        ("cc0-1.0", "simplelicensing_LicenseExpression", "CC0-1.0"),
        ("LicenseRef-mine OR (MIT AND CC-BY-4.0)", "simplelicensing_LicenseExpression", None),
        ("proprietary", "simplelicensing_SimpleLicensingText", None),
        ("ask me", "simplelicensing_SimpleLicensingText", None),
    ],
)
def test_only_licenses_that_spdx_knows_are_expressions(
    made: Portfolio, license_: str, kind: str, said: str | None
) -> None:
    whole = made.track.model.datasets[0]
    document = spdx.of_dataset(replace(whole, record=replace(whole.record, license=license_)), made.names)
    assert (said or license_) in spdx_element(document, kind).values()


@pytest.mark.parametrize("name", [pytest.param(name, marks=slowly(name)) for name in FORMATS])
def test_a_model_with_parents_is_valid_too(made: Portfolio, name: str) -> None:
    """And one whose holder wrote a sentence where a license has a name."""
    parents = tuple(Parent(number, Digest.of(bytes([number])), 0) for number in (4, 5))
    whole = made.track.model
    datasets = tuple(replace(each, record=replace(each.record, license="ask me (first)")) for each in whole.datasets)
    model = replace(whole, record=replace(whole.record, parents=parents), datasets=datasets)
    module, validate = FORMATS[name]
    document = module.of_model(model, made.names)
    validate(document)
    assert all(made.names.model(parent.id) in json.dumps(document) for parent in parents)


def test_what_is_said_is_what_the_records_say(made: Portfolio) -> None:
    """The digests and shares arrive, whatever the format."""
    model, names = made.track.model, made.names
    roots = {str(each.record.root) for each in model.datasets}
    graph = prov.of_model(model, names)
    assert {each["s:merkleRoot"] for each in graph["entity"].values() if "s:merkleRoot" in each} == roots
    shares = {each["s:sharePpm"] for each in graph["used"].values() if "s:sharePpm" in each}
    assert shares == {each.share_ppm for each in model.datasets}
    statement = slsa.of_model(model, names)
    assert statement["subject"] == [{"name": "weights", "digest": {"sha256": str(model.record.weights)}}]
    inputs = {each["uri"] for each in statement["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert {names.dataset(each.entry.id) for each in model.datasets} <= inputs
    card = cyclonedx.of_model(model, names)["metadata"]["component"]["modelCard"]
    measured = {each["type"]: each["value"] for each in card["quantitativeAnalysis"]["performanceMetrics"]}
    assert measured == dict(model.record.metrics)
    relations = [each for each in spdx.of_model(model, names)["@graph"] if each["type"] == "Relationship"]
    trained = next(each for each in relations if each["relationshipType"] == "trainedOn")
    assert trained["to"] == [names.dataset(each.entry.id) for each in model.datasets]


def test_a_ddex_message_discloses_that_ai_made_all_of_it(made: Portfolio) -> None:
    root = ElementTree.fromstring(ddex.text(made.track, made.names, "PADPIDA2026112601S"))
    assert [each.text for each in root.iter("ContainsAI")] == ["All", "All"]
    assert [each.text for each in root.iter("SpecialContributor")] == ["GenerativeAI"]
    assert [each.text for each in root.iter("HashSumValue")] == [str(made.track.record.audio)]
    assert [each.text for each in root.iter("Duration")] == ["PT20.000S", "PT20.000S"]


def test_what_is_no_iscc_is_refused_by_name(made: Portfolio) -> None:
    odd = replace(made.track, record=replace(made.track.record, iscc="ISCC:" + "A" * 11))
    with pytest.raises(NotWhole, match="not base32"):
        ddex.text(odd, made.names, "PADPIDA2026112601S")


@pytest.mark.integration
def test_a_ddex_message_is_valid_by_the_schema_of_ddex(made: Portfolio) -> None:
    """DDEX licenses its schemas to implementers, so none is here. DDEX_ERN_XSD names release-notification.xsd
    of ERN 4.3.2 as it is on ddex.net, with allowed-value-sets.xsd in the folder above."""
    etree = pytest.importorskip("lxml.etree")
    path = os.environ.get("DDEX_ERN_XSD")
    if path is None:
        pytest.skip("DDEX_ERN_XSD does not name the schema of ERN 4.3.2")
    schema = etree.XMLSchema(etree.parse(path))
    message = etree.fromstring(ddex.text(made.track, made.names, "PADPIDA2026112601S").encode())
    schema.assertValid(message)
    message.find(".//ContainsAI").text = "Yes"
    assert not schema.validate(message)


def test_a_summary_leaves_open_what_no_record_says(made: Portfolio) -> None:
    filled = training_summary.sections(made.track.model, made.names, "Carl <carl@example.org>")
    answers = {
        each["number"]: {said["question"]: said["answer"] for said in each["answers"]}
        for each in training_summary.as_json(filled)["sections"]
    }
    assert [number for number in answers if number.count(".") < 2] == (
        ["1", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3", "3.1", "3.2", "3.3"]
    )
    assert answers["1.1"]["Provider's name and contact"] == "Carl <carl@example.org>"
    assert answers["3.2"]["Measures"] is None
    assert answers["1.3"]["Size"].startswith("less than 10,000 hours: 0.02 hours in 4 recordings")
    assert len(answers["2.2.1"]["Licensed"]) == 2
    assert "under license 1, bought" in answers["2.2.1"]["Licensed"][0]
    page, text = training_summary.as_html(filled), training_summary.as_markdown(filled)
    assert "Carl &lt;carl@example.org&gt;" in page
    assert r"Carl \<carl@example.org\>" in text
    assert (
        page.count(training_summary.OPEN)
        == text.count(training_summary.OPEN)
        == sum(answer is None for section in filled for _, answer in section.answers)
    )


def test_the_command_writes_each_format_once(made: Portfolio, story: Story, shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "model.spdx.json"
    done = shell.json("export", "model", "1", "--as", "spdx", "--out", str(out))
    assert done == {"kind": "model", "which": "1", "format": "spdx", "file": str(out)}
    assert shell.json("export", "model", "1", "--as", "spdx", "--out", str(out)) == done
    assert "another file" in shell.refusal("export", "dataset", "1", "--as", "spdx", "--out", str(out), code=2)
    by_file = shell.json("export", "track", str(story.track), "--as", "prov")["document"]
    assert shell.json("export", "track", made.track.record.watermark, "--as", "prov")["document"] == by_file
    assert json.loads(shell.json("export", "dataset", "2", "--as", "croissant")["document"])["@type"] == "sc:Dataset"
    assert shell.run("export", "model", "1", "--as", "training-summary").out.startswith("# Public summary")
    page = tmp_path / "summary.html"
    shell.json("export", "model", "1", "--as", "training-summary", "--out", str(page))
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dataset", "1", "--as", "cyclonedx"), "is made of a track or a model, not of a dataset"),
        (("model", "one", "--as", "spdx"), "give its number"),
        (("track", "0000", "--as", "prov"), "16 hex digits"),
        (("track", "{track}", "--as", "ddex"), "give your party id"),
        (("track", "{track}", "--as", "ddex", "--dpid", "PA-DPIDA-1"), "without dashes"),
        (("dataset", "1", "--as", "tdmrep"), "--location"),
        (("model", "1", "--as", "spdx", "--out", "/nowhere/file"), "does not exist"),
        (("model", "1", "--as", "spdx", "--terms", "https://example.org"), "--terms does not go with --as spdx"),
        (("dataset", "1", "--as", "rsl", "--terms", "my page"), "give a URL"),
        (("dataset", "1", "--as", "rsl", "--terms", "https://example.org/\x0b"), "--terms: "),
        (("dataset", "1", "--as", "rsl", "--location", "music/"), "give a path on the server, /…, or a URL"),
        (("dataset", "1", "--as", "tdmrep", "--location", "https://example.org/music/"), "give a path on the server"),
        (("model", "1", "--as", "training-summary", "--provider", "Carl\udcff"), "--provider: "),
        (("model", "9" * 5000, "--as", "spdx"), "give its number"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    story: Story, shell: Shell, words: tuple[str, ...], message: str
) -> None:
    given = [word.replace("{track}", str(story.track)) for word in words]
    assert message in shell.refusal("export", *given, code=2)


def test_every_format_that_is_named_is_known() -> None:
    assert tuple(formats.FORMATS) == NAMED
    assert {kind for each in formats.FORMATS.values() for kind in each.makers} == set(KINDS)


def test_nothing_that_does_not_hold_is_exported(story: Story, shell: Shell) -> None:
    """A flipped bit in the record of the training is found before a word is written."""
    with story.home.ledger() as ledger:
        block = ledger.store.path(Cid.parse(ledger.contracts.model(1).cid).digest)
    whole = block.read_bytes()
    block.chmod(0o600)
    block.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        said = shell.refusal("export", "model", "1", "--as", "prov")
        assert said.startswith("NotWhole: model 1: ")
        assert "was changed on disk" in said
    finally:
        block.write_bytes(whole)


def test_what_a_holder_allows_is_said_as_the_contract_says_it(story: Story, shell: Shell) -> None:
    """While a license is on sale, after the terms have changed, and once consent is withdrawn."""

    def agreed() -> dict[str, str]:
        with story.home.ledger() as ledger:
            contract = ledger.contracts.deployment.datasets
            uri = ledger.chain.call(Interface.load("Datasets"), contract, "tokenURI", 1)
        on_chain = json.loads(base64.b64decode(uri.partition(",")[2]))["dataMiningPreference"]
        said = json.loads(shell.json("export", "dataset", "1", "--as", "erc7517")["document"])
        assertion = json.loads(shell.json("export", "dataset", "1", "--as", "cawg")["document"])
        assert said["dataMiningPreference"] == on_chain
        assert Preferences.from_assertion(assertion).metadata()["dataMiningPreference"] == on_chain
        return dict(on_chain)

    assert agreed() == {
        "dataMining": "notAllowed",
        "aiInference": "notAllowed",
        "aiTraining": "constrained",
        "aiGenerativeTraining": "constrained",
    }
    shell.json("dataset", "terms", "1", "--allow", "mining=allowed", "--key", "anna")
    assert agreed()["dataMining"] == "allowed"
    shell.json("dataset", "withdraw", "1", "--yes", "--key", "anna")
    assert set(agreed().values()) == {"notAllowed"}
