# A PostgreSQL server with an empty database in the folder $1: sh server.sh FOLDER. It becomes the server.
set -e
initdb --pgdata="$1/data" --username=postgres --auth=trust --no-sync --wal-segsize=1 --locale=C --encoding=UTF8 \
    >"$1/initdb.log"
echo "host all all samenet trust" >>"$1/data/pg_hba.conf"
exec postgres -D "$1/data" -c listen_addresses=server -c unix_socket_directories= \
    -c fsync=off -c autovacuum=off -c shared_buffers=1MB -c log_line_prefix=
