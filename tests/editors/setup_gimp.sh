#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts GIMP 3 (of Debian trixie, in a folder of its own) where the tests in the real GIMP find it, and what opens its
# window without a screen. Needs Debian and root. Does nothing when all is there.
# LIMNER_EDITORS=FOLDER: where the folder "gimp" is made (default: ~/.cache/limner-editors)
set -eu
umask 022
export DEBIAN_FRONTEND=noninteractive
editors=${LIMNER_EDITORS:-$HOME/.cache/limner-editors}
root=$editors/gimp
host_packages="mmdebstrap xvfb xdotool openbox imagemagick"
# No msgpack and no numpy: the plug-in must do without. pyzmq is optional there; the tests run with it and without.
packages="gimp,gir1.2-gimp-3.0,gir1.2-gtk-3.0,python3,python3-gi,python3-gi-cairo,python3-zmq"
stamp="trixie $packages"

say() { echo "limner: GIMP for the tests: $*"; }
fail() { # what and why, what to do
    say "$1" >&2
    say "$2" >&2
    exit 1
}

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
missing=
for package in $host_packages; do installed "$package" || missing="$missing $package"; done
if [ -z "$missing" ] && [ -f "$root/.ready" ] && [ "$(cat "$root/.ready")" = "$stamp" ]; then exit 0; fi

mkdir -p "$editors"
exec 9>"$editors/gimp.lock"
flock 9 # two setups at once: the second waits, then finds all there

lists() { apt-get indextargets --format '$(RELEASE)' | grep -q . || apt-get update -qq; }
if [ -n "$missing" ]; then
    say "installing$missing"
    lists
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=900 -o Dpkg::Options::=--force-unsafe-io \
        $missing >"$editors/gimp-host.log" 2>&1 ||
        fail "Debian's packages$missing could not be installed." "The whole log: $editors/gimp-host.log"
fi

if [ -f "$root/.ready" ] && [ "$(cat "$root/.ready")" = "$stamp" ]; then exit 0; fi
# The mirrors are those that this machine's own apt uses.
lists
repository() { apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | awk -v release="$1" '$1 == release {print $2; exit}'; }
host_suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(repository "$host_suite")
[ -n "$mirror" ] || fail "apt on this machine has no Debian mirror." "Check /etc/apt/sources.list and run apt-get update."
security=$(repository "$host_suite-security")
key=/usr/share/keyrings/debian-archive-keyring.gpg
say "making $root (two minutes, 0.5 GB) ..."
rm -rf --one-file-system "$root" "$root.new"
set -- "deb [signed-by=$key] $mirror trixie main"
[ -z "$security" ] || set -- "$@" "deb [signed-by=$key] $security trixie-security main"
mmdebstrap --quiet --mode=root --variant=apt --format=directory --skip=check/empty \
    --aptopt='Acquire::Languages "none"' --aptopt='Apt::Install-Recommends "false"' \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/help/*' \
    --include="$packages" \
    --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/hostname' \
    trixie "$root.new" "$@" >"$editors/gimp.log" 2>&1 || {
    tail -n 5 "$editors/gimp.log" >&2
    fail "Debian trixie with GIMP could not be made in $root.new." "The whole log: $editors/gimp.log"
}
mv "$root.new" "$root"
echo "$stamp" >"$root/.ready"
say "GIMP $(chroot "$root" dpkg-query -W -f '${Version}' gimp), $(chroot "$root" python3 --version)"
