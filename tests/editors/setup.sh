#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests in the real editors need, on Debian (or a relative of it) and as root. `make test` calls it.
# Does nothing when everything is there. The mirrors are those of this machine's own apt configuration.
#   here                 Krita with its Python and Qt, Xvfb, xdotool, a window manager, ImageMagick for screenshots
#   setup_gimp.sh        GIMP 3, when that file is beside this one
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export DEBIAN_FRONTEND=noninteractive

packages="krita python3-pyqt5 python3-pyqt5.sip libgl1-mesa-dri
          xvfb xauth x11-utils xdotool openbox imagemagick"

missing=
for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "limner: installing$missing (about 400 MB; a minute or two) ..."
    apt-get update -qq
    # word splitting is meant: a list of names
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-unsafe-io \
        $missing >/dev/null
fi

if [ -f "$here/setup_gimp.sh" ]; then
    sh "$here/setup_gimp.sh"
fi
