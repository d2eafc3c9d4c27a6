"""The ledger: what was done, by whom. Records, signatures, storage and chain; no audio is ever decoded here."""
