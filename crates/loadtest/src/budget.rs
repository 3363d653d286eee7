//! What a hot request costs, counted, and held against a committed budget: instructions,
//! allocations, system calls. No time is taken, so a busy machine counts the same.
//!
//! A real reader follows a real Redis; [`client`] asks it, always in the same way; [`callgrind`]
//! counts what the thread that answers executes, [`strace`] what it asks of the kernel, and
//! [`limits`] is the committed file.

pub(crate) mod callgrind;
mod client;
mod lane;
pub(crate) mod limits;
pub(crate) mod strace;

use std::path::Path;

use service::process::BoxError;
use testkit::redis::RedisServer;

use crate::{
    config::Config,
    say,
    stand::{Launcher, Node, posts, source::Source},
};
use client::{Client, Shape};
use limits::{Costs, Counted, Limits};

/// How many posts the reader holds. One of them is asked for.
const DOCUMENTS: u64 = 1000;

/// Requests on each connection before anything is counted, and then in each count.
const ROUNDS: u64 = 50;

/// A reader that sends traces, of none of these requests. Nobody need be there to take them.
const TRACES_ON: &[&str] = &[
    "--otel-exporter-otlp-endpoint=http://127.0.0.1:9",
    "--otel-traces-sampler-arg=0",
];

/// By how much a request may cost more instructions where traces are on.
const TRACES_SHARE_MAX: f64 = 0.02;

/// Counts, says what was counted, and whether all of it is within the budget.
///
/// # Errors
/// Something costs more than its budget, or more than a fiftieth more because traces are on; a tool
/// is missing; or two counts differ.
pub(crate) async fn hold(config: &Config, file: &Path) -> Result<(), BoxError> {
    let limits = Limits::read(file)?;
    let launcher = Launcher::new(&config.binaries)?;
    let redis = RedisServer::start().await;
    let mut source = Source::start(&redis.url(), DOCUMENTS, None).await?;
    let url = redis.url();
    let counted = Counted {
        hot_get: costs(&launcher, &url, &[], Shape::Bare).await?,
        gateway_get: costs(&launcher, &url, TRACES_ON, Shape::Gateway).await?,
    };
    let (traced, _) = executed(&launcher, &url, TRACES_ON, Shape::Bare).await?;
    source.check()?;
    say(&limits.table(&counted));
    limits.check(&counted)?;
    check_traces(counted.hot_get.instructions, traced)
}

async fn costs(
    launcher: &Launcher,
    redis: &str,
    options: &[&str],
    shape: Shape,
) -> Result<Costs, BoxError> {
    let (instructions, allocations) = executed(launcher, redis, options, shape).await?;
    let (system_calls, waits) = asked_of_kernel(launcher, redis, options, shape).await?;
    Ok(Costs {
        instructions,
        allocations,
        system_calls,
        waits,
    })
}

/// # Errors
/// With traces on, and no request traced, one costs noticeably more.
fn check_traces(without: f64, with: f64) -> Result<(), BoxError> {
    let share = with / without - 1.0;
    say(&format!(
        "with traces on, at a ratio of 0: {with:.2} instructions, {:+.2} %",
        share * 100.0
    ));
    if share <= TRACES_SHARE_MAX {
        Ok(())
    } else {
        Err(format!("traces cost more than {} %", TRACES_SHARE_MAX * 100.0).into())
    }
}

/// Instructions of user code and allocations, for each request.
async fn executed(
    launcher: &Launcher,
    redis: &str,
    options: &[&str],
    shape: Shape,
) -> Result<(f64, f64), BoxError> {
    let out = launcher.directory().join("callgrind");
    let reader = launcher
        .reader(&callgrind::command(&out)?, redis, options)
        .await?;
    let pid = reader.pid()?;
    let client = ask(&reader, shape).await?;
    let lane = lane::find(pid)?;
    let started = callgrind::dump(pid, &out)?;
    if started.allocations() == 0 {
        return Err("a start without allocations: they cannot be counted in this build".into());
    }
    let client = client.rounds(ROUNDS).await?;
    let first = callgrind::dump(pid, &out)?.thread(lane.nth)?;
    client.rounds(ROUNDS).await?;
    let second = callgrind::dump(pid, &out)?.thread(lane.nth)?;
    let requests = Client::requests(ROUNDS);
    say(&format!(
        "instructions of {requests} requests, {shape:?}: {}, then {}",
        first.instructions, second.instructions
    ));
    // What happens once a second is in one count or the other; the lower one has less of it.
    let (less, more) = (
        first.instructions.min(second.instructions),
        first.instructions.max(second.instructions),
    );
    if less * 21 < more * 20 {
        return Err("two counts of the same differ by more than a twentieth".into());
    }
    Ok((
        per(less, requests),
        per(first.allocations.min(second.allocations), requests),
    ))
}

/// System calls but those that wait for many connections at once, and those, for each request.
async fn asked_of_kernel(
    launcher: &Launcher,
    redis: &str,
    options: &[&str],
    shape: Shape,
) -> Result<(f64, f64), BoxError> {
    let reader = launcher.reader(&[], redis, options).await?;
    let client = ask(&reader, shape).await?;
    let trace = strace::attach(reader.pid()?, &launcher.directory().join("strace")).await?;
    client.rounds(ROUNDS).await?;
    let calls = trace.end().await?;
    let requests = Client::requests(ROUNDS);
    let waits = calls.count(strace::is_wait);
    let others = calls.count(|name| !strace::is_wait(name));
    say(&format!(
        "system calls of {requests} requests, {shape:?}: {calls}"
    ));
    Ok((per(others, requests), per(waits, requests)))
}

/// A client that has asked a while: buffers have grown, caches of dates are set.
async fn ask(reader: &Node, shape: Shape) -> Result<Client, BoxError> {
    let target = format!("/post?id={}", posts::id(1));
    Client::connect(reader.address, &target, shape)?
        .rounds(ROUNDS)
        .await
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below 2^52, and shown with two decimals"
)]
fn per(count: u64, requests: u64) -> f64 {
    count as f64 / requests.max(1) as f64
}
