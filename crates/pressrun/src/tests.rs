//! What `pressrun` is told.

use std::{collections::HashMap, ffi::OsString, path::Path, time::Duration};

use service::config::ConfigExit;

use crate::config::Config;

fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigExit> {
    let environment: HashMap<String, String> = variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let arguments = ["pressrun"].iter().chain(arguments).map(OsString::from);
    Config::read(arguments, &environment)
}

#[test]
fn nothing_must_be_told() {
    let config = read(&[], &[]).unwrap();
    assert_eq!(config.data_dir, Path::new("./pressrun-data"));
    assert_eq!(config.writer.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.writer.admin_listen.to_string(), "127.0.0.1:9180");
    assert_eq!(config.reader.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.reader.admin_listen.to_string(), "127.0.0.1:9181");
    // Apart from its parts: no gateway has to notice that it ends.
    assert_eq!(config.process.drain_delay, Duration::ZERO);
    assert_eq!(config.process.shutdown_grace, Duration::from_secs(10));
}

#[test]
fn dev_is_the_command_where_none_is_given() {
    let flags = [
        "--data-dir=elsewhere",
        "--writer-listen=127.0.0.1:1",
        "--reader-listen=0.0.0.0:2",
        "--reader-id=one",
        "--drain-delay=3s",
    ];
    let alone = read(&flags, &[]).unwrap();
    let dev = read(&[&["dev"], &flags[..]].concat(), &[]).unwrap();
    assert_eq!(format!("{alone:?}"), format!("{dev:?}"));
    assert_eq!(dev.data_dir, Path::new("elsewhere"));
    assert_eq!(dev.writer.listen.to_string(), "127.0.0.1:1");
    assert_eq!(dev.reader.listen.to_string(), "0.0.0.0:2");
    assert_eq!(dev.process.drain_delay, Duration::from_secs(3));
}

#[test]
fn it_honours_the_names_of_writer_and_reader() {
    let variables = [
        ("DATA_DIR", "/var/lib/pressrun"),
        ("WRITER_LISTEN", "[::1]:1"),
        ("READER_ADMIN_LISTEN", "127.0.0.1:2"),
        ("CODINGS", "gzip"),
        ("DRAIN_DELAY", "250ms"),
    ];
    let config = read(&[], &variables).unwrap();
    assert_eq!(config.data_dir, Path::new("/var/lib/pressrun"));
    assert_eq!(config.writer.listen.to_string(), "[::1]:1");
    assert_eq!(config.reader.admin_listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.writer.codings.to_string(), "gzip");
    assert_eq!(config.process.drain_delay, Duration::from_millis(250));
}

#[test]
fn every_problem_of_both_parts_is_reported_at_once() {
    for command in [&[][..], &["dev"]] {
        let flags = [
            command,
            &["--writer-listen=0.0.0.0:8080", "--reader-threads=0"],
        ]
        .concat();
        let exit = read(&flags, &[("LOG_FORMAT", "xml")]).unwrap_err();
        assert_eq!(exit.code(), 64);
        let names = ["WRITER_LISTEN", "READER_THREADS", "LOG_FORMAT"];
        let lines: Vec<&str> = exit.text().lines().collect();
        assert_eq!(lines.len(), names.len(), "{exit}");
        for (line, name) in lines.iter().zip(names) {
            assert!(line.starts_with(name), "{line}");
        }
    }
}

#[test]
fn unknown_words_and_flags_are_refused() {
    for arguments in [
        &["prod"][..],
        &["dev", "dev"],
        &["--data-dir"],
        &["--redis-url=redis://x"],
    ] {
        let exit = read(arguments, &[]).unwrap_err();
        assert_eq!(exit.code(), 64, "{arguments:?}: {exit}");
    }
}

#[test]
fn help_names_the_command_and_every_setting() {
    for arguments in [&["--help"][..], &["dev", "--help"]] {
        let exit = read(arguments, &[]).unwrap_err();
        assert_eq!(exit.code(), 0);
        for part in ["pressrun dev", "--data-dir", "--reader-listen", "--codings"] {
            assert!(exit.text().contains(part), "{part} is not in {exit}");
        }
    }
}
