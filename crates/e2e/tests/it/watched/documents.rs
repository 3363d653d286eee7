//! `deploy/METRICS.md`, `deploy/RUNBOOK.md`, rules and dashboards against each other and against
//! what is exported.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;
use testkit::process::find_program;

use super::{
    prometheus::INSTALL,
    queries::{DASHBOARDS, Query, alerts, dashboard, panels},
    stack::Stack,
};
use crate::files::{entries, path_of, text, yaml};

/// Of a metric: type, unit and labels.
type Kind = (String, String, BTreeSet<String>);

/// Add a line to the table for each metric that this names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_in_the_table_and_nothing_else() {
    let stack = Stack::start().await;
    for (section, node) in [("Reader", &stack.readers[0]), ("Writer", &stack.writers[0])] {
        let exported = exported(&stack.metrics(node).await);
        let documented = documented(section);
        let all: BTreeSet<&String> = exported.keys().chain(documented.keys()).collect();
        let wrong: Vec<String> = all
            .into_iter()
            .filter(|name| exported.get(*name) != documented.get(*name))
            .map(|name| {
                let (exported, documented) = (exported.get(name), documented.get(name));
                format!("{name}: exported {exported:?}, in the table {documented:?}")
            })
            .collect();
        assert_eq!(wrong, [""; 0], "deploy/METRICS.md, {section}");
    }
}

/// Reads the table of one section.
fn documented(section: &str) -> BTreeMap<String, Kind> {
    let file = text("deploy/METRICS.md");
    let (_, rest) = file
        .split_once(&format!("\n## {section}\n"))
        .expect("a section");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, unit, labels, meaning] = cells[..] else {
            panic!("five cells: {row}");
        };
        assert!(!meaning.is_empty(), "{row}");
        let labels = labels
            .split(',')
            .map(|label| label.trim().trim_matches('`'));
        let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned);
        let kind = (kind.to_owned(), unit.to_owned(), labels.collect());
        (name.trim_matches('`').to_owned(), kind)
    })
    .collect()
}

/// Reads `OpenMetrics` text.
fn exported(text: &str) -> BTreeMap<String, Kind> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|it| it.split_once(' '))
        else {
            continue;
        };
        let unit = match text.split_once(&format!("# UNIT {name} ")) {
            None => "1",
            Some((_, rest)) if rest.starts_with("seconds\n") => "s",
            Some((_, rest)) if rest.starts_with("bytes\n") => "B",
            Some((_, rest)) => panic!("{name} has a unit of no table: {:?}", rest.lines().next()),
        };
        let name = match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        };
        let labels = text.lines().flat_map(|line| labels_of(line, &name));
        let kind = (kind.to_owned(), unit.to_owned(), labels.collect());
        found.insert(name, kind);
    }
    assert!(found.len() > 10, "{text}");
    found
}

/// The labels of a sample of this metric. Those of a histogram's buckets belong to its type.
fn labels_of(line: &str, name: &str) -> Vec<String> {
    let Some(labels) = line
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('{'))
    else {
        return Vec::new();
    };
    let (labels, _value) = labels.split_once('}').expect("an end of the labels");
    let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(label, _value)| label.to_owned()).collect()
}

#[test]
fn every_alert_compares_with_a_number_and_has_a_runbook_entry_and_a_test_that_fires() {
    let runbook = text("deploy/RUNBOOK.md");
    let entries_of_runbook: BTreeSet<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(names.len(), alerts.len(), "no two bear a name");
    assert_eq!(names, entries_of_runbook);

    let tests = yaml("deploy/prometheus/rules_test.yml");
    let cases = || entries(&tests["tests"]).flat_map(|test| entries(&test["alert_rule_test"]));
    let fires = |case: &&Value| case["exp_alerts"].is_array();
    let named = |case: &'_ Value| case["alertname"].as_str().map(str::to_owned);
    let firing: BTreeSet<String> = cases().filter(fires).filter_map(named).collect();
    let silent: BTreeSet<String> = cases()
        .filter(|case| !fires(case))
        .filter_map(named)
        .collect();
    for alert in &alerts {
        let (_query, number) = alert.condition();
        assert!(number.is_finite());
        assert!(firing.contains(&alert.name), "{} never fires", alert.name);
        assert!(silent.contains(&alert.name), "{} always fires", alert.name);
    }
}

/// Of the outcomes of reads in the table, those that are answered 503.
#[test]
fn whoever_counts_failed_reads_counts_every_way_to_fail() {
    let table = text("deploy/METRICS.md");
    let reads = "| `pressrun_reads_requests_total` |";
    let row = table.lines().find(|line| line.starts_with(reads));
    let outcomes = row.expect("a row").split('`').collect::<Vec<_>>();
    let failures: BTreeSet<&str> = outcomes
        .windows(2)
        .filter(|pair| pair[1].starts_with(" 503"))
        .map(|pair| pair[0])
        .collect();
    assert!(failures.contains("not_ready"), "{failures:?}");

    let alert = alerts()
        .into_iter()
        .find(|alert| alert.name == "PressrunReadErrors");
    let (alert, _number) = alert.expect("an alert").condition();
    let shown = panels()
        .into_iter()
        .filter(|query| query.shown_by == "overview, Failing");
    let shown: Vec<Query> = shown
        .filter(|query| query.text.contains("reads_requests"))
        .collect();
    assert_eq!(shown.len(), 1);
    for query in shown.iter().chain([&alert]) {
        let (_, counted) = query.text.split_once("outcome=~\"").expect("outcomes");
        let counted = counted.split('"').next().unwrap_or_default();
        let counted: BTreeSet<&str> = counted.split('|').collect();
        assert_eq!(counted, failures, "{}", query.shown_by);
    }
}

#[test]
fn promtool_takes_the_configuration_and_the_rules_pass_their_tests() {
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "rules_test.yml"],
    ] {
        let promtool = find_program("promtool", &[], INSTALL);
        let output = Command::new(promtool)
            .args(arguments)
            .current_dir(path_of("deploy/prometheus"))
            .output()
            .expect("promtool runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}{complained}");
    }
}

#[test]
fn dashboards_are_found_by_uid_and_their_panels_lie_beside_each_other() {
    let mut uids = BTreeSet::new();
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        assert!(uids.insert(dashboard["uid"].as_str().map(str::to_owned)));
        let mut cells = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        for panel in entries(&dashboard["panels"]) {
            assert!(!panel["description"].as_str().unwrap_or_default().is_empty());
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}");
            let number = panel["id"].as_u64();
            assert!(
                number.is_some() && numbers.insert(number),
                "{name}: {}",
                panel["title"]
            );
            let at = |what: &str| panel["gridPos"][what].as_u64().expect("a number");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(x < 24 && cells.insert((x, y)), "{name}: {}", panel["title"]);
                }
            }
        }
    }
    let files = std::fs::read_dir(path_of("deploy/grafana/dashboards")).expect("dashboards");
    assert_eq!(files.count(), DASHBOARDS.len(), "no dashboard is left out");
}
