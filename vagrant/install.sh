#!/bin/sh
# Installs netlab from the synced project into /opt/netlab, inside the machine, as root: `netlab` on everybody's PATH.
set -eu

python3 -m venv /opt/netlab

# A copy: the build writes beside what it builds, and the synced folder may be the user's own, or read-only.
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cp -R /netlab/pyproject.toml /netlab/README.md /netlab/LICENSE /netlab/src /netlab/labs /netlab/vagrant "$build"
/opt/netlab/bin/pip install --quiet --disable-pip-version-check --no-cache-dir "$build"

# As root it sees the kernel's own reasons for resets (tracepoints). In this machine that harms nobody.
cat >/usr/local/bin/netlab <<'SCRIPT'
#!/bin/sh
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=NO_COLOR,NETLAB_DEBUG /opt/netlab/bin/netlab "$@"
exec /opt/netlab/bin/netlab "$@"
SCRIPT
chmod 755 /usr/local/bin/netlab
netlab --version
