//! `docker-compose.yaml`, `deploy/Dockerfile` and what the stack is watched with against each other,
//! and against the settings that the services really have.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    files::{entries, list, path_of, text, yaml},
    program_settings::{Taken, take},
};

/// Services that are programs of ours.
const OURS: [(&str, &str); 3] = [
    ("writer", "writer"),
    ("reader", "reader"),
    ("reader-direct", "reader"),
];

/// The parts of a published port, `127.0.0.1:${NAME:-HOST}:CONTAINER`: name, host's, container's.
fn parts_of(port: &str) -> (&str, &str, &str) {
    let split = || {
        let rest = port.strip_prefix("127.0.0.1:${")?;
        let (name, rest) = rest.split_once(":-")?;
        let (host, container) = rest.split_once("}:")?;
        Some((name, host, container))
    };
    split().unwrap_or_else(|| panic!("{port} is not on loopback, or cannot be chosen"))
}

/// The container's side of each published port.
fn published(service: &Value) -> Vec<u16> {
    let port = |entry: &str| entry.rsplit(':').next()?.parse().ok();
    let ports = list(&service["ports"]);
    ports.iter().filter_map(|entry| port(entry)).collect()
}

fn environment(compose: &Value, service: &str) -> HashMap<String, String> {
    let environment = compose["services"][service]["environment"].as_object();
    let variables = environment.expect("variables").iter();
    variables
        .map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned()))
        .collect()
}

/// What a service of ours takes from its environment.
fn taken(compose: &Value, service: &str) -> Taken {
    let mut ours = OURS.iter();
    let (_, program) = ours.find(|(name, _)| *name == service).expect("ours");
    take(program, &environment(compose, service))
}

/// A service's address in its container.
pub(crate) fn listen(compose: &Value, service: &str) -> SocketAddr {
    taken(compose, service).listen
}

#[test]
fn published_ports_are_on_loopback_and_lead_to_listeners() {
    let compose = yaml("docker-compose.yaml");
    let services = &compose["services"];
    let makefile = text("Makefile");
    let mut names = HashSet::new();
    for service in services.as_object().expect("services").values() {
        for port in list(&service["ports"]) {
            let (name, host, container) = parts_of(port);
            assert_eq!(host, container, "{name}");
            assert!(names.insert(name.to_owned()), "{name} is the name of two");
            // Where `make` asks, too.
            let asked = makefile.contains(&format!("$({name})"));
            let known = makefile.contains(&format!("\n{name} ?= {host}\n"));
            assert_eq!(asked, known, "{name}");
        }
    }
    assert!(makefile.contains("export WRITER_PORT READER_PORT GATEWAY_PORT\n"));
    for name in ["writer", "reader-direct"] {
        let listen = listen(&compose, name);
        assert!(
            listen.ip().is_unspecified(),
            "{name} is reached from outside its container"
        );
        assert_eq!(published(&services[name]), [listen.port()], "{name}");
    }
    let gateway = yaml("apisix/config.yaml");
    let export = &gateway["plugin_attr"]["prometheus"]["export_addr"];
    assert_eq!(
        json!(published(&services["apisix"])),
        json!([gateway["apisix"]["node_listen"], export["port"]])
    );
    assert_eq!(published(&services["prometheus"]), [9090]);
    assert_eq!(published(&services["grafana"]), [3000]);
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

/// The leader asks readers for what was committed, and `pressrun verify` what they hold. No variable of the
/// file can name one of several replicas, so each names itself.
#[test]
fn writers_reach_the_admin_planes_of_readers() {
    let compose = yaml("docker-compose.yaml");
    let services = &compose["services"];
    for reader in ["reader", "reader-direct"] {
        let admin = taken(&compose, reader).admin;
        let [shell, option, line] = list(&services[reader]["command"])[..] else {
            panic!("{reader} has no command of its own");
        };
        assert_eq!([shell, option], ["sh", "-c"]);
        // Compose makes one dollar sign of two.
        let line = line.replace("$$", "$");
        let with = line.strip_suffix(" reader").expect("it runs the reader");
        let told = Command::new(shell)
            .args([option, &format!("{with} printenv READER_ADMIN_URL")])
            .env("HOSTNAME", "0123456789ab")
            .output()
            .expect("a shell");
        let told = String::from_utf8(told.stdout).expect("UTF-8");
        assert_eq!(told.trim(), format!("http://0123456789ab:{}", admin.port()));
        let met = list(&services[reader]["networks"]);
        let mut of_writer = list(&services["writer"]["networks"]).into_iter();
        assert!(of_writer.any(|network| met.contains(&network)), "{reader}");
    }
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
    for (name, program) in OURS {
        let service = &compose["services"][name];
        assert_eq!(service["build"]["target"], program, "{name}");
        assert_eq!(
            service["build"]["dockerfile"], "deploy/Dockerfile",
            "{name}"
        );
        let (_, stage) = dockerfile
            .split_once(&format!("FROM runtime AS {program}\n"))
            .expect("a stage of that name");
        let stage = stage.split("\nFROM ").next().unwrap_or_default();
        assert!(
            stage.contains(&format!("CMD [\"{program}\", \"healthcheck\"]")),
            "{stage}"
        );
        assert!(stage.contains(&format!("\nCMD [\"{program}\"]")), "{stage}");
        // The chart's job migrates with the writer's image, and people make tokens with it.
        let others = if program == "writer" {
            " /programs/pressrun"
        } else {
            ""
        };
        let copied = format!("COPY --from=build /programs/{program}{others} /usr/local/bin/\n");
        assert!(stage.contains(&copied), "{stage}");
    }
    let checks = dockerfile.matches("HEALTHCHECK ").count();
    let patient = dockerfile.matches(" --start-period=10m ").count();
    assert_eq!((checks, patient), (3, 3), "{dockerfile}");
    assert!(dockerfile.contains("\nUSER 10001:10001\n"));
    // Where the programs look for the system's authorities.
    let authorities = "\nCOPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n";
    assert!(dockerfile.contains(authorities));
    let manifest = text("Cargo.toml");
    let (_, version) = manifest.split_once("rust-version = \"").expect("a version");
    let version = version.split('"').next().unwrap_or_default();
    assert!(dockerfile.contains(&format!("FROM rust:{version}-bookworm AS build\n")));
}

#[test]
fn containers_are_pinned_confined_and_checked() {
    let compose = yaml("docker-compose.yaml");
    for (name, service) in compose["services"].as_object().expect("services") {
        let built = !service["build"].is_null();
        let image = service["image"].as_str().expect("an image");
        let (_, tag) = image.split_once(':').unwrap_or_default();
        assert!(
            built || tag.contains(|one: char| one.is_ascii_digit()),
            "{name}: {image}"
        );
        assert!(
            service["logging"]["options"]["max-size"].is_string(),
            "{name}"
        );
        // APISIX writes the configuration of its nginx when it starts.
        assert_eq!(service["read_only"] == true, name != "apisix", "{name}");
        // PostgreSQL's own script gives up root, for which it needs some.
        assert_eq!(
            service["cap_drop"] == json!(["ALL"]),
            name != "postgres",
            "{name}"
        );
        // These images have nothing that could ask.
        let cannot_be_asked = ["otel-collector", "jaeger"].contains(&name.as_str());
        let checked = built || service["healthcheck"]["test"].is_array();
        assert_ne!(checked, cannot_be_asked, "{name}");
        let awaited = service["depends_on"].as_object().into_iter().flatten();
        for (other, condition) in awaited {
            assert_eq!(condition["condition"], "service_healthy", "{name}");
            let other = &compose["services"][other];
            assert!(other.is_object(), "{name}");
            // Compose gives up once who is awaited is unhealthy, and a start may take long.
            let patient =
                other["build"].is_object() || other["healthcheck"]["start_period"].is_string();
            assert!(patient, "{name} waits for {other}");
        }
        for volume in list(&service["volumes"]) {
            check_volume(
                &compose,
                &volume.replace("${APISIX_ROUTES:-apisix.yaml}", "apisix.yaml"),
            );
        }
    }
}

/// A file of the repository, read-only, or a volume that `down --volumes` removes.
fn check_volume(compose: &Value, volume: &str) {
    let parts: Vec<&str> = volume.split(':').collect();
    if parts[0].starts_with("./") {
        assert!(path_of(parts[0]).exists(), "{volume}");
        assert_eq!(parts.get(2), Some(&"ro"), "{volume}");
    } else {
        let named = compose["volumes"].as_object().expect("volumes");
        assert!(named.contains_key(parts[0]), "{volume}");
    }
}

#[test]
fn processes_have_time_to_end() {
    let compose = yaml("docker-compose.yaml");
    for (name, _) in OURS {
        let grace = compose["services"][name]["stop_grace_period"].as_str();
        let grace = grace.and_then(|text| text.strip_suffix('s')?.parse().ok());
        let grace = Duration::from_secs(grace.expect("seconds"));
        assert!(grace > taken(&compose, name).end(), "{name}");
    }
}

#[test]
fn what_watches_finds_what_it_watches() {
    let compose = yaml("docker-compose.yaml");
    let services = &compose["services"];
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let mut found = Vec::new();
    for job in entries(&prometheus["scrape_configs"]) {
        let discovered = job["dns_sd_configs"].as_array().into_iter().flatten();
        for names in discovered {
            for name in list(&names["names"]) {
                let admin = taken(&compose, name).admin;
                assert!(admin.ip().is_unspecified(), "{name}");
                assert_eq!(names["port"], admin.port(), "{name}");
                found.push(name);
            }
        }
        let fixed = job["static_configs"].as_array().into_iter().flatten();
        for target in fixed.flat_map(|one| list(&one["targets"])) {
            let (host, port) = target.split_once(':').expect("a port");
            let name = if host == "127.0.0.1" {
                "prometheus"
            } else {
                host
            };
            let ports = published(&services[name]);
            assert!(ports.contains(&port.parse().expect("a number")), "{target}");
            found.push(name);
        }
    }
    let all = ["writer", "reader", "reader-direct", "apisix", "prometheus"];
    assert_eq!(found, all);
    let meet = |one: &str, other: &str| {
        let (one, other) = (&services[one]["networks"], &services[other]["networks"]);
        list(one)
            .iter()
            .any(|network| list(other).contains(network))
    };
    assert!(all.iter().all(|name| meet("prometheus", name)));
    assert!(meet("grafana", "prometheus") && meet("grafana", "jaeger"));
    let traced = ["writer", "reader", "reader-direct", "apisix", "jaeger"];
    assert!(traced.iter().all(|name| meet("otel-collector", name)));

    let collector = yaml("deploy/otel-collector.yaml");
    let receiver = &collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"];
    assert_eq!(receiver, "0.0.0.0:4318");
    for (name, _) in OURS {
        let endpoint = taken(&compose, name).process.otlp_endpoint.expect("traces");
        assert_eq!(endpoint.expose(), "http://otel-collector:4318", "{name}");
        let internal = &services[name]["environment"]["WRITER_INTERNAL_URL"];
        let writer = format!("http://writer:{}", taken(&compose, "writer").admin.port());
        assert!(name == "writer" || *internal == writer, "{name}");
    }
    let sources = yaml("deploy/grafana/provisioning/datasources/pressrun.yaml");
    let urls: Vec<&Value> = entries(&sources["datasources"])
        .map(|source| &source["url"])
        .collect();
    assert_eq!(urls, ["http://prometheus:9090", "http://jaeger:16686"]);
}

#[test]
fn the_addition_with_tokens_lets_nobody_else_write() {
    let addition = yaml("deploy/compose.tokens.yaml");
    let mut variables = environment(&yaml("docker-compose.yaml"), "writer");
    variables.extend(environment(&addition, "writer"));
    assert_eq!(variables["ALLOW_UNAUTHENTICATED_WRITES"], "false");
    let file = variables["WRITER_TOKENS_FILE"].clone();
    take("writer", &variables);
    // Not the short form: with it, a missing folder is made and is root's.
    let volume = &addition["services"]["writer"]["volumes"][0];
    assert_eq!(
        (&volume["type"], &volume["read_only"]),
        (&json!("bind"), &json!(true))
    );
    assert_eq!(volume["source"], "./tokens");
    let folder = volume["target"].as_str().expect("a folder");
    assert_eq!(file, format!("{folder}/tokens"));
    assert!(text("deploy/compose.tokens.yaml").contains("> tokens/tokens\n"));
}

/// There is nobody to log in as, so there is no password to know.
#[test]
fn grafana_has_no_default_password() {
    let compose = yaml("docker-compose.yaml");
    let environment = &compose["services"]["grafana"]["environment"];
    assert_eq!(
        environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"],
        "true"
    );
    assert_eq!(environment["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer");
    assert!(environment["GF_SECURITY_ADMIN_PASSWORD"].is_null());
    let provided = yaml("deploy/grafana/provisioning/dashboards/pressrun.yaml");
    let folder = provided["providers"][0]["options"]["path"].as_str();
    let mounted = list(&compose["services"]["grafana"]["volumes"]);
    let mount = format!("./deploy/grafana/dashboards:{}:ro", folder.expect("a path"));
    assert!(mounted.contains(&mount.as_str()), "{mount}");
}
