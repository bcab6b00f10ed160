"""LiteLLM reads its price map when it is imported: from its own files, not from the network."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
