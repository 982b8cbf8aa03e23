#!/bin/sh
# Installs what netlab and its labs use, inside the machine, as root. What is there already is left alone.
# PACKAGES: what to install instead. WHEELS: a folder that pip is to take everything from, in this machine.
set -eu
export DEBIAN_FRONTEND=noninteractive

# tshark to look into captures; the servers and clients of labs/postgresql, redis, nginx and openssh.
wanted=${PACKAGES:-"python3-venv python3-pip iproute2 nftables tshark curl openssh-server openssh-client
    postgresql redis-server nginx-light"}

if [ -n "${WHEELS:-}" ]; then
    printf '[global]\nno-index = true\nfind-links = %s\n' "$WHEELS" >/etc/pip.conf
fi

missing=
for package in $wanted; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing$missing"
echo "wireshark-common wireshark-common/install-setuid boolean false" | debconf-set-selections
apt-get update -qq
apt-get install -y -qq --no-install-recommends $missing >/dev/null

# Labs start their own: none of these need run, or hold a port.
for service in postgresql redis-server nginx; do
    case $missing in *"$service"*) systemctl disable --quiet --now "$service" ;; esac
done
