//! What a reader is told.

use std::{collections::HashMap, time::Duration};

use service::config::ConfigExit;

use crate::config::Config;

fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigExit> {
    let environment: HashMap<String, String> = variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Config::read(["reader"].iter().chain(arguments), &environment)
}

const REDIS: (&str, &str) = ("REDIS_URL", "redis://:hunter2@redis.example:6379/1");

#[test]
fn only_the_bus_must_be_named() {
    let config = read(&[], &[REDIS]).unwrap();
    assert_eq!(config.reader.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.reader.admin_listen.to_string(), "127.0.0.1:9181");
    assert_eq!(config.reader.cache_control, "no-cache");
    let cores = std::thread::available_parallelism().unwrap();
    assert_eq!(config.reader.threads, cores);
    assert_eq!(config.reader.catalog_bytes_max, None);
    assert_eq!(config.reader.catalog_fetches_max, 5000);
    assert_eq!(config.redis_url.expose(), REDIS.1);
    assert_eq!(config.process.drain_delay, Duration::from_secs(5));
    assert_eq!(config.process.shutdown_grace, Duration::from_secs(10));
}

#[test]
fn readers_without_an_id_get_different_ones() {
    let id = || read(&[], &[REDIS]).unwrap().reader.id;
    let (one, other) = (id(), id());
    assert_eq!(one.len(), "reader-".len() + 8);
    assert!(one.starts_with("reader-"), "{one}");
    assert_ne!(one, other);
}

#[test]
fn every_setting_is_a_variable_and_a_flag_and_the_flag_wins() {
    let variables = [
        REDIS,
        ("READER_LISTEN", "0.0.0.0:1"),
        ("READER_ADMIN_LISTEN", "[::1]:2"),
        ("READER_THREADS", "3"),
        ("READER_CACHE_CONTROL", "public, max-age=1"),
        ("READER_ID", "blue-1"),
    ];
    let config = read(&[], &variables).unwrap();
    assert_eq!(config.reader.listen.to_string(), "0.0.0.0:1");
    assert_eq!(config.reader.admin_listen.to_string(), "[::1]:2");
    assert_eq!(config.reader.threads.get(), 3);
    assert_eq!(config.reader.cache_control, "public, max-age=1");
    assert_eq!(config.reader.id, "blue-1");

    let flags = [
        "--reader-listen=127.0.0.1:9",
        "--reader-admin-listen=127.0.0.1:8",
        "--reader-threads=1024",
        "--reader-cache-control=no-store",
        "--reader-id=green-1",
        "--redis-url=redis://other",
    ];
    let config = read(&flags, &variables).unwrap();
    assert_eq!(config.reader.listen.to_string(), "127.0.0.1:9");
    assert_eq!(config.reader.admin_listen.to_string(), "127.0.0.1:8");
    assert_eq!(config.reader.threads.get(), 1024);
    assert_eq!(config.reader.cache_control, "no-store");
    assert_eq!(config.reader.id, "green-1");
    assert_eq!(config.redis_url.expose(), "redis://other");
}

#[test]
fn every_problem_is_reported_at_once_one_line_each() {
    let exit = read(
        &["--reader-listen=somewhere"],
        &[
            ("READER_ADMIN_LISTEN", "9181"),
            ("READER_THREADS", "0"),
            ("READER_CACHE_CONTROL", "no\ncache"),
            ("READER_ID", "two words"),
            ("REDIS_URL", "http://:hunter2@redis.example"),
            ("DRAIN_DELAY", "5"),
            ("LOG_FORMAT", "xml"),
        ],
    )
    .unwrap_err();
    assert_eq!(exit.code(), 64);
    let lines: Vec<&str> = exit.text().lines().collect();
    let begins = [
        "READER_LISTEN (--reader-listen): \"somewhere\" is not an address",
        "READER_ADMIN_LISTEN: \"9181\" is not an address",
        "READER_THREADS: \"0\" is not a whole number from 1 to 1024",
        "READER_CACHE_CONTROL: \"no\\ncache\" is not the value of a header field",
        "READER_ID: \"two words\" is not 1 to 64 visible ASCII characters",
        "REDIS_URL: the value (not shown) is not a URL that begins with redis://",
        "DRAIN_DELAY: \"5\" is not a duration",
        "LOG_FORMAT: \"xml\" is not one of: text, json",
    ];
    assert_eq!(lines.len(), begins.len(), "{exit}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
}

#[test]
fn redis_by_its_sentinels_or_as_a_cluster_is_told_whole_or_refused() {
    for (url, expected) in [
        ("redis+sentinel://one,two:1/mymaster", Ok(())),
        ("rediss+cluster://:p@one,two", Ok(())),
        ("redis+sentinel://one,two", Err("does not name a service")),
        (
            "redis+cluster://one/1",
            Err("has something behind its hosts"),
        ),
        ("redis://one/x", Err("is not a URL of Redis")),
    ] {
        let read = read(&[], &[("REDIS_URL", url)]);
        match (read, expected) {
            (Ok(config), Ok(())) => assert_eq!(config.redis_url.expose(), url),
            (Err(exit), Err(complaint)) => {
                let begin = format!("REDIS_URL: the value (not shown) {complaint}");
                assert!(exit.text().starts_with(&begin), "{exit}");
            }
            (read, _) => panic!("{url}: {read:?}"),
        }
    }
}

#[test]
fn limits_hold_at_the_limit_and_not_one_past_it() {
    let longest = "x".repeat(64);
    for (name, value, expected) in [
        ("READER_THREADS", "1", true),
        ("READER_THREADS", "1024", true),
        ("READER_THREADS", "1025", false),
        ("CATALOG_BYTES_MAX", "8MiB", true),
        ("CATALOG_BYTES_MAX", "8388607B", false),
        ("CATALOG_BYTES_MAX", "1024TiB", true),
        ("CATALOG_BYTES_MAX", "1025TiB", false),
        ("CATALOG_FETCHES_MAX", "1", true),
        ("CATALOG_FETCHES_MAX", "0", false),
        ("CATALOG_FETCHES_MAX", "1000000", true),
        ("CATALOG_FETCHES_MAX", "1000001", false),
        ("READER_ID", longest.as_str(), true),
        ("READER_ID", &format!("{longest}x"), false),
        ("READER_ID", "é", false),
    ] {
        let read = read(&[], &[REDIS, (name, value)]);
        assert_eq!(read.is_ok(), expected, "{name}={value}: {read:?}");
    }
}

#[test]
fn a_reader_without_a_bus_is_refused() {
    let exit = read(&[], &[]).unwrap_err();
    assert_eq!(exit.code(), 64);
    assert_eq!(exit.text(), "REDIS_URL: is not set, and has no default");
}

#[test]
fn passwords_are_in_no_text() {
    let config = read(&[], &[REDIS]).unwrap();
    let texts = [
        format!("{config:?}"),
        format!("{config:#?}"),
        config.redis_url.to_string(),
        read(&[], &[("REDIS_URL", "hunter2")])
            .unwrap_err()
            .to_string(),
        read(&["--redis-url=hunter2"], &[]).unwrap_err().to_string(),
        read(&["--reader-threads=0"], &[REDIS])
            .unwrap_err()
            .to_string(),
    ];
    for text in texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(format!("{config:?}").contains("redis.example"));
}
