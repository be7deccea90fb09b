#!/bin/sh
# Installs the system tools that are missing; quick when there is nothing to do. Without ExifTool everything else still
# runs, and the answers of /api/extract say what is missing, so that a failure here is told but is no failure of setup.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

have_exiftool() {
    [ -n "${EXIFTOOL_PATH:-}" ] || command -v exiftool >/dev/null 2>&1 || [ -x .venv/bin/exiftool ]
}

# A user without root rights still gets ExifTool: it is plain Perl and runs from any folder.
unpack() {
    command -v perl >/dev/null 2>&1 || return 1
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    (cd "$tmp" && apt-get download -qq libimage-exiftool-perl >/dev/null 2>&1) || return 1
    mkdir -p .venv/share/exiftool
    dpkg-deb --extract "$tmp"/libimage-exiftool-perl*.deb .venv/share/exiftool || return 1
    cat >.venv/bin/exiftool <<'WRAPPER'
#!/bin/sh
own=$(dirname "$0")/../share/exiftool/usr
exec perl -I "$own/share/perl5" "$own/bin/exiftool" "$@"
WRAPPER
    chmod +x .venv/bin/exiftool
    say "ExifTool was unpacked into .venv, since it could not be installed for the whole system"
}

have_exiftool && exit 0
if command -v apt-get >/dev/null 2>&1; then
    sh scripts/apt.sh libimage-exiftool-perl || unpack || true
fi
have_exiftool && exit 0
say "ExifTool is missing, and could not be installed from here. Until it is there, /api/extract answers 503."
case "$(uname -s)" in
    Darwin) say "Install it: brew install exiftool" ;;
    Linux) say "Install it: sudo apt-get install libimage-exiftool-perl  (Fedora: sudo dnf install perl-Image-ExifTool)" ;;
    *) say "Install it from exiftool.org, and set EXIFTOOL_PATH." ;;
esac
