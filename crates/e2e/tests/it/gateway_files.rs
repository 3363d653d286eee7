//! `apisix/*.yaml` against `docker-compose.yaml`, and against the routes that the services really have.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    compose_files::listen,
    files::{entries, list, text, yaml},
};
use fleet::{Fleet, Node};

/// What the gateway may use: nothing that changes octets below their entity tags.
const PLUGINS: &[&str] = &[
    "request-id",
    "prometheus",
    "opentelemetry",
    "cors",
    "limit-req",
    "client-control",
    "proxy-control",
];

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
        let of_gateway = list(&gateway["networks"]);
        let shared = of_gateway.iter().filter(|one| networks.contains(one));
        assert_eq!(shared.count(), 1, "{service} has one address to it");
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
}

#[test]
fn the_variant_for_bounded_readers_differs_in_how_it_spreads_reads_alone() {
    let mut routes = yaml("apisix/apisix.yaml");
    let variant = yaml("apisix/apisix.chash.yaml");
    let readers = &mut routes["upstreams"][0];
    assert_eq!(readers["id"], "readers");
    readers["type"] = json!("chash");
    readers["hash_on"] = json!("vars_combinations");
    readers["key"] = json!("$uri$arg_id");
    assert_eq!(routes, variant);
    assert!(text("apisix/apisix.chash.yaml").ends_with("\n#END\n"));
}

/// Of writes: how much each client may send. The writer's own limit on documents comes first, because
/// its error says more.
#[test]
fn writes_are_limited_and_pages_of_other_origins_can_only_read() {
    let routes = yaml("apisix/apisix.yaml");
    let mut octets_max = BTreeMap::new();
    for route in entries(&routes["routes"]) {
        let plugins = &route["plugins"];
        let id = route["id"].as_str().expect("an id");
        assert_eq!(route["name"], id);
        if route["upstream_id"] == "readers" {
            assert_eq!(plugins["cors"]["allow_methods"], "GET,HEAD");
            assert!(plugins["cors"]["allow_credential"].is_null());
            continue;
        }
        assert!(plugins["cors"].is_null(), "{id}");
        assert_eq!(plugins["limit-req"]["rejected_code"], 429, "{id}");
        octets_max.insert(id, plugins["client-control"]["max_body_size"].as_u64());
    }
    let document = u64::try_from(shared::limits::BODY_BYTES_MAX).expect("a size");
    for id in ["create-post", "write"] {
        assert!(octets_max[id] > Some(document), "{id}");
    }
    assert_eq!(octets_max["import"], Some(0), "imports have any length");
    let metadata = &routes["plugin_metadata"][0];
    assert_eq!(metadata["id"], "opentelemetry", "it does nothing without");
    assert_eq!(metadata["collector"]["address"], "otel-collector:4318");
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
        let imports = !route["vars"].is_null();
        for method in list(&route["methods"]) {
            for uri in list(&route["uris"]) {
                let uri = if imports { "/v1/*/import" } else { uri };
                // Only the gateway answers it, on routes that pages of any origin may read.
                if method == "OPTIONS" {
                    assert!(route["plugins"]["cors"].is_object(), "{uri}");
                    continue;
                }
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
        "POST /v1/*/import",
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
        // Of a collection as such.
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
