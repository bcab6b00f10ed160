"""What `proxyllm run` starts beside the gateway, so that one command is enough and no account is needed."""
