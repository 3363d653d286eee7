//! A private Prometheus with the configuration that is shipped.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    eventually,
    process::{ServerProcess, find_program},
};

use crate::files::{entries, path_of, yaml};

/// How programs of Prometheus are installed.
pub(super) const INSTALL: &str = "run scripts/install-test-servers";

/// Ends with this.
#[derive(Debug)]
pub(super) struct Prometheus {
    http: reqwest::Client,
    url: String,
    _process: ServerProcess,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts it over these processes, by the name of their job in the shipped configuration, and
    /// waits until it has scraped each.
    ///
    /// # Panics
    /// It is not installed, does not start, or cannot scrape one of them.
    pub(super) async fn start(targets: &BTreeMap<&str, Vec<SocketAddr>>) -> Self {
        let directory = TempDir::with_prefix("prometheus-").expect("a temporary directory");
        let file = directory.path().join("prometheus.json");
        let text = configuration(targets).to_string();
        std::fs::write(&file, text).expect("a file");
        let listen = fleet::loopback();
        let data = directory.path().join("data");
        let mut command: Vec<OsString> = vec![find_program("prometheus", &[], INSTALL).into()];
        for argument in [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address={listen}"),
            "--log.level=warn".to_owned(),
        ] {
            command.push(argument.into());
        }
        let pid_file = directory.path().join("prometheus.pid");
        let process = ServerProcess::start(&command, &pid_file, None).expect("a shell");
        let prometheus = Self {
            http: reqwest::Client::new(),
            url: format!("http://{listen}"),
            _process: process,
            _directory: directory,
        };
        let all = targets.values().map(Vec::len).sum::<usize>();
        eventually("Prometheus has scraped every process", async || {
            let up = prometheus.query("up == 1").await?;
            (up.len() == all).then_some(())
        })
        .await;
        prometheus
    }

    /// The values of a query's answer; nothing before Prometheus is ready.
    ///
    /// # Panics
    /// The query is not one.
    pub(super) async fn query(&self, query: &str) -> Option<Vec<f64>> {
        let url = format!("{}/api/v1/query", self.url);
        let url = reqwest::Url::parse_with_params(&url, &[("query", query)]);
        let request = self.http.get(url.expect("a URL"));
        let answer: Value = request.send().await.ok()?.json().await.ok()?;
        assert_ne!(answer["errorType"], "bad_data", "{query}: {answer}");
        let series = answer["data"]["result"].as_array()?;
        let values = series
            .iter()
            .map(|one| one["value"][1].as_str()?.parse().ok());
        values.collect()
    }

    /// How many alerts it has judged without an error.
    ///
    /// # Panics
    /// It does not answer.
    pub(super) async fn rules_judged(&self) -> usize {
        let url = format!("{}/api/v1/rules?type=alert", self.url);
        let answer = self.http.get(url).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        let groups = entries(&answer["data"]["groups"]);
        let rules = groups.flat_map(|group| entries(&group["rules"]));
        rules.filter(|rule| rule["health"] == "ok").count()
    }
}

/// What is shipped, but with these addresses in place of names, and quicker.
fn configuration(targets: &BTreeMap<&str, Vec<SocketAddr>>) -> Value {
    let mut configuration = yaml("deploy/prometheus/prometheus.yml");
    configuration["global"] = json!({"scrape_interval": "500ms", "evaluation_interval": "500ms"});
    configuration["rule_files"] = json!([path_of("deploy/prometheus/rules.yml")]);
    let jobs = configuration["scrape_configs"]
        .as_array_mut()
        .expect("jobs");
    jobs.retain(|job| targets.contains_key(job["job_name"].as_str().unwrap_or_default()));
    assert_eq!(jobs.len(), targets.len(), "each is a job of its own");
    for job in jobs {
        let addresses = &targets[job["job_name"].as_str().expect("a name")];
        let job = job.as_object_mut().expect("a job");
        job.remove("dns_sd_configs").expect("found by DNS");
        job.insert("static_configs".to_owned(), json!([{"targets": addresses}]));
    }
    configuration
}
