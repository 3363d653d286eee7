//! The measurements: all scenarios once in each round, so that what slows the machine for a while
//! meets all of them.

use reqwest::header::CONTENT_ENCODING;
use service::process::BoxError;

use super::{
    scenario::{self, Role, Scenario},
    servers::Servers,
    wrk::{self, Load, Seen},
};
use crate::{
    processor::{ended_children_nanos, used_nanos},
    say,
    suite::Bench,
};

/// How long each scenario runs before the rounds, in seconds: connections, caches and frequencies
/// come up to speed.
const WARM_UP_SECS: u64 = 1;

/// One scenario's measurements, one for each round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<Measurement>,
}

/// What one run of wrk cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measurement {
    pub(crate) seen: Seen,
    /// Who worked, and for how many nanoseconds.
    pub(crate) used: Vec<(Role, u64)>,
    /// The same for wrk.
    pub(crate) client_nanos: u64,
}

/// Measures everything.
///
/// # Errors
/// A server answers anything but what its scenario expects, or wrk cannot be run.
pub(crate) async fn all(
    servers: &mut Servers,
    bench: &Bench<'_>,
) -> Result<Vec<Measured>, BoxError> {
    let scenarios = scenario::all(
        &servers.sample,
        bench.config.documents,
        servers.has_gateway(),
    );
    for scenario in &scenarios {
        check(servers, scenario).await?;
        once(servers, scenario, bench, WARM_UP_SECS).await?;
    }
    let empty = |scenario: &Scenario| Measured {
        name: scenario.name,
        rounds: Vec::new(),
    };
    let mut all: Vec<Measured> = scenarios.iter().map(empty).collect();
    for round in 1..=bench.config.rounds {
        say(&format!("round {round} of {}", bench.config.rounds));
        for (scenario, measured) in scenarios.iter().zip(&mut all) {
            let measurement = once(servers, scenario, bench, bench.config.duration_secs).await?;
            measured.rounds.push(measurement);
            servers.check()?;
        }
    }
    Ok(all)
}

/// Asks once, to see that what will be measured is what is meant.
async fn check(servers: &Servers, scenario: &Scenario) -> Result<(), BoxError> {
    // The many keys of a script servers in the script.
    let target = match scenario.target {
        "/" if scenario.asked == Role::Reader => scenario::POST,
        target => target,
    };
    let mut request = servers
        .launcher
        .http
        .get(servers.url(scenario.asked, target)?);
    for (name, value) in scenario
        .fields
        .iter()
        .filter_map(|one| one.split_once(": "))
    {
        request = request.header(name, value);
    }
    let answer = request.send().await?;
    let coding = answer.headers().get(CONTENT_ENCODING);
    let coding = coding.and_then(|coding| coding.to_str().ok());
    if (answer.status().as_u16(), coding) == (scenario.status, scenario.coding) {
        return Ok(());
    }
    let status = answer.status();
    Err(format!("{}: answered {status}, coded {coding:?}", scenario.name).into())
}

async fn once(
    servers: &Servers,
    scenario: &Scenario,
    bench: &Bench<'_>,
    duration_secs: u64,
) -> Result<Measurement, BoxError> {
    let used = || -> Result<Vec<(Role, u64)>, BoxError> {
        let roles = scenario.costs.iter();
        roles
            .map(|&role| Ok((role, used_nanos(servers.pid(role)?)?)))
            .collect()
    };
    let load = Load {
        pin: bench.cores.on_client(),
        scripts: bench.config.scripts.clone(),
        targets: servers.targets(scenario)?,
        pipelined: scenario.pipelined,
        connections: bench.config.connections,
        duration_secs,
        fields: scenario.fields.clone(),
        url: servers.url(scenario.asked, scenario.target)?,
    };
    let client_before = ended_children_nanos()?;
    let before = used()?;
    let seen = wrk::run(load).await?;
    let mut used = used()?;
    for ((_, after), (_, before)) in used.iter_mut().zip(before) {
        *after -= before;
    }
    if seen.errors > 0 || seen.requests == 0 {
        return Err(format!("{}: {seen:?}", scenario.name).into());
    }
    Ok(Measurement {
        seen,
        used,
        client_nanos: ended_children_nanos()? - client_before,
    })
}
