//! Tests of what is read off and what it comes to. Nothing here measures anything.

mod budget;
mod suites;

use std::collections::BTreeMap;

use crate::{
    config::Config,
    decimal::{grouped, one_decimal, ratio, two_decimals},
    machine::{Machine, busy_percent, processor},
    processor::{parse_ended_children, parse_list, parse_schedstat},
    reads::{
        chart, comparison,
        measure::{Measured, Measurement},
        scenario::Role,
        summary::{median, summarise},
        wrk::{self, Seen},
    },
};

fn measurement(requests: u64, used_nanos: u64) -> Measurement {
    Measurement {
        seen: Seen {
            requests,
            bytes: requests * 700,
            duration_micros: 2_000_000,
            p50_micros: 500,
            p99_micros: 900,
            errors: 0,
        },
        used: vec![(Role::Reader, used_nanos)],
        client_nanos: 1_000_000_000,
    }
}

#[test]
fn processor_time_is_that_of_user_and_system() {
    let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 250 50 8 9 20 0 1 0 5 6 7";
    assert_eq!(parse_ended_children(stat), Some(17));
    assert_eq!(parse_ended_children("7 (a) S 1"), None);
    assert_eq!(parse_ended_children(""), None);
    assert_eq!(parse_schedstat("123456789 42 7\n"), Some(123_456_789));
    assert_eq!(parse_schedstat(""), None);
}

#[test]
fn lists_of_cores_have_ranges() {
    assert_eq!(parse_list("0-1\n"), [0, 1]);
    assert_eq!(parse_list("0,2-4,9"), [0, 2, 3, 4, 9]);
    assert_eq!(parse_list(""), [0; 0]);
}

#[test]
fn wrk_is_read_from_its_line_of_json() {
    let said = "Running 1s test\n{\"requests\":10,\"bytes\":70,\"duration_us\":1000000,\"p50_us\":7,\"p99_us\":9,\"errors\":1}\n";
    let expected = Seen {
        requests: 10,
        bytes: 70,
        duration_micros: 1_000_000,
        p50_micros: 7,
        p99_micros: 9,
        errors: 1,
    };
    assert_eq!(wrk::parse(said), Some(expected));
    assert_eq!(wrk::parse("unable to connect"), None);
}

#[test]
fn lines_are_medians_and_ratios_to_the_first() {
    let measured = |name, costs: [u64; 3]| Measured {
        name,
        rounds: costs
            .map(|micros| measurement(1000, micros * 1_000_000))
            .into(),
    };
    let lines = summarise(&[measured("a", [8, 90, 10]), measured("b", [20, 25, 5])]);
    assert_eq!(lines[0].requests_per_second, 500);
    assert_eq!(lines[0].cost_nanos, 10_000);
    assert_eq!(lines[0].busy, 5);
    assert_eq!((lines[0].client_busy, lines[0].answer_bytes), (500, 700));
    assert_eq!(lines[1].cost_nanos, 20_000);
    assert_eq!(lines[1].costs_nanos, [(Role::Reader, 20_000)]);
    assert_eq!((lines[0].cost_ratio, lines[1].cost_ratio), (1000, 2000));
    assert_eq!(lines[1].speed_ratio, 1000);
}

#[test]
fn a_median_is_the_middle_one() {
    assert_eq!(median(vec![3, 1, 2]), 2);
    assert_eq!(median(vec![4, 1]), 4);
    assert_eq!(median(vec![]), 0);
}

#[test]
fn numbers_are_rounded_and_grouped() {
    assert_eq!(one_decimal(7_649), "7.6");
    assert_eq!(one_decimal(7_650), "7.7");
    assert_eq!(two_decimals(1_995), "2.00");
    assert_eq!(two_decimals(34), "0.03");
    assert_eq!(grouped(0), "0");
    assert_eq!(grouped(999), "999");
    assert_eq!(grouped(1_234_567), "1,234,567");
    assert_eq!(ratio(3, 2), 1500);
    assert_eq!(ratio(3, 0), 0);
}

#[test]
fn the_first_processor_names_the_machine() {
    let cpuinfo = "processor\t: 0\nmodel name\t: A: fast one\nmodel name\t: another\n";
    assert_eq!(processor(cpuinfo), "A: fast one");
    assert_eq!(processor(""), "unknown");
}

#[test]
fn a_machine_with_other_work_is_not_quiet() {
    let is_quiet = |busy| {
        let machine = Machine {
            processor: String::new(),
            kernel: String::new(),
            busy,
            versions: Vec::new(),
        };
        machine.is_quiet()
    };
    assert!(is_quiet(5));
    assert!(!is_quiet(6));
}

#[test]
fn processors_are_busy_where_they_neither_idle_nor_wait_for_a_disk() {
    let before = "cpu  100 0 100 1000 50 0 0 0 7 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
    let after = "cpu  103 0 100 1191 55 0 0 1 9 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
    assert_eq!(busy_percent(before, after), Some(2));
    assert_eq!(busy_percent(before, before), None);
    assert_eq!(busy_percent("intr 1 2 3", after), None);
    assert_eq!(busy_percent("cpu  1 2 3", after), None);
}

#[test]
fn the_chart_draws_each_line_and_escapes_it() {
    let measured = Measured {
        name: "`a` <b>",
        rounds: vec![measurement(1000, 1_000_000)],
    };
    let svg = chart::draw(&summarise(&[measured]));
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains(">a &lt;b></text>"), "{svg}");
    assert_eq!(svg.matches("<rect").count(), 2);
    assert!(chart::draw(&[]).contains("</svg>"));
}

fn config(name: &str, value: &str) -> bool {
    let environment = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    Config::read(["loadtest"], &environment).is_ok()
}

#[test]
fn settings_have_limits() {
    for (name, good, bad) in [
        ("DURATION", ["1s", "60s"], ["999ms", "61s"]),
        ("DURATION", ["2000ms", "1m"], ["1500ms", "0"]),
        ("ROUNDS", ["1", "99"], ["0", "100"]),
        ("CONNECTIONS", ["1", "1024"], ["0", "1025"]),
        ("DOCUMENTS", ["1000", "5000000"], ["999", "5000001"]),
        ("ONLY", ["reads", " reads ,reads"], ["writes-", "reads,"]),
        ("RESULT_NAME", ["a-1_b.c", "x"], ["../x", ".x"]),
    ] {
        for value in good {
            assert!(config(name, value), "{name}={value}");
        }
        for value in bad {
            assert!(!config(name, value), "{name}={value}");
        }
    }
}

#[test]
fn lines_are_compared_by_name() {
    let measured = |name, micros: u64| Measured {
        name,
        rounds: vec![measurement(1000, micros * 1_000_000)],
    };
    let lines = summarise(&[
        measured("epoll floor", 10),
        measured("`/post`, one key", 11),
        measured("`/post`, 304", 9),
    ]);
    let aims = comparison::aims(&lines);
    assert!(aims.contains("| CPU against the epoll floor | 1.10 | at most 1.08 |"));
    assert!(aims.contains("| CPU of 304 against 200 | 0.82 |"));
    assert!(!aims.contains("hyper"), "what was not measured is not told");
    assert!(comparison::spared(&lines).contains("| `/post`, 304 | 700 | 700 | 0 % |"));
}
