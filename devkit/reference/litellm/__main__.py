import sys

from devkit.reference.litellm.page import page

sys.stdout.write(page())
