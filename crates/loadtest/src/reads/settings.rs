//! The configuration files of servers that are not ours.

use std::{net::SocketAddr, path::Path};

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap};

/// nginx as one process that answers every request with these fields and this content, logs
/// nothing and never ends a connection. It sends Server and Connection besides.
pub(crate) fn nginx(
    listen: SocketAddr,
    directory: &Path,
    headers: &HeaderMap,
    content: &str,
) -> String {
    let directory = directory.display();
    let fields: Vec<String> = headers
        .iter()
        .filter(|(name, _)| ![CONTENT_TYPE, CONTENT_LENGTH, DATE].contains(name))
        .filter_map(|(name, value)| {
            let value = quoted(value.to_str().ok()?);
            Some(format!("add_header {name} {value};"))
        })
        .collect();
    let fields = fields.join("\n");
    let content = quoted(content);
    format!(
        "daemon off;
master_process off;
pid {directory}/nginx-own.pid;
error_log stderr error;
events {{ worker_connections 2048; }}
http {{
access_log off;
keepalive_requests 1000000000;
client_body_temp_path {directory}/client;
proxy_temp_path {directory}/proxy;
fastcgi_temp_path {directory}/fastcgi;
uwsgi_temp_path {directory}/uwsgi;
scgi_temp_path {directory}/scgi;
default_type application/json;
server {{
listen {listen} reuseport;
{fields}
location / {{ return 200 {content}; }}
}}
}}
"
    )
}

/// A value as nginx reads it. A `$` would begin a variable and cannot be escaped: the posts and
/// the fields of a reader's answers have none.
fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', r"\\").replace('\'', r"\'");
    format!("'{escaped}'")
}

/// A gateway of one thread before one reader, with connections kept on both sides, logging nothing: `HAProxy`.
pub(crate) fn haproxy(listen: SocketAddr, reader: SocketAddr) -> String {
    format!(
        "global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend public
    bind {listen}
    default_backend readers
backend readers
    server reader {reader}
"
    )
}

/// A cache that keeps what it was given once for an hour: Varnish.
pub(crate) fn varnish(origin: SocketAddr) -> String {
    let (host, port) = (origin.ip(), origin.port());
    format!(
        "vcl 4.1;
backend origin {{ .host = \"{host}\"; .port = \"{port}\"; }}
sub vcl_recv {{ return (hash); }}
sub vcl_backend_response {{ set beresp.ttl = 1h; return (deliver); }}
"
    )
}
