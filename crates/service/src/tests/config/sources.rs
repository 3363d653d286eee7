use std::{
    collections::HashMap, ffi::OsString, net::SocketAddr, os::unix::ffi::OsStringExt,
    time::Duration,
};

use super::{PROGRAM, environment};
use crate::config::{
    ConfigExit, Environment, Process, Program, Settings, process, process::LogFormat, values,
};

const HOUR: Duration = Duration::from_hours(1);

fn drain(arguments: &[&str], variables: &[(&str, &str)]) -> Duration {
    let arguments = ["reader"].iter().chain(arguments).copied();
    let mut settings = Settings::gather(&PROGRAM, arguments, &environment(variables)).unwrap();
    let drain = settings.duration("DRAIN", Duration::ZERO..=HOUR);
    settings.finish(|| drain).unwrap()
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_default() {
    assert_eq!(drain(&[], &[]), Duration::from_secs(5));
    assert_eq!(drain(&[], &[("DRAIN", "6s")]), Duration::from_secs(6));
    assert_eq!(
        drain(&["--drain", "7s"], &[("DRAIN", "6s")]),
        Duration::from_secs(7)
    );
    assert_eq!(
        drain(&["--drain=7s"], &[("DRAIN", "6s")]),
        Duration::from_secs(7)
    );
}

#[test]
fn an_empty_value_counts_as_none() {
    assert_eq!(drain(&[], &[("DRAIN", "")]), Duration::from_secs(5));
    assert_eq!(
        drain(&["--drain", ""], &[("DRAIN", "6s")]),
        Duration::from_secs(6)
    );
}

#[test]
fn a_switch_needs_no_value() {
    let yardsticks = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments = ["reader"].iter().chain(arguments).copied();
        let mut settings = Settings::gather(&PROGRAM, arguments, &environment(variables)).unwrap();
        let on = settings.switch("YARDSTICKS");
        settings.finish(|| on).unwrap()
    };
    assert!(!yardsticks(&[], &[]));
    assert!(yardsticks(&["--yardsticks"], &[]));
    assert!(yardsticks(&[], &[("YARDSTICKS", "1")]));
    assert!(!yardsticks(&["--yardsticks=false"], &[("YARDSTICKS", "1")]));
}

#[test]
fn every_problem_is_reported_at_once() {
    let variables = environment(&[
        ("READER_LISTEN", "foo"),
        ("THREADS", "65"),
        ("DATABASE_URL", "mysql://me:hunter2@db/x"),
    ]);
    let mut settings = Settings::gather(&PROGRAM, ["reader", "--drain", "2h"], &variables).unwrap();
    let listen: Result<SocketAddr, _> = settings.address("READER_LISTEN");
    let drain = settings.duration("DRAIN", Duration::ZERO..=HOUR);
    let threads = settings.count("THREADS", 1..=64);
    let url = settings.url("DATABASE_URL", &["postgres", "postgresql"]);
    let last = settings.text("LAST");
    let exit = settings
        .finish(|| Ok((listen?, drain?, threads?, url?, last?)))
        .unwrap_err();
    assert_eq!(exit.code(), 64);
    let expected = [
        r#"READER_LISTEN: "foo" is not an address and port, such as 127.0.0.1:8080"#,
        r#"DRAIN (--drain): "2h" is not from 0 to 1h"#,
        r#"THREADS: "65" is not a whole number from 1 to 64"#,
        "DATABASE_URL: the value (not shown) is not a URL that begins with postgres:// or postgresql://",
        "LAST: is not set, and has no default",
    ];
    assert_eq!(exit.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_contradiction_is_a_problem_like_any_other() {
    let mut settings = Settings::gather(&PROGRAM, ["reader"], &environment(&[])).unwrap();
    settings.reject("LAST", "is needed unless YARDSTICKS is on");
    // Even where the configuration could be built.
    let exit = settings.finish(|| Ok(())).unwrap_err();
    assert_eq!(exit.text(), "LAST: is needed unless YARDSTICKS is on");
}

#[test]
fn what_was_given_can_be_told_from_a_default() {
    let settings = Settings::gather(
        &PROGRAM,
        ["reader", "--drain", "1s"],
        &environment(&[("THREADS", "2")]),
    )
    .unwrap();
    let given: Vec<bool> = ["DRAIN", "THREADS", "READER_LISTEN", "NONSENSE"]
        .iter()
        .map(|name| settings.is_given(name))
        .collect();
    assert_eq!(given, [true, true, false, false]);
}

#[test]
fn a_setting_outside_the_tables_is_a_problem_not_a_panic() {
    let mut settings = Settings::gather(&PROGRAM, ["reader"], &environment(&[])).unwrap();
    let value = settings.text("NONSENSE");
    let exit = settings.finish(|| value).unwrap_err();
    assert!(
        exit.text().starts_with("NONSENSE: is in no settings table"),
        "{exit}"
    );
}

#[test]
fn a_value_that_is_not_utf_8_is_refused() {
    struct Odd;
    impl Environment for Odd {
        fn variable(&self, name: &str) -> Option<OsString> {
            (name == "LAST").then(|| OsString::from_vec(vec![0x66, 0xff]))
        }
    }
    let mut settings = Settings::gather(&PROGRAM, ["reader"], &Odd).unwrap();
    let value = settings.optional("LAST", values::text);
    let exit = settings.finish(|| value).unwrap_err();
    assert_eq!(exit.text(), "LAST: \"f\u{fffd}\" is not UTF-8");
}

fn read(variables: &HashMap<String, String>) -> Result<Process, ConfigExit> {
    const PROCESS: Program = Program {
        name: "any",
        version: "0",
        about: "Any",
        tables: &[process::SETTINGS],
    };
    let mut settings = Settings::gather(&PROCESS, ["any"], variables).unwrap();
    let process = Process::read(&mut settings);
    settings.finish(|| process)
}

#[test]
fn the_settings_of_every_process_have_defaults() {
    let process = read(&environment(&[])).unwrap();
    assert_eq!(process.drain_delay, Duration::from_secs(5));
    assert_eq!(process.shutdown_grace, Duration::from_secs(10));
    assert_eq!(process.log_format, LogFormat::Text);
    assert_eq!(process.otlp_endpoint, None);
    assert!((process.trace_ratio - 0.001).abs() < f64::EPSILON);

    let bad = environment(&[
        ("LOG_FORMAT", "xml"),
        ("SHUTDOWN_GRACE", "3601s"),
        ("DRAIN_DELAY", "5"),
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.01"),
    ]);
    assert_eq!(read(&bad).unwrap_err().text().lines().count(), 5);
    let limit = environment(&[("SHUTDOWN_GRACE", "3600s"), ("DRAIN_DELAY", "0")]);
    assert_eq!(read(&limit).unwrap().shutdown_grace, HOUR);
}

#[test]
fn a_sampler_says_how_many_requests_are_traced() {
    for (sampler, argument, expected) in [
        ("", "0.25", Some(0.25)),
        ("parentbased_traceidratio", "0", Some(0.0)),
        ("parentbased_traceidratio", "1", Some(1.0)),
        ("parentbased_traceidratio", "-0.1", None),
        ("parentbased_traceidratio", "NaN", None),
        ("parentbased_traceidratio", "few", None),
        ("parentbased_always_on", "0.25", Some(1.0)),
        ("parentbased_always_off", "", Some(0.0)),
    ] {
        let variables = environment(&[
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ]);
        let ratio = read(&variables).map(|process| process.trace_ratio);
        assert_eq!(ratio.ok(), expected, "{sampler} {argument}");
    }
}
