"""All that we take from LiteLLM, on one page made from the code: `python -m devkit.reference.litellm`."""
