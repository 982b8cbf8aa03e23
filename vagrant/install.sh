#!/bin/sh
# Installs netlab from the synced project into /opt/netlab, inside the machine, as root: `netlab` on everybody's PATH.
# It runs what lies in /netlab: where that is copied and not mounted, `vagrant rsync` brings what has changed.
set -eu

python3 -m venv /opt/netlab
# What is never imported need not be compiled: that takes longest, where the machine is emulated.
/opt/netlab/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile --editable /netlab

# As root it sees the kernel's own reasons for resets (tracepoints). In this machine that harms nobody.
cat >/usr/local/bin/netlab <<'SCRIPT'
#!/bin/sh
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=NO_COLOR,NETLAB_DEBUG /opt/netlab/bin/netlab "$@"
exec /opt/netlab/bin/netlab "$@"
SCRIPT
chmod 755 /usr/local/bin/netlab
netlab --version
