//! The suite `writes`: acknowledged writes per second through HTTP, against what PostgreSQL alone
//! does with the same statements.
//!
//! In reading order: [`servers`] are those it starts, [`scenario`] what is measured, [`posts`] the
//! load through HTTP and [`pgbench`] the baselines', [`family`] what processes use,
//! [`mod@measure`] the rounds, [`table`] what they come to.

mod family;
mod measure;
mod pgbench;
mod posts;
mod scenario;
mod servers;
mod table;

#[cfg(test)]
mod tests;

use service::process::BoxError;

use crate::{say, section::Section, suite::Bench};
use servers::Servers;

/// Starts the servers, measures all scenarios, and ends the servers.
///
/// # Errors
/// A server or `pgbench` is missing, does not start, or does not do what it should.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Section, BoxError> {
    let servers = Servers::start(bench).await?;
    let all = measure::all(&servers, bench).await?;
    let medians = table::medians(&all);
    say(&medians);
    let text = [
        method(bench),
        medians,
        table::goals(&all),
        "### Rounds".to_owned(),
        "Writes per second.".to_owned(),
        table::rounds(&all),
    ];
    Ok(Section {
        title: "Writes".to_owned(),
        text: text.join("\n\n"),
        chart: None,
    })
}

fn method(bench: &Bench<'_>) -> String {
    format!(
        "Everything shares all cores here: {connections} HTTP clients (wrk, a closed loop) write \
         posts of about 400 octets to one writer; PostgreSQL has `fsync`, `full_page_writes` and \
         `synchronous_commit` on and its own defaults for memory; Redis takes what is published. \
         The baselines write such rows into another database of the same server, empty at first, \
         with the very statements of the writer (BEGIN, the feed lock, its `apply.sql`, COMMIT; \
         `pgbench -M prepared`, and the writer's settings for planning): with {client_rows} or {pool} \
         connections that each write one row a transaction, and with one connection that writes \
         {client_rows} or {rows} rows a transaction, one transaction after the other, from arrays \
         that it made before: as many as {client_rows} clients can have waiting, and as many as a \
         batch may have. No HTTP, no JSON to check, nothing to render or publish, and ids are made in \
         the statement. pgbench's new sessions are given {uncounted} seconds before they are counted. \
         Processor time is the kernel's count, in which PostgreSQL's includes all its processes; \
         that of the baselines includes the seconds that are not counted.",
        connections = bench.config.connections,
        rows = scenario::ROWS,
        client_rows = scenario::CLIENT_ROWS,
        pool = scenario::POOL,
        uncounted = pgbench::UNCOUNTED_SECS,
    )
}
