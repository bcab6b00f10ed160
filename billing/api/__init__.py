"""What all of billing's HTTP endpoints share."""
