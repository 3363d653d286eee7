//! What URLs of Redis say.

use redis::{ConnectionAddr, ConnectionInfo};

use crate::redis::address::Address;

/// Scheme, host and port, user, password, database.
fn told(info: &ConnectionInfo) -> String {
    let settings = info.redis_settings();
    let place = match info.addr() {
        ConnectionAddr::Tcp(host, port) => format!("tcp {host} {port}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("tls {host} {port}"),
        other => format!("{other:?}"),
    };
    format!(
        "{place} {} {} {}",
        settings.username().unwrap_or("-"),
        settings.password().unwrap_or("-"),
        settings.db()
    )
}

fn all(infos: &[ConnectionInfo]) -> Vec<String> {
    infos.iter().map(told).collect()
}

fn parse(url: &str) -> Address {
    Address::parse(url).unwrap_or_else(|complaint| panic!("{url} {complaint}"))
}

#[test]
fn sentinels_are_told_from_the_server_that_they_name() {
    for (url, sentinels, service, server) in [
        (
            "redis+sentinel://one,two:1/mymaster",
            vec!["tcp one 26379 - - 0", "tcp two 1 - - 0"],
            "mymaster",
            "tcp one 6379 - - 0",
        ),
        (
            "rediss+sentinel://bus:p%40ss@[::1],10.0.0.2:7/my.master-1/3?sentinel_password=s%2Ft",
            vec!["tls ::1 26379 - s/t 0", "tls 10.0.0.2 7 - s/t 0"],
            "my.master-1",
            "tls ::1 6379 bus p@ss 3",
        ),
        (
            "redis+sentinel://:secret@one/m/?sentinel_user=asker&sentinel_password=x",
            vec!["tcp one 26379 asker x 0"],
            "m",
            "tcp one 6379 - secret 0",
        ),
    ] {
        let Address::Sentinels {
            sentinels: named,
            service: called,
            server: template,
        } = parse(url)
        else {
            panic!("{url}");
        };
        assert_eq!(all(&named), sentinels, "{url}");
        assert_eq!(called, service, "{url}");
        assert_eq!(told(&template), server, "{url}");
    }
}

#[test]
fn nodes_of_a_cluster_share_a_user() {
    for (url, expected) in [
        (
            "redis+cluster://one,two:1/",
            vec!["tcp one 6379 - - 0", "tcp two 1 - - 0"],
        ),
        (
            "rediss+cluster://bus:a%2Cb@one:2,[::2]:3",
            vec!["tls one 2 bus a,b 0", "tls ::2 3 bus a,b 0"],
        ),
    ] {
        let Address::Cluster(nodes) = parse(url) else {
            panic!("{url}");
        };
        assert_eq!(all(&nodes), expected, "{url}");
    }
}

#[test]
fn what_a_url_may_not_say_is_told_without_the_url() {
    let many = format!("redis+cluster://secret@{}", vec!["host"; 17].join(","));
    for (url, complaint) in [
        ("redis+sentinel://secret@one", "service"),
        ("redis+sentinel://secret@one/two words", "service"),
        ("redis+sentinel://secret@one/m/two", "Redis"),
        ("redis+sentinel://secret@one,/m", "hosts"),
        ("redis+sentinel://secret@one:port/m", "Redis"),
        ("redis+sentinel://secret@one/m#insecure", "fragment"),
        ("redis+sentinel://one/m?password=secret", "parameters"),
        ("redis+sentinel://one/m?sentinel_user=secret", "without"),
        ("redis+sentinel://one/m?sentinel_password=secret@", "coding"),
        ("redis+cluster://", "hosts"),
        ("redis+cluster://secret@one,,two", "hosts"),
        ("redis+cluster://secret@one/1", "database"),
        ("redis+cluster://secret@one?protocol=resp3", "query"),
        ("redis+cluster://secret@one two", "Redis"),
        (&many, "16"),
        ("redis://secret@one/secret", "Redis"),
        ("redis://secret@one?protocol=secret", "Redis"),
        ("http://secret@one", "Redis"),
        ("secret", "Redis"),
    ] {
        let told = Address::parse(url).map(drop).expect_err(url);
        assert!(told.contains(complaint), "{url} {told}");
        assert!(!told.contains("secret"), "{url} {told}");
    }
}
