"""One door: the public names, listed once."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mediabridge.sidecar as part


def test_all_names_are_there_and_sorted() -> None:
    assert all(hasattr(part, name) for name in part.__all__)
    assert sorted(part.__all__, key=lambda name: (not name.isupper(), name)) == part.__all__


def test_importing_the_domains_does_not_import_flask() -> None:
    code = (
        "import sys, types, pathlib\n"
        "import importlib.util as util\n"
        f"root = pathlib.Path({str(part.__path__[0])!r})\n"
        # The package's own __init__ is left out: it imports the app.
        "package = types.ModuleType('mediabridge.sidecar'); package.__path__ = [str(root)]\n"
        "sys.modules['mediabridge.sidecar'] = package\n"
        "import mediabridge.sidecar.extraction.extract, mediabridge.sidecar.extraction.health\n"
        "import mediabridge.sidecar.storage.scratch\n"
        "import mediabridge.sidecar.analysis, mediabridge.sidecar.extraction.fallback\n"
        "import mediabridge.sidecar.library.dates, mediabridge.sidecar.library.duplicates\n"
        "import mediabridge.sidecar.images.shelf, mediabridge.sidecar.images.render\n"
        "import mediabridge.sidecar.text.shelf, mediabridge.sidecar.text.work\n"
        "sys.exit('flask' in sys.modules or 'waitress' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


COSTLY = ("numpy", "sqlalchemy", "alembic", "sklearn", "scipy", "pypdfium2", "c2pa", "onnxruntime", "tzfpy")


@pytest.mark.parametrize("module", ["mediabridge.sidecar.app", "mediabridge.sidecar.work"])
def test_what_costs_a_start_is_loaded_when_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {COSTLY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def imported(file: Path) -> set[str]:
    tree = ast.walk(ast.parse(file.read_text("utf-8")))
    names = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        name
        for node in names
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }


BUILDERS = {
    "services.py", "processing.py", "work.py", "imports.py", "exports.py", "analyses.py", "job_engine.py",
    "jobs/worker.py",
}  # fmt: skip


def test_settings_are_known_where_things_are_built_and_other_parts_nowhere() -> None:
    root = Path(part.__path__[0])
    for file in root.rglob("*.py"):
        others = {name for name in imported(file) if name.startswith("mediabridge.") and "sidecar" not in name}
        builds = file.name == "__main__.py" or str(file.relative_to(root)) in BUILDERS
        assert others <= ({"mediabridge.config"} if builds else set()), file
