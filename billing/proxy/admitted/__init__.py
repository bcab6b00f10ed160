"""An admitted call as its stream or session sees it: the terms, the ledger, what usage can be believed."""
