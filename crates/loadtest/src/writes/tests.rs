use super::{
    family::{self, Stat},
    pgbench::{self, Seen},
};

#[test]
fn the_first_seconds_of_pgbench_are_not_counted() {
    let said = "progress: 1.0 s, 100.0 tps, lat 1.9 ms stddev 0.1, 0 failed
progress: 2.0 s, 150.0 tps, lat 1.9 ms stddev 0.1, 0 failed
progress: 3.0 s, 300.5 tps, lat 1.9 ms stddev 0.1, 0 failed
progress: 4.0 s, 200.5 tps, lat 1.9 ms stddev 0.1, 0 failed
number of transactions actually processed: 601
";
    let seen = Seen {
        transactions: 601,
        per_kilosecond: 250_500,
    };
    assert_eq!(pgbench::parse(said), Some(seen));
}

#[test]
fn pgbench_that_failed_or_ended_early_is_not_taken() {
    let one = "progress: 1.0 s, 100.0 tps, lat 1.9 ms\n";
    let end = "number of transactions actually processed: 100\n";
    let error = "pgbench: error: ERROR:  deadlock detected\n";
    for said in [
        format!("{one}{one}{end}"),
        format!("{one}{one}{one}"),
        format!("{one}{one}{one}{end}{error}"),
    ] {
        assert_eq!(pgbench::parse(&said), None, "{said}");
    }
}

#[test]
fn the_writers_statement_has_all_its_parameters_replaced() {
    let statement = pgbench::apply("(SELECT made)");
    assert!(!statement.contains('$'), "{statement}");
    assert!(!statement.contains("--"), "{statement}");
    assert!(statement.contains("unnest(:collections::text[], (SELECT made)::text[]"));
    assert!(statement.contains(":head::bigint"));
    assert!(statement.contains(":link::bigint"));
}

#[test]
fn a_process_tells_its_parent_and_its_ended_children() {
    let stat = "7 (a) b) S 3 1 1 0 -1 4194560 100 0 0 0 10 20 300 4000 20 0 1 0";
    let parsed = Stat {
        parent: 3,
        ticks: 30,
        ticks_with_ended: 4330,
    };
    assert_eq!(family::parse(stat), Some(parsed));
    assert_eq!(family::parse("7 (a"), None);
}
