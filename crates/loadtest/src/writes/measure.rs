//! The measurements: all scenarios once in each round, so that what slows the machine for a while
//! meets all of them.

use service::process::BoxError;

use super::{
    family,
    pgbench::{self, Run},
    posts,
    scenario::{self, Load, Scenario},
    servers::Servers,
};
use crate::{say, suite::Bench};

/// How long each scenario through HTTP runs before the rounds, in seconds. Each run of pgbench warms
/// up by itself.
const WARM_UP_SECS: u64 = 1;

/// One scenario's measurements, one for each round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) scenario: Scenario,
    pub(crate) rounds: Vec<Measurement>,
}

/// One run of one scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measurement {
    /// Acknowledged writes, all of them.
    pub(crate) writes: u64,
    /// Acknowledged writes in a thousand seconds.
    pub(crate) per_kilosecond: u64,
    /// Half of the answers took at most this long, in microseconds; through HTTP alone.
    pub(crate) p50_micros: Option<u64>,
    /// 99 of 100 answers.
    pub(crate) p99_micros: Option<u64>,
    /// Batches that they were committed in.
    pub(crate) batches: u64,
    /// Processor time, in nanoseconds.
    pub(crate) used: Used,
}

/// Processor time that each server used, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) writer: u64,
    pub(crate) postgres: u64,
    pub(crate) redis: u64,
}

/// Measures everything.
///
/// # Errors
/// A write is answered by anything but success, or a load generator cannot be run.
pub(crate) async fn all(servers: &Servers, bench: &Bench<'_>) -> Result<Vec<Measured>, BoxError> {
    for scenario in scenario::ALL {
        if let Load::Http(_) = scenario.load {
            once(servers, bench, scenario, WARM_UP_SECS).await?;
        }
    }
    let empty = |&scenario: &Scenario| Measured {
        scenario,
        rounds: Vec::new(),
    };
    let mut all: Vec<Measured> = scenario::ALL.iter().map(empty).collect();
    for round in 1..=bench.config.rounds {
        say(&format!("round {round} of {}", bench.config.rounds));
        for measured in &mut all {
            let scenario = measured.scenario;
            let measurement = once(servers, bench, &scenario, bench.config.duration_secs).await?;
            measured.rounds.push(measurement);
        }
    }
    Ok(all)
}

async fn once(
    servers: &Servers,
    bench: &Bench<'_>,
    scenario: &Scenario,
    duration_secs: u64,
) -> Result<Measurement, BoxError> {
    let before = used(servers)?;
    let mut measurement = match scenario.load {
        Load::Http(script) => through_http(servers, bench, script, duration_secs).await?,
        Load::Single(connections) => baseline(servers, connections, 1, duration_secs)?,
        Load::Batch(rows) => baseline(servers, 1, rows, duration_secs)?,
    };
    if measurement.writes == 0 || measurement.batches == 0 {
        return Err(format!("{}: nothing was written", scenario.name).into());
    }
    let after = used(servers)?;
    measurement.used = Used {
        writer: after.writer - before.writer,
        postgres: after.postgres - before.postgres,
        redis: after.redis - before.redis,
    };
    Ok(measurement)
}

async fn through_http(
    servers: &Servers,
    bench: &Bench<'_>,
    script: &str,
    duration_secs: u64,
) -> Result<Measurement, BoxError> {
    let before = batches(servers).await?;
    let seen = posts::write(servers, bench, script, duration_secs)?;
    Ok(Measurement {
        writes: seen.requests,
        per_kilosecond: (seen.requests * 1_000_000_000)
            .checked_div(seen.duration_micros)
            .unwrap_or(0),
        p50_micros: Some(seen.p50_micros),
        p99_micros: Some(seen.p99_micros),
        batches: batches(servers).await? - before,
        used: Used::NONE,
    })
}

fn baseline(
    servers: &Servers,
    connections: u64,
    rows: u64,
    duration_secs: u64,
) -> Result<Measurement, BoxError> {
    let seen = pgbench::run(&Run {
        pin: &servers.pin,
        script: &servers.script(rows)?,
        database: &servers.baseline,
        connections,
        duration_secs,
    })?;
    Ok(Measurement {
        writes: seen.transactions * rows,
        per_kilosecond: seen.per_kilosecond * rows,
        p50_micros: None,
        p99_micros: None,
        batches: seen.transactions,
        used: Used::NONE,
    })
}

impl Used {
    const NONE: Self = Self {
        writer: 0,
        postgres: 0,
        redis: 0,
    };
}

fn used(servers: &Servers) -> Result<Used, BoxError> {
    Ok(Used {
        writer: family::used_nanos(servers.writer.pid()?)?,
        postgres: family::used_nanos(servers.postgres_pid)?,
        redis: family::used_nanos(servers.redis_pid)?,
    })
}

/// How many batches the writer has committed so far.
async fn batches(servers: &Servers) -> Result<u64, BoxError> {
    let url = servers.writer.admin_url("/metrics")?;
    let answer = servers.launcher.http.get(url).send().await?;
    let text = answer.error_for_status()?.text().await?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("pressrun_commit_batches_total "));
    Ok(value
        .ok_or("the writer counts no batches")?
        .trim()
        .parse()?)
}
