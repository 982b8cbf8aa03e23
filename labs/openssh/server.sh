# An SSH server for the user who runs it, its keys made anew in the folder $1: sh server.sh FOLDER SECONDS. It becomes the
# server; SECONDS is its ClientAliveInterval.
set -e
ssh-keygen -q -t ed25519 -N "" -f "$1/host-key"
ssh-keygen -q -t ed25519 -N "" -f "$1/key"
echo "[server]:2222 $(cat "$1/host-key.pub")" >"$1/known_hosts"
cat >"$1/sshd_config" <<CONF
ListenAddress server:2222
HostKey $1/host-key
AuthorizedKeysFile $1/key.pub
StrictModes no
UsePAM no
PidFile none
ClientAliveInterval $2
ClientAliveCountMax 1
CONF
# As root sshd wants the folder /run/sshd. Every program of a lab has mounts of its own, so this one is its alone.
if [ "$(id -u)" = 0 ]; then
    mount -t tmpfs none /run
    mkdir /run/sshd
fi
exec "$(command -v sshd)" -D -e -f "$1/sshd_config" # it wants to be called by its full path
