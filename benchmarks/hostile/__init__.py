"""A hostile minute: strangers and penniless customers attack a gateway while paying customers call it."""
