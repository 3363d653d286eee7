//! The binaries run with what the Helm chart gives them: the job, the probes, and the end of a pod.

use std::{collections::HashMap, process::Command};

use reqwest::StatusCode;
use tempfile::TempDir;
use testkit::eventually;

use crate::{
    chart_files::{container, named, objects, variables},
    files::list,
};
use fleet::{Fleet, Node, binary, loopback, start};

/// Addresses, servers and files are the test's own; all else is as rendered.
fn run(fleet: &Fleet, directory: &TempDir, program: &str, changed: &[(&str, &str)]) -> Node {
    let objects = objects("minimal");
    let deployment = named(&objects, "Deployment", &format!("shop-pressrun-{program}"));
    let mut variables = variables(container(deployment.expect("a deployment")));
    let (listen, admin) = (loopback(), loopback());
    let (listens, admins, redis) = (listen.to_string(), admin.to_string(), fleet.redis.url());
    let upper = program.to_uppercase();
    let own = [
        (format!("{upper}_LISTEN"), listens.as_str()),
        (format!("{upper}_ADMIN_LISTEN"), admins.as_str()),
        ("REDIS_URL".to_owned(), redis.as_str()),
    ];
    let changed = changed
        .iter()
        .map(|&(name, value)| (name.to_owned(), value));
    for (name, value) in own.into_iter().chain(changed) {
        let before = variables.insert(name.clone(), value.to_owned());
        assert!(before.is_some(), "the chart does not set {name}");
    }
    let flag = |(name, value): (&String, &String)| {
        format!("--{}={value}", name.to_lowercase().replace('_', "-"))
    };
    let arguments: Vec<String> = variables.iter().map(flag).collect();
    Node {
        process: start(program, &arguments, &directory.path().join(program)),
        listen,
        admin,
    }
}

fn migrate(fleet: &Fleet) {
    let objects = objects("minimal");
    let job = container(named(&objects, "Job", "shop-pressrun-migrate").expect("a job"));
    let command = list(&job["command"]);
    let names = variables(job);
    let environment: HashMap<&str, &str> = names
        .keys()
        .map(|name| (name.as_str(), fleet.database_url.as_str()))
        .collect();
    let status = Command::new(binary(command[0]))
        .args(&command[1..])
        .envs(environment)
        .status();
    assert!(status.expect("it runs").success());
}

/// The path of a probe.
fn probed(program: &str, probe: &str) -> String {
    let objects = objects("minimal");
    let deployment = named(&objects, "Deployment", &format!("shop-pressrun-{program}"));
    let path = &container(deployment.expect("a deployment"))[probe]["httpGet"]["path"];
    path.as_str().expect("a path").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_answer_their_probes_and_serve_on_while_they_drain() {
    let fleet = Fleet::start().await;
    let directory = TempDir::with_prefix("chart-").expect("a temporary directory");
    let tokens = directory.path().join("tokens");
    std::fs::write(&tokens, "# nobody\n").expect("a file");
    migrate(&fleet);
    let writer = run(
        &fleet,
        &directory,
        "writer",
        &[
            ("DATABASE_URL", &fleet.database_url),
            ("WRITER_TOKENS_FILE", tokens.to_str().expect("UTF-8")),
        ],
    );
    let internal = format!("http://{}", writer.admin);
    let changed = [("WRITER_INTERNAL_URL", internal.as_str())];
    let reader = run(&fleet, &directory, "reader", &changed);

    let nodes = [("writer", writer), ("reader", reader)];
    for (program, node) in &nodes {
        let ready = probed(program, "readinessProbe");
        eventually("the pod is ready", async || {
            (fleet.asked(node, &ready).await == 200).then_some(())
        })
        .await;
    }
    for (_, node) in &nodes {
        node.signal("TERM");
    }
    for (program, node) in &nodes {
        let ready = probed(program, "readinessProbe");
        eventually("the pod gets no more requests", async || {
            (fleet.asked(node, &ready).await == 503).then_some(())
        })
        .await;
        // Nobody restarts it, and those who have not noticed yet are answered.
        assert_eq!(
            fleet.asked(node, &probed(program, "livenessProbe")).await,
            200
        );
        let read = format!("http://{}/v1/posts/none", node.listen);
        let answer = fleet.http.get(read).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{program}");
    }
    for (program, node) in nodes {
        eventually("the process ends", async || {
            let ends = format!("{program} ends");
            node.process.log().contains(&ends).then_some(())
        })
        .await;
        assert_eq!(
            node.process.status().expect("a status"),
            Some(0),
            "{program}"
        );
    }
}
