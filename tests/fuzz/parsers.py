"""Every parser that takes a stranger's bytes, by the name that ``scripts/fuzz.py`` calls it."""

from __future__ import annotations

import audio_parsers as audio
import ledger_parsers as ledger
import ledger_seeds as seeds
from parser import Parser

PARSERS = {
    parser.name: parser
    for parser in (
        Parser("canonical", ledger.canonical, seeds.text_seeds),
        Parser("envelope", ledger.envelope, seeds.envelope_seeds),
        Parser("records", ledger.records, seeds.record_seeds),
        Parser("car", ledger.car, seeds.car_seeds),
        Parser("car-into-store", ledger.car_into_store, seeds.car_seeds),
        Parser("dagpb", ledger.dagpb, seeds.node_seeds),
        Parser("unixfs", ledger.unixfs, seeds.tree_seeds),
        Parser("cid", ledger.cid, seeds.cid_seeds),
        Parser("raw-cid", ledger.raw_cid, seeds.raw_cid_seeds),
        Parser("anchor", ledger.anchor, seeds.anchor_seeds),
        Parser("key-file", ledger.key_file, seeds.key_seeds),
        Parser("key-export", ledger.key_export, seeds.key_seeds),
        Parser("key-request", ledger.key_request, seeds.key_request_seeds),
        Parser("sealed-key", ledger.sealed_key, seeds.sealed_key_seeds),
        Parser("voucher", ledger.voucher, seeds.voucher_seeds),
        Parser("shares", ledger.shares, seeds.share_seeds),
        Parser("preferences", ledger.preferences, seeds.preference_seeds),
        Parser("chain-answers", ledger.chain_answers, seeds.answer_seeds),
        Parser("bundle", ledger.bundle, seeds.bundle_seeds),
        Parser("receipts", ledger.receipts, seeds.receipt_seeds),
        Parser("boxes", ledger.boxes, seeds.box_seeds),
        Parser("credentials", ledger.credentials, seeds.credential_seeds),
        Parser("time-stamp", ledger.time_stamp, seeds.stamp_seeds),
        Parser("certificates", ledger.certificates, seeds.certificate_seeds),
        Parser("sign-in", ledger.sign_in, seeds.sign_in_seeds),
        Parser("container", audio.container, audio.sound_seeds),
        Parser("ogg", audio.ogg, lambda: audio.sound_seeds()[4:]),
        Parser("decoder", audio.decoder, audio.sound_seeds),
        Parser("tags", audio.tags, audio.sound_seeds),
        Parser("labels-csv", audio.label_table(".csv"), audio.table_seeds),
        Parser("labels-json", audio.label_table(".json"), audio.json_table_seeds),
        Parser("stamps", audio.stamps, audio.stamp_file_seeds),
        Parser("fingerprint", audio.fingerprint, audio.fingerprint_seeds),
        Parser("json-text", audio.json_text, seeds.text_seeds),
    )
}
