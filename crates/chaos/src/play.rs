//! Plays one scenario from its start to its verdict.

use std::{process::Command, time::Duration};

use fleet::{binary, loopback};
use tokio::time::sleep;

use crate::{
    load::{Forgiven, Tally},
    scenarios::Scenario,
    stage::Stage,
};

/// How long the load runs on after everything has converged.
const CALM: Duration = Duration::from_secs(2);

/// Lines of each log that are kept.
const LOG_LINES: usize = 60;

/// What a fault leaves behind.
#[derive(Debug)]
pub(crate) struct Proof {
    /// What was seen of the fault itself.
    pub(crate) seen: String,
    /// Writes that a restored backup lacks.
    pub(crate) forgiven: Option<Forgiven>,
}

/// That this was seen.
pub(crate) fn seen(what: impl Into<String>) -> Proof {
    Proof {
        seen: what.into(),
        forgiven: None,
    }
}

/// What came of a scenario.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) scenario: &'static Scenario,
    pub(crate) seen: String,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) lost: Vec<String>,
    pub(crate) reads: u64,
    pub(crate) wrong: Vec<String>,
    pub(crate) failed: Vec<String>,
    pub(crate) stalest: Duration,
    pub(crate) converged: Duration,
    /// The ends of what writers and readers have logged, for whoever looks for a reason.
    pub(crate) logs: Vec<String>,
    /// What `pressrun verify` said, where readers differ.
    pub(crate) differences: Option<String>,
}

impl Verdict {
    /// What is wrong, one sentence each.
    pub(crate) fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (what, which) in [
            ("acknowledged writes lost", &self.lost),
            ("wrong reads", &self.wrong),
            ("failed reads on ready readers", &self.failed),
        ] {
            if let Some(first) = which.first() {
                findings.push(format!("{} {what}, e.g. {first}", which.len()));
            }
        }
        if self.converged > self.scenario.converges_within {
            let (took, bar) = (self.converged, self.scenario.converges_within);
            findings.push(format!("converged after {took:.1?}, not within {bar:?}"));
        }
        let differences = self.differences.iter();
        findings.extend(differences.map(|said| format!("pressrun verify: {said}")));
        findings
    }
}

/// Plays it, on a stage of its own.
pub(crate) async fn play(scenario: &'static Scenario) -> Verdict {
    let mut stage = Stage::start(scenario.deployment).await;
    let proof = (scenario.act)(&mut stage).await;
    let converged = stage.converge().await;
    sleep(CALM).await;
    let fresh = stage.start_reader(0, loopback(), loopback());
    stage.fleet.ready(&fresh).await;
    stage.readers.push(fresh);
    let load = stage.load.take().expect("the load runs until here");
    let Tally {
        acks,
        refused,
        reads,
        stalest,
    } = load.stop().await;
    let lost = acks.lost(&stage.fleet.database, proof.forgiven).await;
    Verdict {
        scenario,
        seen: proof.seen,
        acknowledged: acks.count(),
        refused,
        lost,
        reads: reads.right,
        wrong: reads.wrong,
        failed: reads.failed,
        stalest,
        converged,
        differences: verify(&stage).await,
        logs: logs(&stage),
    }
}

/// The last lines of each process, with its address.
fn logs(stage: &Stage) -> Vec<String> {
    let nodes = stage.writers.iter().chain(&stage.readers);
    let ends = nodes.map(|node| {
        let log = node.process.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(LOG_LINES)..];
        format!("--- {}\n{}", node.listen, end.join("\n"))
    });
    ends.collect()
}

/// Holds every reader, and one started just now, against the database; what is said if they differ.
async fn verify(stage: &Stage) -> Option<String> {
    let mut arguments = vec![
        "verify".to_owned(),
        format!("--url=http://{}", stage.writers[0].admin),
    ];
    let readers = stage.readers.iter();
    arguments.extend(readers.map(|reader| format!("--reader=http://{}", reader.admin)));
    let run = move || Command::new(binary("pressrun")).args(arguments).output();
    let output = tokio::task::spawn_blocking(run).await.expect("no panic");
    let output = output.expect("pressrun can be started");
    let text = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&text).into_owned();
    (!output.status.success()).then_some(said)
}
