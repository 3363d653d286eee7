//! `docker-compose.yaml`, `deploy/Dockerfile` and `apisix/*.yaml` against each other, and against
//! the settings and routes that the services really have.

use std::{collections::HashMap, net::SocketAddr, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use fleet::{Fleet, Node};

/// What the gateway may use: nothing that changes octets below their entity tags.
const PLUGINS: &[&str] = &["request-id", "prometheus"];

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn list(value: &Value) -> Vec<&str> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect()
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

/// The container's side of each published port.
fn published(service: &Value) -> Vec<u16> {
    let port = |entry: &str| entry.rsplit(':').next()?.parse().ok();
    let ports = list(&service["ports"]);
    ports.iter().filter_map(|entry| port(entry)).collect()
}

/// A service's address in its container, as the program itself reads it from its environment.
fn listen(compose: &Value, service: &str) -> SocketAddr {
    let environment: HashMap<String, String> = compose["services"][service]["environment"]
        .as_object()
        .expect("variables")
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned()))
        .collect();
    if service == "writer" {
        check_names(
            &environment,
            writer::config::PROGRAM.settings().map(|it| it.env),
        );
        let config = writer::config::Config::read(["writer"], &environment);
        config.expect("the writer takes its settings").writer.listen
    } else {
        check_names(
            &environment,
            reader::config::PROGRAM.settings().map(|it| it.env),
        );
        let config = reader::config::Config::read(["reader"], &environment);
        config.expect("the reader takes its settings").reader.listen
    }
}

fn check_names(environment: &HashMap<String, String>, known: impl Iterator<Item = &'static str>) {
    let known: Vec<&str> = known.collect();
    for name in environment.keys() {
        assert!(known.contains(&name.as_str()), "{name} is no setting");
    }
}

#[test]
fn published_ports_are_on_loopback_and_lead_to_listeners() {
    let compose = yaml("docker-compose.yaml");
    for (name, service) in compose["services"].as_object().expect("services") {
        for port in list(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    let services = &compose["services"];
    for name in ["writer", "reader-direct"] {
        let listen = listen(&compose, name);
        assert!(
            listen.ip().is_unspecified(),
            "{name} is reached from outside its container"
        );
        assert_eq!(published(&services[name]), [listen.port()], "{name}");
    }
    let gateway = &yaml("apisix/config.yaml")["apisix"]["node_listen"];
    assert_eq!(json!(published(&services["apisix"])), json!([gateway]));
}

#[test]
fn readers_behind_the_gateway_can_be_any_number() {
    let compose = yaml("docker-compose.yaml");
    let reader = &compose["services"]["reader"];
    assert_eq!(reader["deploy"]["replicas"], 3);
    assert!(
        reader["ports"].is_null(),
        "two replicas cannot have one port of the host"
    );
    assert!(reader["container_name"].is_null(), "nor one name");
}

#[test]
fn redis_never_evicts() {
    let compose = yaml("docker-compose.yaml");
    let command = list(&compose["services"]["redis"]["command"]).join(" ");
    assert!(
        command.contains("--maxmemory-policy noeviction"),
        "{command}"
    );
}

#[test]
fn images_are_built_checked_and_not_run_by_root() {
    let compose = yaml("docker-compose.yaml");
    let dockerfile = text("deploy/Dockerfile");
    for (name, program) in [
        ("writer", "writer"),
        ("reader", "reader"),
        ("reader-direct", "reader"),
    ] {
        let service = &compose["services"][name];
        assert_eq!(service["build"]["target"], program, "{name}");
        assert_eq!(
            service["build"]["dockerfile"], "deploy/Dockerfile",
            "{name}"
        );
        assert_eq!(service["read_only"], true, "{name}");
        let (_, stage) = dockerfile
            .split_once(&format!("FROM runtime AS {program}\n"))
            .expect("a stage of that name");
        let stage = stage.split("\nFROM ").next().unwrap_or_default();
        assert!(
            stage.contains(&format!("CMD [\"{program}\", \"healthcheck\"]")),
            "{stage}"
        );
        assert!(stage.contains(&format!("\nCMD [\"{program}\"]")), "{stage}");
    }
    assert!(dockerfile.contains("\nUSER 10001:10001\n"));
    let manifest = text("Cargo.toml");
    let (_, version) = manifest.split_once("rust-version = \"").expect("a version");
    let version = version.split('"').next().unwrap_or_default();
    assert!(dockerfile.contains(&format!("FROM rust:{version}-bookworm AS build\n")));
}

#[test]
fn upstreams_are_services_found_by_dns_and_asked_for_their_health() {
    let compose = yaml("docker-compose.yaml");
    let routes = yaml("apisix/apisix.yaml");
    let gateway = &compose["services"]["apisix"];
    let mut found = Vec::new();
    for upstream in entries(&routes["upstreams"]) {
        assert_eq!(upstream["discovery_type"], "dns");
        let name = upstream["service_name"].as_str().expect("a name");
        let (service, port) = name.split_once(':').expect("name and port");
        assert_eq!(port, listen(&compose, service).port().to_string(), "{name}");
        let active = &upstream["checks"]["active"];
        assert_eq!(active["host"], service);
        assert_eq!(active["http_path"], "/health");
        assert_eq!(active["healthy"]["http_statuses"], json!([200]));
        assert_eq!(active["unhealthy"]["http_statuses"], json!([503]));
        let networks = list(&compose["services"][service]["networks"]);
        let shared = list(&gateway["networks"]);
        assert!(shared.iter().all(|one| networks.contains(one)), "{service}");
        assert_eq!(
            gateway["depends_on"][service]["condition"],
            "service_healthy"
        );
        found.push((
            upstream["id"].as_str(),
            service,
            upstream["retries"].as_u64(),
        ));
    }
    let expected = [
        (Some("readers"), "reader", Some(2)),
        (Some("writers"), "writer", Some(0)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_gateway_reads_its_files_and_leaves_octets_alone() {
    let config = yaml("apisix/config.yaml");
    let deployment = &config["deployment"];
    assert_eq!(deployment["role"], "data_plane");
    assert_eq!(deployment["role_data_plane"]["config_provider"], "yaml");
    // Compose's resolver.
    assert_eq!(
        config["discovery"]["dns"]["servers"],
        json!(["127.0.0.11:53"])
    );
    assert_eq!(list(&config["plugins"]), PLUGINS);

    let routes = yaml("apisix/apisix.yaml");
    for rule in entries(&routes["global_rules"]).chain(entries(&routes["routes"])) {
        for plugin in rule["plugins"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.keys())
        {
            assert!(
                PLUGINS.contains(&plugin.as_str()),
                "{plugin} is not in config.yaml"
            );
        }
    }
    let end = text("apisix/apisix.yaml");
    assert!(
        end.ends_with("\n#END\n"),
        "APISIX ignores the file without it"
    );

    let compose = yaml("docker-compose.yaml");
    for volume in list(&compose["services"]["apisix"]["volumes"]) {
        let file = volume.split(':').next().unwrap_or_default();
        assert!(!text(file).is_empty(), "{file}");
    }
}

/// Asks every service for everything that the gateway would send it.
#[tokio::test]
async fn every_route_is_one_of_its_service() {
    let fleet = Fleet::start().await;
    let writer = fleet.writer("writer").await;
    let reader = fleet.reader("reader");
    fleet.ready(&reader).await;
    let routes = yaml("apisix/apisix.yaml");
    let mut asked = Vec::new();
    for route in entries(&routes["routes"]) {
        let node = match route["upstream_id"].as_str() {
            Some("readers") => &reader,
            Some("writers") => &writer,
            other => panic!("{other:?} is no upstream"),
        };
        for method in list(&route["methods"]) {
            for uri in list(&route["uris"]) {
                let (path, kind) = ask(&fleet, node, method, uri).await;
                // An answer to HEAD has no content, only a status.
                for wrong in ["no-such-route", "method-not-allowed", "405"] {
                    assert!(!kind.starts_with(wrong), "{method} {path}: {kind}");
                }
                asked.push(format!("{method} {uri}"));
            }
        }
    }
    asked.sort();
    let all = [
        "DELETE /v1/*",
        "GET /post",
        "GET /v1/*",
        "HEAD /post",
        "HEAD /v1/*",
        "POST /create",
        "POST /v1/*",
        "PUT /v1/*",
    ];
    assert_eq!(asked, all, "no two routes take one request");
    for (node, what) in [(&writer, "the writer"), (&reader, "the reader")] {
        let (_, kind) = ask(&fleet, node, "GET", "/health").await;
        assert_eq!(kind, "200 OK", "{what} has the path that is checked");
    }
}

/// The path asked for, and the kind of problem that came, or the status.
async fn ask(fleet: &Fleet, node: &Node, method: &str, uri: &str) -> (String, String) {
    let document = if method == "POST" {
        "things"
    } else {
        "things/1"
    };
    let path = uri.replace('*', document);
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = fleet
        .http
        .request(method, format!("http://{}{path}", node.listen));
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let problem: Value = answer.json().await.unwrap_or_default();
    let kind = problem["type"]
        .as_str()
        .and_then(|kind| kind.rsplit([':', '/']).next());
    (path, kind.map_or_else(|| status.to_string(), str::to_owned))
}
