//! What people see of a running system: the table of metrics, alerts, dashboards and the runbook,
//! held against processes that export and a real Prometheus that scrapes them.

mod documents;
mod prometheus;
mod queries;
mod stack;

use testkit::eventually;

use self::{
    prometheus::Prometheus,
    queries::{Query, alerts, panels, variables},
    stack::Stack,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_panel_and_every_alert_has_data_under_load() {
    let stack = Stack::start().await;
    let prometheus = Prometheus::start(&stack.targets()).await;
    let _load = stack.load();

    let mut queries = panels();
    queries.extend(variables());
    queries.extend(alerts().iter().map(|alert| alert.condition().0));
    assert!(queries.len() > 50, "the files are read");
    for Query { shown_by, text } in queries {
        eventually(&format!("{shown_by} has data: {text}"), async || {
            let values = prometheus.query(&text).await?;
            // Of a reader that has not served yet, some are not numbers.
            let known = values.iter().any(|value| value.is_finite());
            known.then_some(())
        })
        .await;
    }
    eventually("Prometheus judges every alert", async || {
        (prometheus.rules_judged().await == alerts().len()).then_some(())
    })
    .await;
}
