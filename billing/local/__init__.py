"""Everything `proxyllm run` starts beside the gateway, so that two commands are enough and no account is needed."""
