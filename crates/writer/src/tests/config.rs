//! What a writer is told.

use std::{collections::HashMap, num::NonZeroU32, path::Path};

use service::config::ConfigExit;

use crate::{config::Config, render::Codings};

fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigExit> {
    let environment: HashMap<String, String> = variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Config::read(["writer"].iter().chain(arguments), &environment)
}

/// With both servers given.
fn read_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigExit> {
    read(arguments, &[&[DATABASE, REDIS], variables].concat())
}

const DATABASE: (&str, &str) = (
    "DATABASE_URL",
    "postgres://writer:hunter2@database.example/pressrun",
);
const REDIS: (&str, &str) = ("REDIS_URL", "redis://:hunter2@redis.example");

#[test]
fn only_database_and_bus_must_be_named() {
    let config = read_with(&[], &[]).unwrap();
    assert_eq!(config.writer.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.writer.admin_listen.to_string(), "127.0.0.1:9180");
    assert_eq!(config.writer.codings, Codings::ALL);
    let samples = config.writer.audit_samples_per_second;
    assert_eq!(samples.map(NonZeroU32::get), Some(4));
    assert!(!config.migrate);
    assert_eq!(config.database_url.expose(), DATABASE.1);
    assert_eq!(config.redis_url.expose(), REDIS.1);
    let exit = read(&[], &[]).unwrap_err();
    let lines: Vec<&str> = exit.text().lines().collect();
    let expected = [
        "DATABASE_URL: is not set, and has no default",
        "REDIS_URL: is not set, and has no default",
    ];
    assert_eq!((lines.as_slice(), exit.code()), (&expected[..], 64));
}

#[test]
fn every_setting_is_a_variable_and_a_flag_and_the_flag_wins() {
    let variables = [
        ("WRITER_LISTEN", "127.0.0.1:1"),
        ("WRITER_ADMIN_LISTEN", "0.0.0.0:2"),
        ("CODINGS", "gzip"),
        ("WRITER_MIGRATE", "yes"),
    ];
    let config = read_with(&[], &variables).unwrap();
    assert_eq!(config.writer.listen.to_string(), "127.0.0.1:1");
    assert_eq!(config.writer.admin_listen.to_string(), "0.0.0.0:2");
    assert_eq!(config.writer.codings.to_string(), "gzip");
    assert!(config.migrate);

    let flags = [
        "--writer-listen=[::1]:3",
        "--writer-admin-listen=127.0.0.1:4",
        "--codings=zstd, br",
        "--writer-migrate=false",
        "--database-url=postgresql://other/db",
        "--redis-url=redis+unix:///run/redis.sock",
    ];
    let config = read_with(&flags, &variables).unwrap();
    assert_eq!(config.writer.listen.to_string(), "[::1]:3");
    assert_eq!(config.writer.admin_listen.to_string(), "127.0.0.1:4");
    assert_eq!(config.writer.codings, "br,zstd".parse().unwrap());
    assert!(!config.migrate);
    assert_eq!(config.database_url.expose(), "postgresql://other/db");
    assert_eq!(config.redis_url.expose(), "redis+unix:///run/redis.sock");
}

#[test]
fn the_audit_can_be_off() {
    for (given, expected) in [("0", None), ("1", NonZeroU32::new(1))] {
        let config = read_with(&[], &[("AUDIT_SAMPLES_PER_SECOND", given)]).unwrap();
        assert_eq!(config.writer.audit_samples_per_second, expected);
    }
    let exit = read_with(&["--audit-samples-per-second=101"], &[]).unwrap_err();
    assert!(
        exit.text().starts_with("AUDIT_SAMPLES_PER_SECOND"),
        "{exit}"
    );
}

#[test]
fn codings_can_be_none() {
    let config = read_with(&["--codings=none"], &[]).unwrap();
    assert_eq!(config.writer.codings, Codings::NONE);
}

#[test]
fn every_problem_is_reported_at_once_one_line_each() {
    let exit = read(
        &["--writer-listen=somewhere", "--writer-migrate=perhaps"],
        &[
            ("WRITER_ADMIN_LISTEN", "9180"),
            ("CODINGS", "br,lzw"),
            ("ALLOW_UNAUTHENTICATED_WRITES", "some"),
            ("DATABASE_URL", "mysql://writer:hunter2@database.example/db"),
            ("REDIS_URL", "hunter2"),
            ("SHUTDOWN_GRACE", "2h"),
        ],
    )
    .unwrap_err();
    assert_eq!(exit.code(), 64);
    let lines: Vec<&str> = exit.text().lines().collect();
    let begins = [
        "WRITER_LISTEN (--writer-listen): \"somewhere\" is not an address",
        "WRITER_ADMIN_LISTEN: \"9180\" is not an address",
        "CODINGS: \"br,lzw\" has an unknown member: \"lzw\" is no content coding",
        "ALLOW_UNAUTHENTICATED_WRITES: \"some\" is neither true nor false",
        "DATABASE_URL: the value (not shown) is not a URL that begins with postgres://",
        "WRITER_MIGRATE (--writer-migrate): \"perhaps\" is neither true nor false",
        "REDIS_URL: the value (not shown) is not a URL that begins with redis://",
        "SHUTDOWN_GRACE: \"2h\" is not from 0 to 1h",
    ];
    assert_eq!(lines.len(), begins.len(), "{exit}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
    assert!(!exit.text().contains("hunter2"), "{exit}");
}

#[test]
fn url_of_a_database_must_be_one_before_anything_starts() {
    for (rest, complaint) in [
        ("database.example:x/db", "invalid port number"),
        (
            "database.example/db?sslmode=some",
            "unknown value \"some\" for `ssl_mode`",
        ),
    ] {
        let url = format!("postgres://writer:hunter2@{rest}");
        let exit = read(&[], &[("DATABASE_URL", &url), REDIS]).unwrap_err();
        assert_eq!(exit.code(), 64);
        let begin = "DATABASE_URL: the value (not shown) is not a URL of PostgreSQL: ";
        assert_eq!(exit.text(), format!("{begin}{complaint}"));
    }
}

#[test]
fn writes_beyond_loopback_must_be_allowed_by_name() {
    const ALLOW: &str = "--allow-unauthenticated-writes";
    for (listen, flag, expected) in [
        ("127.0.0.1:0", None, true),
        ("127.9.9.9:0", None, true),
        ("[::1]:0", None, true),
        ("0.0.0.0:0", None, false),
        ("[::]:0", None, false),
        ("192.0.2.1:8080", None, false),
        ("0.0.0.0:0", Some(ALLOW), true),
        ("[::]:0", Some(ALLOW), true),
        (
            "0.0.0.0:0",
            Some("--allow-unauthenticated-writes=no"),
            false,
        ),
    ] {
        let arguments: Vec<&str> = flag.into_iter().collect();
        let read = read_with(&arguments, &[("WRITER_LISTEN", listen)]);
        assert_eq!(read.is_ok(), expected, "{listen} {flag:?}: {read:?}");
        if let Err(exit) = read {
            assert_eq!(exit.code(), 64);
            assert_eq!(exit.text().lines().count(), 1, "{exit}");
            assert!(exit.text().starts_with("WRITER_LISTEN: "), "{exit}");
            assert!(exit.text().contains(ALLOW), "{exit}");
        }
    }
    let tokens = ("WRITER_TOKENS_FILE", "/run/secrets/tokens");
    let beyond = ("WRITER_LISTEN", "0.0.0.0:0");
    let config = read_with(&[], &[tokens, beyond]).unwrap();
    assert_eq!(
        config.writer.tokens_file.as_deref(),
        Some(Path::new(tokens.1))
    );
    let both = read_with(&[ALLOW], &[tokens, beyond]).unwrap_err();
    assert!(both.text().starts_with("ALLOW_UNAUTH"), "{both}");
    // Nobody writes to the internal plane.
    let internal = [("WRITER_ADMIN_LISTEN", "0.0.0.0:0")];
    assert!(read_with(&[], &internal).is_ok());
}

#[test]
fn passwords_are_in_no_text() {
    let config = read_with(&[], &[]).unwrap();
    let debug = format!("{config:?} {config:#?}");
    assert!(debug.contains("database.example") && debug.contains("redis.example"));
    let shown = format!("{} {}", config.database_url, config.redis_url);
    let refused = read_with(&["--codings=lzw"], &[]).unwrap_err();
    for text in [debug, shown, refused.to_string()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}
