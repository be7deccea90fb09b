"""The settings as a Markdown table, for the README; a test compares the two."""

from mediabridge.config import TABLE


def table() -> str:
    """One row per setting: name, default (under `serve` where it differs), meaning."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for row in TABLE:
        default = "–" if row.default is None else f"`{row.default}`"
        if row.default_serve is not ...:
            default += f" (`serve`: `{row.default_serve}`)"
        lines.append(f"| `{row.name}` | {default} | {row.meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
