#!/bin/sh
# Installs the system tools that are missing; quick when there is nothing to do. A tool that cannot be had is told of,
# and is no failure of setup: what needs it says that it is off, everything else runs.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

have() {
    case "$1" in
        exiftool) [ -n "${EXIFTOOL_PATH:-}" ] || command -v exiftool >/dev/null 2>&1 || [ -x .venv/bin/exiftool ] ;;
        ffmpeg) [ -n "${FFMPEG_PATH:-}" ] || { command -v ffmpeg && command -v ffprobe; } >/dev/null 2>&1 ;;
        tesseract) [ -n "${TESSERACT_PATH:-}" ] || command -v tesseract >/dev/null 2>&1 ;;
    esac
}

debian() {
    case "$1" in
        exiftool) echo libimage-exiftool-perl ;;
        ffmpeg) echo ffmpeg ;;
        tesseract) echo tesseract-ocr tesseract-ocr-eng ;;
    esac
}

# What is off without it, and the command that installs it.
mend() {
    case "$1" in
        exiftool) off="ExifTool is missing: /api/extract gives the main fields only" fedora=perl-Image-ExifTool brew=exiftool ;;
        ffmpeg) off="FFmpeg is missing: videos have no pictures and no details" fedora=ffmpeg-free brew=ffmpeg ;;
        tesseract) off="Tesseract is missing: no text is read from pictures and scans" fedora=tesseract brew=tesseract ;;
    esac
    case "$(uname -s)" in
        Darwin) say "$off. Install it: brew install $brew" ;;
        Linux) say "$off. Install it: sudo apt-get install $(debian "$1")  (Fedora: sudo dnf install $fedora)" ;;
        *) say "$off. Install it, and name the program in $(echo "$1" | tr '[:lower:]' '[:upper:]')_PATH." ;;
    esac
}

missing() {
    for tool in exiftool ffmpeg tesseract; do
        have "$tool" || echo "$tool"
    done
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

# All at once; where one package is not to be had, each by itself.
get() {
    packages=$(for tool in "$@"; do debian "$tool"; done)
    # shellcheck disable=SC2086  # a word each
    sh scripts/apt.sh $packages && return
    [ $# -gt 1 ] || return 1
    for tool in "$@"; do
        get "$tool" || true
    done
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0
if command -v apt-get >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    get $wanted || true
    have exiftool || unpack || true
fi
for tool in $(missing); do
    mend "$tool"
done
