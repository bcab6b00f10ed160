"""An admitted call as its stream or session sees it: its terms, the ledger, and usage checks."""
