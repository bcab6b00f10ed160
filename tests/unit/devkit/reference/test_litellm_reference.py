"""The page of what we take from LiteLLM says what the code does, and no patch is missing in its list."""

from __future__ import annotations

import ast
from pathlib import Path

from billing.proxy.litellm import patches
from devkit.reference.litellm import names
from devkit.reference.litellm.imports import Use, parsed, uses_in
from devkit.reference.litellm.page import page

ROOT = Path(__file__).parents[4]
TREES = dict(parsed(ROOT))


def used(source: str) -> set[Use]:
    return uses_in(ast.parse(source), "f.py")


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "reference" / "litellm.md").read_text("utf-8") == page(), "run `make docs`"


class TestEachPatch:
    def test_is_on_the_list(self) -> None:
        """Whoever puts something in the place of LiteLLM's says why in `billing/proxy/litellm/patches.py`."""
        assigned = {
            (use.name, file) for file, tree in TREES.items() for use in uses_in(tree, file) if use.assigned
        }
        of_ours = {one for one in assigned if ".app.state." in one[0]}
        assert assigned - of_ours <= {(patch.target, patch.file) for patch in patches.PATCHES}

    def test_is_checked_where_it_is_made(self) -> None:
        constants = {value: name for name, value in vars(patches).items() if isinstance(value, patches.Patch)}
        for patch in patches.PATCHES:
            assert constants[patch] in self.checked(patch.file)

    def checked(self, file: str) -> set[str]:
        calls = (node for node in ast.walk(TREES[file]) if isinstance(node, ast.Call))
        return {
            call.args[0].id
            for call in calls
            if isinstance(call.func, ast.Name)
            and call.func.id == "check_known"
            and isinstance(call.args[0], ast.Name)
        }


class TestTheWalk:
    def test_finds_imports_under_other_names(self) -> None:
        assert used("from litellm.proxy.auth import user_api_key_auth as auth\nauth.build(1)") == {
            Use("litellm.proxy.auth.user_api_key_auth", "f.py"),
            Use("litellm.proxy.auth.user_api_key_auth.build", "f.py"),
        }

    def test_finds_imports_within_functions(self) -> None:
        assert used("def f():\n    import litellm\n    return litellm.model_cost['x']") == {
            Use("litellm.model_cost", "f.py")
        }

    def test_finds_submodules(self) -> None:
        assert Use("litellm.a.b", "f.py") in used("import litellm.a.b")

    def test_marks_what_is_for_types_alone(self) -> None:
        source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from litellm.x import Y"
        assert used(source) == {Use("litellm.x.Y", "f.py", for_types=True)}

    def test_marks_what_is_put_in_its_place(self) -> None:
        for patching in ("m.f = g", "setattr(m, 'f', g)"):
            assert Use("litellm.m.f", "f.py", assigned=True) in used(f"from litellm import m\n{patching}")


class TestTheFilesThatAreRead:
    def test_are_on_the_list(self) -> None:
        """Who looks for LiteLLM's folder wants something in it."""
        looks = {
            file
            for file, tree in TREES.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name | ast.Attribute)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) in ("package_directory", "find_spec")
            and any(
                isinstance(one, ast.Constant) and str(one.value).startswith("litellm") for one in node.args
            )
        }
        of_the_page = {"devkit/reference/litellm/page.py"}
        assert looks - of_the_page == {file for _, _, file in names.READ_FILES}
