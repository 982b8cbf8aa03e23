#!/bin/sh
# Installs netlab into /opt/netlab, inside the machine, as root: what it needs by pip, and itself as what lies in /netlab.
# Where that is copied and not mounted, `vagrant rsync` brings what has changed; there is nothing to install again.
set -eu

# Debian's pip, not one in the environment, and nothing compiled that is never imported: what takes minutes where the
# machine is emulated.
python3 -m venv --without-pip /opt/netlab
python3 -c '
import tomllib
print(*tomllib.load(open("/netlab/pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")
' >/opt/netlab/requirements.txt
pip --python=/opt/netlab/bin/python install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
    --requirement=/opt/netlab/requirements.txt
echo /netlab/src >"$(echo /opt/netlab/lib/python3*/site-packages)/netlab.pth"

# As root it sees the kernel's own reasons for resets (tracepoints). In this machine that harms nobody.
cat >/usr/local/bin/netlab <<'SCRIPT'
#!/bin/sh
[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=NO_COLOR,NETLAB_DEBUG "$0" "$@"
exec /opt/netlab/bin/python -m netlab "$@"
SCRIPT
chmod 755 /usr/local/bin/netlab
netlab --version
