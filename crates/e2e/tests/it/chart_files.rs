//! The Helm chart as rendered (`deploy/helm/check` renders it and holds these files against that),
//! against the settings that the programs accept.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    files::{entries, list, text, yaml},
    program_settings::{Taken, take},
};

const EXAMPLES: [&str; 3] = ["minimal", "production", "laboratory"];

/// Secrets that the examples name, and what may be in them.
const SECRETS: &[(&str, &str)] = &[
    ("DATABASE_URL", "postgres://u:p@db/d"),
    ("REDIS_URL", "redis://:p@redis"),
];

/// The objects of an example.
pub(crate) fn objects(example: &str) -> Vec<Value> {
    let file = text(&format!("deploy/helm/examples/rendered/{example}.yaml"));
    let parts = file.split("---\n").filter(|part| !part.trim().is_empty());
    parts
        .map(|part| {
            serde_saphyr::from_str(part).unwrap_or_else(|error| panic!("{example}: {error}"))
        })
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

pub(crate) fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    of_kind(objects, kind).find(|object| object["metadata"]["name"] == name)
}

/// The one container of a deployment or job.
pub(crate) fn container(workload: &Value) -> &Value {
    let containers = &workload["spec"]["template"]["spec"]["containers"];
    assert_eq!(entries(containers).count(), 1);
    &containers[0]
}

/// Its variables, with what Kubernetes puts in for references. Those that only others refer to are left
/// out: they are no settings.
pub(crate) fn variables(container: &Value) -> HashMap<String, String> {
    let mut values = entries(&container["env"]).filter_map(|one| one["value"].as_str());
    let has_ipv6 = values.any(|value| value.starts_with("[::]:"));
    let variable = |one: &Value| {
        let name = one["name"].as_str().expect("a name").to_owned();
        let source = &one["valueFrom"];
        let value = if let Some(key) = source["secretKeyRef"]["key"].as_str() {
            let known = SECRETS.iter().find(|(secret, _)| *secret == key);
            known.expect("a secret of the examples").1.to_owned()
        } else if source["fieldRef"]["fieldPath"] == "metadata.name" {
            // The longest name that a pod of a reader can have: a replica set's, and its own.
            format!("{}-reader-0123456789-abcde", "r".repeat(40))
        } else if source["fieldRef"]["fieldPath"] == "status.podIP" {
            if has_ipv6 { "fd00::7" } else { "10.0.0.7" }.to_owned()
        } else {
            one["value"].as_str().expect("a value").to_owned()
        };
        (name, value)
    };
    let all: Vec<(String, String)> = entries(&container["env"]).map(variable).collect();
    let mut variables: HashMap<String, String> = all.iter().cloned().collect();
    assert_eq!(all.len(), variables.len(), "no variable is set twice");
    for (name, value) in &all {
        let reference = format!("$({name})");
        if all.iter().any(|(_, other)| other.contains(&reference)) {
            variables.remove(name);
            for other in variables.values_mut() {
                *other = other.replace(&reference, value);
            }
        }
    }
    variables
}

/// Every writer and reader of an example: its deployment, container, and what the program takes.
fn programs(objects: &[Value]) -> Vec<(&Value, &Value, Taken)> {
    let programs = of_kind(objects, "Deployment").map(|deployment| {
        let container = container(deployment);
        let program = container["name"].as_str().expect("a name");
        assert_eq!(list(&container["command"]), [program]);
        let taken = take(program, &variables(container));
        (deployment, container, taken)
    });
    let programs: Vec<_> = programs.collect();
    assert_eq!(programs.len(), 2, "a writer and a reader");
    programs
}

#[test]
fn programs_take_their_variables_and_listen_where_they_are_asked() {
    for example in EXAMPLES {
        let objects = objects(example);
        for (_, container, taken) in programs(&objects) {
            let ports = json!([
                {"name": "http", "containerPort": taken.listen.port()},
                {"name": "admin", "containerPort": taken.admin.port()},
            ]);
            assert_eq!(container["ports"], ports, "{example}");
            assert!(taken.listen.ip().is_unspecified() && taken.admin.ip().is_unspecified());
            for (probe, path) in [
                ("startupProbe", "/livez"),
                ("livenessProbe", "/livez"),
                ("readinessProbe", "/readyz"),
            ] {
                let asked = &container[probe]["httpGet"];
                assert_eq!(*asked, json!({"path": path, "port": "admin"}), "{example}");
            }
        }
    }
}

/// What a pod is given to end in is more than it takes, and gateways have time to notice.
#[test]
fn pods_have_time_to_end() {
    for example in EXAMPLES {
        let objects = objects(example);
        for (deployment, container, taken) in programs(&objects) {
            let pod = &deployment["spec"]["template"]["spec"];
            let given = pod["terminationGracePeriodSeconds"].as_u64();
            let given = Duration::from_secs(given.expect("seconds"));
            let before = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
            let before = Duration::from_secs(before.unwrap_or(0));
            assert!(given > before + taken.end(), "{example}");
            let noticed = container["readinessProbe"]["periodSeconds"].as_u64();
            let noticed = Duration::from_secs(noticed.expect("seconds"));
            assert!(before + taken.process.drain_delay > noticed, "{example}");
        }
    }
}

/// What Kubernetes would call out of memory, a reader with a budget never takes.
#[test]
fn readers_with_a_budget_have_the_memory_that_it_takes() {
    let mut bounded = Vec::new();
    for example in EXAMPLES {
        let objects = objects(example);
        for (_, container, taken) in programs(&objects) {
            let Some(budget) = taken.catalog_bytes_max else {
                continue;
            };
            bounded.push(example);
            let resident = budget + budget * 3 / 10 + (32 << 20);
            for given in ["requests", "limits"] {
                let memory = container["resources"][given]["memory"].as_str();
                let memory = octets(memory.expect("an amount"));
                assert!(memory >= resident, "{example}: {given} {memory}");
            }
        }
    }
    assert_eq!(bounded, ["laboratory"]);
}

/// An amount of memory in whole Mi or Gi.
fn octets(amount: &str) -> u64 {
    let units = [("Mi", 1 << 20), ("Gi", 1 << 30)];
    let known = units.iter().find_map(|(unit, octets)| {
        let number: u64 = amount.strip_suffix(unit)?.parse().ok()?;
        Some(number * octets)
    });
    known.unwrap_or_else(|| panic!("{amount} is in units of no test"))
}

#[test]
fn files_that_programs_read_are_mounted() {
    for example in EXAMPLES {
        let objects = objects(example);
        for (deployment, container, _) in programs(&objects) {
            let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
            let volumes = volumes.as_array().into_iter().flatten();
            let volumes: Vec<&Value> = volumes.map(|volume| &volume["name"]).collect();
            let mounts = container["volumeMounts"].as_array().into_iter().flatten();
            let mounts: Vec<&Value> = mounts.collect();
            for mount in &mounts {
                assert!(volumes.contains(&&mount["name"]), "{example}");
            }
            for (name, file) in variables(container) {
                if name.ends_with("_FILE") {
                    let folder = file.rsplit_once('/').expect("a folder").0;
                    let mounted = mounts.iter().any(|mount| mount["mountPath"] == folder);
                    assert!(mounted, "{example}: {name} is {file}");
                }
            }
        }
    }
}

#[test]
fn services_and_policies_lead_to_the_ports_that_are_listened_on() {
    for example in EXAMPLES {
        let objects = objects(example);
        let programs = programs(&objects);
        for service in of_kind(&objects, "Service") {
            let selector = &service["spec"]["selector"];
            let (_, container, _) = programs
                .iter()
                .find(|(deployment, ..)| deployment["spec"]["selector"]["matchLabels"] == *selector)
                .expect("pods of this service");
            for port in entries(&service["spec"]["ports"]) {
                let listened = entries(&container["ports"]);
                let names: Vec<&Value> = listened.map(|port| &port["name"]).collect();
                assert!(names.contains(&&port["targetPort"]), "{example}");
            }
        }
        for (deployment, container, taken) in &programs {
            check_policy(example, &objects, deployment, taken);
            if container["name"] == "reader" {
                let url = &variables(container)["WRITER_INTERNAL_URL"];
                let (name, port) = url.trim_start_matches("http://").split_once(':').unwrap();
                let service = named(&objects, "Service", name).expect("the writers' service");
                assert_eq!(service["spec"]["ports"][0]["port"].to_string(), port);
            }
        }
    }
}

/// The leader asks readers for what was committed, and `pressrun verify` what they hold: each tells where
/// it is reached, and the policies let a writer through.
#[test]
fn writers_reach_the_admin_planes_of_readers() {
    for example in EXAMPLES {
        let objects = objects(example);
        let programs = programs(&objects);
        let [writer, reader] = ["writer", "reader"].map(|program| {
            let mut all = programs.iter();
            all.find(|(_, container, _)| container["name"] == program)
                .expect("a deployment")
        });
        let port = reader.2.admin.port();
        let host = if reader.2.admin.is_ipv6() {
            "[fd00::7]"
        } else {
            "10.0.0.7"
        };
        let told = reader.2.admin_url.as_deref();
        assert_eq!(told, Some(&*format!("http://{host}:{port}")), "{example}");

        let labels = |(deployment, ..): &(&Value, &Value, Taken)| {
            deployment["spec"]["selector"]["matchLabels"].clone()
        };
        let (from, to) = (labels(writer), labels(reader));
        for (of, direction, peers, peer) in [
            (&to, "ingress", "from", &from),
            (&from, "egress", "to", &to),
        ] {
            let mut policies = of_kind(&objects, "NetworkPolicy");
            let policy = policies.find(|one| one["spec"]["podSelector"]["matchLabels"] == *of);
            let Some(policy) = policy else {
                assert_eq!(example, "laboratory");
                continue;
            };
            let lets = entries(&policy["spec"][direction]).any(|rule| {
                entries(&rule["ports"]).any(|one| one["port"] == port)
                    && rule[peers].as_array().is_some_and(|all| {
                        all.iter()
                            .any(|one| one["podSelector"]["matchLabels"] == *peer)
                    })
            });
            assert!(lets, "{example}: {direction}");
        }
    }
}

/// Where there are policies, they let nothing in but to these two ports.
fn check_policy(example: &str, objects: &[Value], deployment: &Value, taken: &Taken) {
    let labels = &deployment["spec"]["selector"]["matchLabels"];
    let mut policies = of_kind(objects, "NetworkPolicy")
        .filter(|policy| policy["spec"]["podSelector"]["matchLabels"] == *labels);
    let Some(policy) = policies.next() else {
        assert_eq!(example, "laboratory");
        return;
    };
    let ingress = entries(&policy["spec"]["ingress"]);
    for rule in ingress {
        for port in entries(&rule["ports"]) {
            let port = port["port"].as_u64().expect("a number");
            let admin = port == u64::from(taken.admin.port());
            assert!(admin || port == u64::from(taken.listen.port()), "{example}");
            // The internal planes have no authentication.
            assert!(!admin || rule["from"].is_array(), "{example}");
        }
    }
}

#[test]
fn migrations_run_by_a_command_before_the_writers_or_in_them() {
    for example in EXAMPLES {
        let objects = objects(example);
        let migrating = programs(&objects)
            .iter()
            .any(|(_, container, _)| variables(container).contains_key("WRITER_MIGRATE"));
        let Some(job) = of_kind(&objects, "Job").next() else {
            assert!(migrating, "{example}: nothing migrates");
            continue;
        };
        let container = container(job);
        assert_eq!(list(&container["command"]), ["pressrun", "migrate"]);
        let variables = variables(container);
        assert_eq!(variables.keys().collect::<Vec<_>>(), ["DATABASE_URL"]);
        let hooks = &job["metadata"]["annotations"]["helm.sh/hook"];
        assert_eq!(*hooks, "pre-install,pre-upgrade");
    }
}

#[test]
fn monitors_give_the_jobs_the_names_that_rules_know() {
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let jobs: Vec<&Value> = entries(&prometheus["scrape_configs"])
        .map(|job| &job["job_name"])
        .collect();
    let objects = objects("production");
    let monitors: Vec<&Value> = of_kind(&objects, "ServiceMonitor").collect();
    assert_eq!(monitors.len(), 2);
    for monitor in monitors {
        let endpoint = &monitor["spec"]["endpoints"][0];
        assert_eq!(endpoint["port"], "admin");
        assert!(jobs.contains(&&endpoint["relabelings"][0]["replacement"]));
        let wanted = monitor["spec"]["selector"]["matchLabels"].as_object();
        let wanted = wanted.expect("labels");
        let found = of_kind(&objects, "Service").filter(|service| {
            let labels = &service["metadata"]["labels"];
            wanted.iter().all(|(name, value)| labels[name] == *value)
        });
        assert_eq!(found.count(), 1, "one service each");
    }
}

/// Charts cannot read files beside them, so this one has a copy.
#[test]
fn the_chart_has_the_alerts_that_are_tested() {
    let alerts = text("deploy/prometheus/rules.yml");
    let copy = text("deploy/helm/pressrun/files/rules.yml");
    assert_eq!(copy, alerts, "copy deploy/prometheus/rules.yml there");
    let objects = objects("production");
    let rendered = named(&objects, "PrometheusRule", "shop-pressrun").expect("alerts");
    assert_eq!(rendered["spec"], yaml("deploy/prometheus/rules.yml"));
}
