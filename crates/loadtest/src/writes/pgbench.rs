//! The baselines' load: pgbench with the writer's own statements.

use std::{fs, path::Path, process::Command};

use service::process::BoxError;

use crate::stand::find;

/// What the writer runs under the feed lock, so that the baseline cannot fall behind it.
const APPLY: &str = include_str!("../../../writer/src/store/postgres/commit/apply.sql");

/// As the writer takes the lock.
const LOCK: &str = "SELECT head, link,
    system_identifier = (SELECT system_identifier FROM pg_control_system())
        AND timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
        AS is_at_home,
    current_setting('synchronous_commit') AS synchronous_commit
FROM feed FOR UPDATE \\gset";

/// As the writer's connections for batches.
const PLANNING: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off";

/// What APPLY's parameters are here. The ids are made in the statement, new ones each time; the
/// others are made once in each session.
const ARGUMENTS: [(&str, &str); 8] = [
    ("$1", ":collections"),
    ("$2", ":ids"),
    ("$3", ":bodies"),
    ("$4", ":expiries"),
    ("$5", ":preconditions"),
    ("$6", ":links"),
    ("$7", ":head"),
    ("$8", ":link"),
];

/// Seconds of a run that are not counted: sessions are new, and make their plans.
pub(crate) const UNCOUNTED_SECS: u64 = 2;

/// What pgbench is told.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// The beginning of the command that pins it.
    pub(crate) pin: &'a [String],
    /// Made by [`script`].
    pub(crate) script: &'a Path,
    pub(crate) database: &'a str,
    pub(crate) connections: u64,
    /// How long it is counted.
    pub(crate) duration_secs: u64,
}

/// What pgbench saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// In the whole run.
    pub(crate) transactions: u64,
    /// In a thousand seconds, in the counted time.
    pub(crate) per_kilosecond: u64,
}

/// Writes the script for transactions of this many rows.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn script(path: &Path, rows: u64) -> Result<(), BoxError> {
    let prepare = format!(
        "\\if :is_prepared = 0
SELECT array_agg('posts'::text) AS collections,
    array_agg(json_build_object('id', 'post-000000-000000', 'title', 'Post ' || n, 'content',
        repeat('Printed once, read everywhere. ', 10), 'author', 'Ada')::text) AS bodies,
    array_fill(NULL::bigint, ARRAY[{rows}]) AS expiries,
    array_fill(NULL::bigint, ARRAY[{rows}]) AS preconditions,
    array_agg((random() * 1e18)::bigint + 1) AS links
FROM generate_series(1, {rows}) n \\gset
\\set is_prepared 1
\\endif"
    );
    let ids = format!(
        "(SELECT array_agg('post-' || :client_id::text || '-' || x)
        FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000 + n AS x
            FROM generate_series(1, {rows}) n) made)"
    );
    let statements = [
        prepare,
        "BEGIN;".to_owned(),
        LOCK.to_owned(),
        apply(&ids),
        "COMMIT;".to_owned(),
    ];
    fs::write(path, statements.join("\n") + "\n")?;
    Ok(())
}

/// The writer's statement in pgbench's words.
pub(crate) fn apply(ids: &str) -> String {
    let lines = APPLY
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    let mut statement = lines.collect::<Vec<_>>().join("\n");
    for (parameter, argument) in ARGUMENTS {
        let argument = if argument == ":ids" { ids } else { argument };
        statement = statement.replace(parameter, argument);
    }
    statement + ";"
}

/// Runs pgbench to its end.
///
/// # Errors
/// It is not installed, fails, or says nothing that can be read.
pub(crate) fn run(run: &Run<'_>) -> Result<Seen, BoxError> {
    let pgbench = find("pgbench").ok_or("pgbench is not installed: apt-get install postgresql")?;
    let output = Command::new(&run.pin[0])
        .args(&run.pin[1..])
        .arg(pgbench)
        .env("PGOPTIONS", PLANNING)
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--progress=1",
            "--jobs=1",
        ])
        .args(["--define", "is_prepared=0"])
        .args(["--client", &run.connections.to_string()])
        .args(["--time", &(run.duration_secs + UNCOUNTED_SECS).to_string()])
        .arg("--file")
        .arg(run.script)
        .arg(run.database)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    parse(&said).ok_or_else(|| format!("pgbench said: {said}").into())
}

/// `progress: 2.0 s, 2500.9 tps, ..` each second, and how many there were in the end. Nothing where
/// one failed.
pub(crate) fn parse(said: &str) -> Option<Seen> {
    if said.contains("ERROR") {
        return None;
    }
    let rates: Vec<u64> = said.lines().filter_map(parse_progress).collect();
    let counted = rates.get(usize::try_from(UNCOUNTED_SECS).ok()?..)?;
    let seconds = u64::try_from(counted.len())
        .ok()
        .filter(|&seconds| seconds > 0)?;
    let transactions = said
        .lines()
        .find_map(|line| line.strip_prefix("number of transactions actually processed: "))?;
    Some(Seen {
        transactions: transactions.trim().parse().ok()?,
        per_kilosecond: counted.iter().sum::<u64>() / seconds,
    })
}

/// Transactions in a thousand seconds.
fn parse_progress(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
    let (rate, _) = rest.split_once(" tps")?;
    let (whole, part) = rate.split_once('.').unwrap_or((rate, ""));
    let thousandths = format!("{part:0<3}");
    Some(whole.parse::<u64>().ok()? * 1000 + thousandths.get(..3)?.parse::<u64>().ok()?)
}
