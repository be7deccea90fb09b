#!/bin/sh
# The JavaScript of the repository: `install` gets the npm packages that are missing (of the adapter, of its example, and
# sharp, which pictures are compared with), `test` runs the adapter's tests.
# Without Node 18 and npm both say so and leave it out; with NODE_TESTS=required that is a failure.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'node: %s\n' "$*" >&2; }

leave_out() {
    say "$1: the Node adapter and the Express example are left out."
    [ "${NODE_TESTS:-optional}" = optional ] || exit 1
    exit 0
}

have_node() {
    command -v npm >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null
}

# npm writes node_modules/.package-lock.json last; newer than the package.json, there is nothing to do.
install_in() {
    [ -n "$(find "$1/node_modules/.package-lock.json" -newer "$1/package.json" 2>/dev/null)" ] && return
    say "installing the packages of $1"
    (cd "$1" && npm install --no-audit --no-fund --no-package-lock --install-links=false --loglevel=error >/dev/null)
}

have_node || leave_out "Node 18 or newer and npm are not installed"
case "$1" in
    install)
        for folder in express examples/express_host benchmarks/images; do
            install_in "$folder" || leave_out "npm could not install the packages of $folder"
        done
        ;;
    test)
        [ -d express/node_modules ] || leave_out "the packages of express/ are not installed"
        cd express && npm test && npm run types
        ;;
esac
