"""Import hooks of others see the modules that `import aiohttp` imports, though ours are made when they are used."""

import pytest

from tests.test_compat import run

HOOKED = """
    import sys
    import trunkline
    trunkline.install_as_aiohttp()

    class Hook:
        seen = []

        def find_spec(self, name, path=None, target=None):
            self.seen.append(name)

    sys.meta_path.insert(0, Hook())
"""


@pytest.mark.parametrize(
    ("imported", "seen", "unseen"),
    [
        ("aiohttp", "aiohttp.client", "aiohttp.web"),
        ("aiohttp", "aiohttp.client_reqrep", "aiohttp.web_urldispatcher"),
        ("aiohttp.web", "aiohttp.web_urldispatcher", "aiohttp.test_utils"),
        ("aiohttp.web", "aiohttp.connector", "aiohttp.worker"),
    ],
)
def test_a_hook_sees_what_a_module_imports(imported: str, seen: str, unseen: str) -> None:
    program = f"{HOOKED}\n    import {imported}\n    print({seen!r} in Hook.seen, {unseen!r} in Hook.seen)\n"
    assert run(program).split() == ["True", "False"]


def test_nothing_is_imported_before_its_use_without_a_hook() -> None:
    program = """
        import sys
        import trunkline
        trunkline.install_as_aiohttp()

        import aiohttp.web
        print("aiohttp.client" in sys.modules, "aiohttp.web_urldispatcher" in sys.modules)
    """
    assert run(program).split() == ["False", "False"]
