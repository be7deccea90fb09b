"""How the repository is laid out: sizes, folders, and who may import whom (DESIGN §2)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("config", "proxy", "bridge", "sidecar", "host")
MOST_LINES = 400

# The table of DESIGN §2: parts of ours, and packages of others, that a part may import.
OURS = {
    "config": set(),
    "proxy": set(),
    "bridge": {"config"},
    "sidecar": set(),
    "host": {"config", "proxy", "bridge"},
}
OTHERS = {
    "config": set(),
    "proxy": {"httptools"},
    "bridge": {"psutil", "requests", "watchfiles"},
    "sidecar": {
        "flask",
        "multipart",
        "waitress",
        "alembic",
        "exiftool",
        "sqlalchemy",
        "werkzeug",
        "platformdirs",
        "psutil",
        "PIL",
        "c2pa",
        "charset_normalizer",
        "cykooz_resizer",
        "numpy",
        "onnxruntime",
        "pillow_heif",
        "pypdf",
        "pypdfium2",
        "selectolax",
        "striprtf",
        "sklearn",
        "tinytag",
        "tzfpy",
    },
    "host": {"click", "platformdirs", "prometheus_client", "rich", "uvicorn", "uvloop", "watchfiles"},
}
MAY_ALSO_IMPORT = {
    "sidecar/mediabridge/sidecar/__main__.py": ({"mediabridge.config"}, "the table allows it here"),
    "sidecar/mediabridge/sidecar/services.py": ({"mediabridge.config"}, "the table allows it here"),
    "sidecar/mediabridge/sidecar/processing.py": ({"mediabridge.config"}, "the part of services.py that workers have"),
    "sidecar/mediabridge/sidecar/exports.py": ({"mediabridge.config"}, "builds the parts of a job for the worker"),
    "sidecar/mediabridge/sidecar/analyses.py": ({"mediabridge.config"}, "builds the parts of a job for the worker"),
    "sidecar/mediabridge/sidecar/job_engine.py": ({"mediabridge.config"}, "builds the parts of a job for the worker"),
    "sidecar/mediabridge/sidecar/imports.py": ({"mediabridge.config"}, "builds the parts of a job for the worker"),
    "sidecar/mediabridge/sidecar/work.py": ({"mediabridge.config"}, "what the worker's main calls"),
    "sidecar/mediabridge/sidecar/extraction/cli/__main__.py": ({"mediabridge.config"}, "a main"),
    "sidecar/mediabridge/sidecar/storage/cli/__main__.py": ({"mediabridge.config"}, "a main"),
    "sidecar/mediabridge/sidecar/jobs/worker.py": ({"mediabridge.config"}, "a main"),
    "sidecar/mediabridge/sidecar/library/cli/__main__.py": ({"mediabridge.config", "click"}, "a main"),
    "sidecar/mediabridge/sidecar/library/cli/exporting.py": ({"click"}, "a word of the command line"),
    "sidecar/mediabridge/sidecar/library/cli/importing.py": ({"click"}, "a word of the command line"),
    "sidecar/mediabridge/sidecar/library/cli/looking.py": ({"click"}, "a word of the command line"),
    "sidecar/mediabridge/sidecar/extraction/cli/output.py": ({"click"}, "the progress bar of the command line"),
    "bridge/mediabridge/bridge/wsgi_runner.py": ({"waitress"}, "a program of its own, in the sidecar's interpreter"),
}
READS_THE_ENVIRONMENT = {
    "host/mediabridge/host/cli.py": "a main",
    "host/mediabridge/host/embed.py": "the main of a host that is not ours",
    "sidecar/mediabridge/sidecar/__main__.py": "a main",
    "sidecar/mediabridge/sidecar/extraction/cli/__main__.py": "a main",
    "sidecar/mediabridge/sidecar/storage/cli/__main__.py": "a main",
    "sidecar/mediabridge/sidecar/library/cli/__main__.py": "a main",
    "sidecar/mediabridge/sidecar/jobs/worker.py": "a main",
    "bridge/mediabridge/bridge/wsgi_runner.py": "a main, in the sidecar's interpreter",
    "bridge/mediabridge/bridge/place.py": "a child inherits what holds when it starts",
    "host/mediabridge/host/beside.py": "a child inherits what holds when it starts",
    "sidecar/mediabridge/sidecar/extraction/child_posix.py": "a child inherits what holds when it starts",
    "sidecar/mediabridge/sidecar/isolated/runner.py": "a child inherits what holds when it starts",
    "sidecar/mediabridge/sidecar/text/program.py": "a child inherits what holds when it starts",
    "sidecar/mediabridge/sidecar/extraction/tools.py": "PATH, when the caller names no other folders",
    "bridge/mediabridge/bridge/single.py": "XDG_RUNTIME_DIR names the folder of the lock; it is no setting of ours",
    "host/mediabridge/host/doctor.py": "the environment is what it examines",
}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def dotted(path: Path) -> str:
    """The module that a file is."""
    words = path.relative_to(ROOT / part_of(path)).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def package_of(path: Path) -> str:
    return dotted(path) if path.stem == "__init__" else dotted(path).rpartition(".")[0]


def imported(path: Path, within: ast.AST | None = None) -> Iterator[str]:
    """The absolute names of what a file imports, `from x import y` as `x.y`."""
    for node in ast.walk(within or tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package_of(path).rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(word for word in (base, node.module) if word)
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def allowed(path: Path, module: str) -> bool:
    words, part = module.split("."), part_of(path)
    also, _ = MAY_ALSO_IMPORT.get(name(path), (set(), ""))
    if words[0] == "mediabridge":
        return words[1] == part or words[1] in OURS[part] or ".".join(words[:2]) in also
    return words[0] in sys.stdlib_module_names | OTHERS[part] | also or words[0] == "_typeshed"


def reads_environment(path: Path) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names})
        for node in ast.walk(tree(path))
    )


def test_no_file_is_too_long() -> None:
    ours = sources(*PARTS, "tests", "benchmarks", "scripts", "examples")
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in ours}
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.parametrize("part", PARTS)
def test_the_namespace_has_no_init(part: str) -> None:
    """`mediabridge` is a PEP 420 namespace: a file here would hide the other parts."""
    assert (ROOT / part / "mediabridge" / part / "__init__.py").exists()
    assert not (ROOT / part / "mediabridge" / "__init__.py").exists()


@pytest.mark.parametrize("part", PARTS)
def test_every_outer_folder_has_a_readme(part: str) -> None:
    assert (ROOT / part / "README.md").read_text(encoding="utf-8").startswith(f"# {part}")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_typed(part: str) -> None:
    assert (ROOT / part / "mediabridge" / part / "py.typed").exists()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_only_what_the_table_allows(part: str) -> None:
    found = [(name(path), module) for path in sources(part) for module in imported(path) if not allowed(path, module)]
    assert found == []


@pytest.mark.parametrize("part", PARTS)
def test_imports_are_relative_inside_a_package_and_absolute_across(part: str) -> None:
    """Upwards they are absolute too (ruff TID252), and no dots lead out of the part."""
    wrong = []
    root = f"mediabridge.{part}"
    for path in sources(part):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom):
                own = not node.level and f"{node.module}.".startswith(f"{package_of(path)}.")
                outside = bool(node.level) and not all(it.startswith(root) for it in imported(path, node))
                if own or outside:
                    wrong.append((name(path), node.lineno))
    assert wrong == []


@pytest.mark.parametrize("part", PARTS)
def test_no_part_imports_in_a_circle(part: str) -> None:
    modules = {dotted(path): path for path in sources(part)}
    graph = {}
    for module, path in modules.items():
        top = [node for node in tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        seen = {it for node in top for it in imported(path, node)}
        graph[module] = {it if it in modules else it.rpartition(".")[0] for it in seen} & modules.keys() - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as problem:
        pytest.fail(f"imports in a circle: {problem.args[1]}")


@pytest.mark.parametrize("part", PARTS)
def test_the_environment_is_read_by_mains_only(part: str) -> None:
    found = [name(path) for path in sources(part) if reads_environment(path)]
    assert [path for path in found if path not in READS_THE_ENVIRONMENT] == []


@pytest.mark.parametrize("path", READS_THE_ENVIRONMENT)
def test_every_exception_is_still_needed(path: str) -> None:
    assert reads_environment(ROOT / path)
