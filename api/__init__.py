"""Where the ledger and the generation core meet: the workflows, and the ways in."""
