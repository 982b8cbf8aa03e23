#!/bin/sh
# Installs Linux 6.12 from backports where Debian 12 is, inside the machine, as root; it runs after a restart.
set -eu
export DEBIAN_FRONTEND=noninteractive
. /etc/os-release
[ "$VERSION_CODENAME" = bookworm ] || exit 0

echo "deb http://deb.debian.org/debian bookworm-backports main" >/etc/apt/sources.list.d/backports.list
apt-get update -qq
apt-get install -y -qq -t bookworm-backports linux-image-amd64 >/dev/null
