"""Run the contract suite of the proxies, and write its table into docs/comparison_proxy.md; a test compares the two."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Nothing is written unless every case was seen as the table says it, on every host."""
    suite = ROOT / "tests" / "contract" / "test_cases.py"
    command = [sys.executable, "-m", "pytest", suite, "-q", "-rs"]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    if done.returncode != 0 or "skipped" in done.stdout:
        print("not written: every host is needed")
        return done.returncode or 1
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "helpers")]
    from contract.table import PAGE, written  # noqa: PLC0415  found only now

    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
