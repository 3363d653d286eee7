use super::{PROGRAM, environment};
use crate::config::{ConfigExit, Settings};

fn exit(arguments: &[&str]) -> ConfigExit {
    let arguments = ["reader"].iter().chain(arguments).copied();
    Settings::gather(&PROGRAM, arguments, &environment(&[])).unwrap_err()
}

#[test]
fn unknown_repeated_and_incomplete_flags_end_with_64() {
    for arguments in [
        &["--reader-lisen", "x"][..],
        &["--drain", "1s", "--drain", "2s"],
        &["--drain"],
        &["stray"],
    ] {
        let exit = exit(arguments);
        assert_eq!(exit.code(), 64, "{arguments:?}: {exit}");
        assert!(exit.text().starts_with("error: "), "{arguments:?}: {exit}");
    }
}

#[test]
fn help_lists_every_flag_its_variable_and_its_default() {
    let help = exit(&["--help"]);
    assert_eq!(help.code(), 0);
    for part in [
        "--reader-listen <VALUE>",
        "[env: READER_LISTEN] [default: 127.0.0.1:8081]",
        "--yardsticks",
        "--database-url",
        "How long to drain; 0 to 1h [env: DRAIN] [default: 5s]",
    ] {
        assert!(help.text().contains(part), "{part} is not in:\n{help}");
    }
    assert!(!help.text().contains("Other words"), "{help}");
}

#[test]
fn version_is_not_an_error() {
    let version = exit(&["--version"]);
    assert_eq!((version.code(), version.text()), (0, "reader 1.2.3\n"));
}
