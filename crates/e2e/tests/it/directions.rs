//! Which crate may depend on which, and who may know what: read from `cargo metadata`.
//!
//! A new line in these tables is a change of its own, argued where it is made.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

/// Crates of this workspace, and those of it that each may be built from. Tests may use
/// `testkit` besides; only `e2e` tests may use everything.
const WORKSPACE: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("telemetry", &[]),
    ("service", &["shared", "telemetry"]),
    ("bus", &["shared"]),
    ("testkit", &["shared"]),
    ("writer", &["shared", "bus", "service", "telemetry"]),
    ("reader", &["shared", "bus", "service", "telemetry"]),
    // The real parts of both sides, in one deterministic world.
    ("simulate", &["shared", "bus", "writer", "reader"]),
    // What must hold of any octets, whichever side they come to.
    ("properties", &["shared", "service", "writer", "reader"]),
    (
        "pressrun",
        &[
            "shared",
            "bus",
            "service",
            "telemetry",
            "writer",
            "reader",
            "simulate",
        ],
    ),
    // Whole-system tests and chaos start processes by it.
    ("fleet", &["testkit"]),
    ("e2e", &[]),
    // Programs for developers. The load test starts its servers as tests do, fills a bus with more
    // documents than a writer would commit in the time, and drives what a reader is made of.
    (
        "loadtest",
        &["shared", "bus", "service", "reader", "testkit"],
    ),
    ("chaos", &["shared", "testkit", "fleet"]),
    // Measured against: the reader's own catalog and answers behind other people's frameworks.
    ("baselines", &["bus", "reader"]),
];

/// Packages that only some crates may know. A name that ends in `*` stands for all that begin so.
const CONFINED: &[(&str, &[&str])] = &[
    ("sqlx*", &["writer", "testkit", "fleet", "chaos", "e2e"]),
    ("redis*", &["bus", "testkit"]),
    ("quick_cache", &["reader"]),
    ("async-compression", &["writer"]),
    // A test stands for the collector.
    ("opentelemetry*", &["telemetry", "e2e"]),
    ("tracing-opentelemetry", &[]),
];

/// All that the wire is built from: no runtime, no HTTP, no client of anything.
const WIRE: &[&str] = &["blake3", "bytes", "thiserror", "xxhash-rust"];

/// One line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dependency {
    from: String,
    to: String,
    is_for_tests: bool,
}

fn dependencies(metadata: &Value) -> (BTreeSet<String>, Vec<Dependency>) {
    let mut crates = BTreeSet::new();
    let mut all = Vec::new();
    let members = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    for package in members(&metadata["packages"]) {
        let from = text(&package["name"]);
        crates.insert(from.clone());
        for dependency in members(&package["dependencies"]) {
            all.push(Dependency {
                from: from.clone(),
                to: text(&dependency["name"]),
                is_for_tests: dependency["kind"] == "dev",
            });
        }
    }
    (crates, all)
}

/// What is wrong with a workspace, one sentence each.
fn violations(metadata: &Value) -> Vec<String> {
    let (crates, all) = dependencies(metadata);
    let unlisted = crates
        .iter()
        .filter(|name| WORKSPACE.iter().all(|(known, _)| known != name))
        .map(|name| format!("{name} is not listed"));
    let broken = all
        .iter()
        .filter(|one| !is_allowed(one, &crates))
        .map(|one| format!("{} must not depend on {}", one.from, one.to));
    unlisted.chain(broken).collect()
}

fn is_allowed(dependency: &Dependency, crates: &BTreeSet<String>) -> bool {
    let Dependency {
        from,
        to,
        is_for_tests,
    } = dependency;
    let (from, to) = (from.as_str(), to.as_str());
    if crates.contains(to) {
        let below = WORKSPACE.iter().find(|(name, _)| *name == from);
        return below.is_some_and(|(_, below)| below.contains(&to))
            || (*is_for_tests && (from == "e2e" || (to == "testkit" && from != "shared")));
    }
    if from == "shared" && !is_for_tests {
        return WIRE.contains(&to);
    }
    let confined = CONFINED
        .iter()
        .find(|(name, _)| match name.strip_suffix('*') {
            Some(start) => to.starts_with(start),
            None => *name == to,
        });
    confined.is_none_or(|(_, who)| who.contains(&from))
}

#[test]
fn dependencies_point_the_right_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--manifest-path",
        ])
        .arg(root)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let metadata = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(violations(&metadata), [""; 0]);
    let (crates, _) = dependencies(&metadata);
    assert_eq!(crates.len(), WORKSPACE.len(), "a crate is listed but gone");
}

/// A workspace of every listed crate, and these dependencies.
fn workspace(dependencies: &[(&str, &str, Option<&str>)]) -> Value {
    let packages: Vec<Value> = WORKSPACE
        .iter()
        .map(|(name, _)| {
            let own: Vec<Value> = dependencies
                .iter()
                .filter(|(from, ..)| from == name)
                .map(|(_, to, kind)| serde_json::json!({ "name": to, "kind": kind }))
                .collect();
            serde_json::json!({ "name": name, "dependencies": own })
        })
        .collect();
    serde_json::json!({ "packages": packages })
}

#[test]
fn a_broken_direction_is_noticed() {
    const DEV: Option<&str> = Some("dev");
    for (from, to, kind) in [
        ("shared", "tokio", None),
        ("shared", "serde", None),
        ("shared", "bus", None),
        ("shared", "testkit", DEV),
        ("bus", "writer", None),
        ("bus", "service", None),
        ("telemetry", "service", None),
        ("writer", "reader", None),
        ("writer", "reader", DEV),
        ("reader", "writer", None),
        ("reader", "writer", DEV),
        ("reader", "testkit", None),
        ("reader", "testkit", Some("build")),
        ("reader", "sqlx", None),
        ("reader", "sqlx", DEV),
        ("reader", "redis", None),
        ("writer", "redis", None),
        ("writer", "quick_cache", None),
        ("reader", "async-compression", DEV),
        ("service", "opentelemetry", None),
        ("service", "opentelemetry_sdk", None),
        ("reader", "tracing-opentelemetry", None),
        ("writer", "pressrun", None),
        ("e2e", "writer", None),
    ] {
        let found = violations(&workspace(&[(from, to, kind)]));
        assert_eq!(
            found,
            [format!("{from} must not depend on {to}")],
            "{kind:?}"
        );
    }
}

#[test]
fn what_is_agreed_is_allowed() {
    const DEV: Option<&str> = Some("dev");
    let agreed = workspace(&[
        ("shared", "bytes", None),
        ("shared", "proptest", DEV),
        ("bus", "shared", None),
        ("bus", "redis", None),
        ("bus", "testkit", DEV),
        ("writer", "sqlx", None),
        ("writer", "tokio", None),
        ("reader", "quick_cache", None),
        ("pressrun", "reader", None),
        ("e2e", "writer", DEV),
        ("e2e", "sqlx", DEV),
    ]);
    assert_eq!(violations(&agreed), [""; 0]);
}

#[test]
fn a_new_crate_must_be_listed() {
    let mut metadata = workspace(&[]);
    let stray = serde_json::json!({ "name": "utils", "dependencies": [] });
    metadata["packages"].as_array_mut().unwrap().push(stray);
    assert_eq!(violations(&metadata), ["utils is not listed"]);
}
