import sys

from billing.litellm_reference.page import page

sys.stdout.write(page())
