//! The README's table, and the limits that it tells.

use std::{collections::BTreeMap, path::Path};

use service::config::{ConfigExit, Setting};

use super::{PROGRAMS, table};
use crate::command::Task;

/// Around the table in the README.
const MARKS: [&str; 2] = ["<!-- pressrun settings -->\n", "<!-- end -->\n"];

/// Set by `make settings`: the README gets the table instead of being held against it.
const REWRITE: &str = "PRESSRUN_REWRITE_SETTINGS";

#[test]
fn readme_has_the_table() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(&readme).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).unwrap();
    let (held, after) = rest.split_once(MARKS[1]).unwrap();
    if std::env::var_os(REWRITE).is_some() {
        let [begin, end] = MARKS;
        std::fs::write(&readme, [before, begin, &table(), end, after].concat()).unwrap();
        return;
    }
    assert_eq!(held, table(), "`make settings` writes it anew");
}

#[test]
fn each_setting_has_a_line_and_each_default_stands() {
    let table = table();
    for (_, program) in PROGRAMS {
        for setting in program.settings() {
            let begin = format!("| `{}` |", setting.env);
            assert_eq!(table.matches(&begin).count(), 1, "{begin}");
        }
    }
    let drain = "| `DRAIN_DELAY` | `--drain-delay` | `5s`; dev: `0` | all |";
    assert!(table.contains(drain), "{table}");
}

/// The help says `1 to 1024`: 1 and 1024 are taken, 0 and 1025 refused, by each program.
#[test]
fn limits_in_the_help_are_those_that_programs_have() {
    let mut checked = 0;
    for (name, program) in PROGRAMS {
        for setting in program.settings() {
            let Some(limits) = limits(setting) else {
                continue;
            };
            for (value, is_within) in limits {
                let taken = give(name, setting, &value);
                let variable = setting.env;
                match taken {
                    Ok(()) => assert!(is_within, "{name} takes {variable}={value}"),
                    Err(exit) => {
                        let own = exit.text().starts_with(variable);
                        assert!(own && !is_within, "{variable}={value}: {}", exit.text());
                    }
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} limits are read");
}

/// Values at the limits that the help tells, and one past them.
fn limits(setting: &Setting) -> Option<Vec<(String, bool)>> {
    let words: Vec<&str> = setting.help.split(' ').collect();
    let number = |word: &str| {
        let word = word.trim_end_matches([',', ';', '.']);
        let end = word.find(|letter: char| !letter.is_ascii_digit());
        let (digits, unit) = word.split_at(end.unwrap_or(word.len()));
        Some((digits.parse::<u64>().ok()?, unit.to_owned()))
    };
    let at = words
        .windows(3)
        .position(|three| three[1] == "to" && number(three[0]).is_some());
    if let Some((low, high)) = at.and_then(|at| Some((number(words[at])?, number(words[at + 2])?)))
    {
        // Of a text it is the length.
        let is_length = setting.help.contains("visible characters");
        let value = |number: u64, unit: &str| match usize::try_from(number) {
            Ok(length) if is_length => "x".repeat(length),
            _ => format!("{number}{unit}"),
        };
        let mut all = vec![
            (value(low.0, &low.1), true),
            (value(high.0, &high.1), true),
            (value(high.0 + 1, &high.1), false),
        ];
        // An empty text counts as none.
        if low.0 > 0 && !is_length {
            all.push((value(low.0 - 1, &low.1), false));
        }
        return Some(all);
    }
    let (more, _) = setting.help.split_once(" or more")?;
    let (low, unit) = number(more.split(' ').next_back()?)?;
    let under = format!("{}{unit}", low - 1);
    Some(vec![(format!("{low}{unit}"), true), (under, false)])
}

/// Gives a program this value, beside what it needs.
fn give(name: &str, setting: &Setting, value: &str) -> Result<(), ConfigExit> {
    let given = [
        ("DATABASE_URL", "postgres://h/d"),
        ("REDIS_URL", "redis://h"),
        (setting.env, value),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let given = BTreeMap::from(given);
    match name {
        "writer" => writer::config::Config::read([name], &given).map(drop),
        "reader" => reader::config::Config::read([name], &given).map(drop),
        _ => Task::read([name.into()], &given).map(drop),
    }
}
