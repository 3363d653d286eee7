//! The suite `reads`: what a read costs, against yardsticks and baselines, in a closed loop.
//!
//! In reading order: [`servers`] and [`baselines`] are those it starts, [`scenario`] and [`targets`] what it asks them, [`wrk`] what it
//! asks with, [`mod@measure`] the rounds, [`summary`] what they come to, [`comparison`], [`table`] and [`chart`] how that
//! is shown.

pub(crate) mod baselines;
pub(crate) mod chart;
pub(crate) mod comparison;
pub(crate) mod measure;
pub(crate) mod sample;
pub(crate) mod scenario;
mod servers;
mod settings;
pub(crate) mod summary;
mod table;
pub(crate) mod targets;
pub(crate) mod wrk;

use service::process::BoxError;

use crate::{
    decimal::grouped,
    say,
    section::{Chart, Section},
    suite::Bench,
};
use servers::Servers;

/// Starts the servers, measures all scenarios, and ends the servers.
///
/// # Errors
/// A server is missing, does not start, or answers anything but what its scenario expects.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Section, BoxError> {
    let mut servers = Servers::start(bench).await?;
    let rounds = measure::all(&mut servers, bench).await?;
    let lines = summary::summarise(&rounds);
    let medians = table::medians(&lines);
    say(&medians);
    let text = [
        format!(
            "Short posts have {} octets of JSON; Zipf (exponent 0.99) and uniform draw from {} of \
             them. Octets are those of one answer, head included. A closed loop of {} connections, without pipelining \
             where nothing else is said. It asks again only once it was answered, so it hides \
             queueing: these percentiles say how long a full server takes, not what users wait at a \
             given rate. Ratios are to the first line.",
            servers.sample.content_bytes(),
            grouped(bench.config.documents),
            bench.config.connections,
        ),
        medians,
        "### Against the goals".to_owned(),
        comparison::aims(&lines),
        "### What the network is spared".to_owned(),
        comparison::spared(&lines),
        "### Rounds".to_owned(),
        "Requests per second / processor microseconds per request.".to_owned(),
        table::rounds(&rounds),
    ];
    Ok(Section {
        title: "Reads".to_owned(),
        text: text.join("\n\n"),
        chart: Some(Chart {
            name: "reads",
            description: "Requests per second, and processor time per request",
            svg: chart::draw(&lines),
        }),
    })
}
