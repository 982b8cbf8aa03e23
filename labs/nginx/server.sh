# An nginx in the foreground, its files in the folder $1: sh server.sh FOLDER. It becomes the server.
# It asks a backend on port 9000 of its own host, as most real sites do.
cat >"$1/nginx.conf" <<CONF
daemon off;
master_process off;
pid $1/nginx.pid;
error_log stderr error;
events {}
http {
    access_log off;
    client_body_temp_path $1/body;
    proxy_temp_path $1/proxy;
    fastcgi_temp_path $1/fastcgi;
    uwsgi_temp_path $1/uwsgi;
    scgi_temp_path $1/scgi;
    server {
        listen server:8080;
        location / { proxy_pass http://127.0.0.1:9000; }
    }
}
CONF
exec nginx -p "$1" -e stderr -c "$1/nginx.conf"
