//! The contract on Redis over TLS, and who is believed there.

use std::{error::Error, fs};

use bus::{BusError, Follower, Publisher, RedisBus};
use testkit::{
    Authority, eventually,
    process::free_port,
    redis::{RedisServer, namespace},
};
use tokio::sync::OnceCell;

use crate::{
    contract::{self, subject::Subject},
    redis::subject,
};

contract! { open }

/// A server that listens on a second port for TLS.
struct TlsServer {
    server: RedisServer,
    authority: Authority,
    url: String,
}

static SHARED: OnceCell<TlsServer> = OnceCell::const_new();

impl TlsServer {
    async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let authority = Authority::new();
        let (server, url) = RedisServer::with_tls(&authority).await;
        Self {
            server,
            authority,
            url,
        }
    }

    fn open(&self, namespace: &str) -> RedisBus {
        let ca = fs::read(self.authority.certificate_file()).expect("it is there");
        RedisBus::open_believing(&self.url, namespace, &ca).expect("both are valid")
    }
}

async fn open() -> Subject {
    let server = TlsServer::shared().await;
    let namespace = namespace();
    subject(&server.open(&namespace), &server.server, &namespace)
}

/// A server or sentinel that listens for TLS at the port given back; a file of settings goes first.
async fn start_tls(authority: &Authority, more: &[&str]) -> (RedisServer, String) {
    let port = free_port().expect("a port is free").to_string();
    let options = authority.redis_options(&port);
    let mut words = more.to_vec();
    let at = usize::from(more.first().is_some_and(|first| !first.starts_with("--")));
    words.splice(at..at, options.iter().map(String::as_str));
    (RedisServer::start_with(&words).await, port)
}

/// A bus by this URL does what buses do, and believes this authority alone.
async fn works_and_believes(authority: &Authority, url: &str, server: &RedisServer) {
    let ca = fs::read(authority.certificate_file()).expect("it is there");
    let open = || {
        let bus = RedisBus::open_believing(url, "pressrun", &ca).expect("both are valid");
        subject(&bus, server, "pressrun")
    };
    contract::feed::every_subscription_gets_every_message(open()).await;
    contract::snapshot::snapshot_holds_every_document_once(open()).await;
    let ca = fs::read(Authority::new().certificate_file()).expect("it is there");
    let stranger = RedisBus::open_believing(url, "pressrun", &ca).expect("both are valid");
    let causes = causes(&stranger.meta().await.expect_err("it is not believed"));
    assert!(causes.contains("UnknownIssuer"), "{causes}");
}

#[tokio::test]
async fn sentinels_and_the_master_that_they_name_are_reached_over_tls() {
    let authority = Authority::new();
    let (server, port) = start_tls(&authority, &[]).await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("sentinel.conf");
    let watch = format!("sentinel monitor pressrun 127.0.0.1 {port} 1\n");
    fs::write(&file, watch).expect("the file can be written");
    let file = file.display().to_string();
    let options = [&file, "--tls-replication", "yes", "--sentinel"];
    let (_sentinel, port) = start_tls(&authority, &options).await;
    let url = format!("rediss+sentinel://127.0.0.1:{port}/pressrun");
    works_and_believes(&authority, &url, &server).await;
}

#[tokio::test]
async fn nodes_of_a_cluster_send_to_each_other_over_tls() {
    let authority = Authority::new();
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let bus = free_port().expect("a port is free").to_string();
        let options = [
            "--cluster-enabled",
            "yes",
            "--tls-cluster",
            "yes",
            "--cluster-port",
            &bus,
        ];
        let (node, port) = start_tls(&authority, &options).await;
        nodes.push((node, port, bus));
    }
    let [(asked, asked_port, _), (master, port, bus)] = &nodes[..] else {
        panic!("two nodes");
    };
    let words = ["CLUSTER", "KEYSLOT", "{pressrun}:meta"];
    let slot: u16 = asked.command(&words).await;
    let [before, ours, after] = [slot - 1, slot, slot + 1].map(|slot| slot.to_string());
    let add = ["CLUSTER", "ADDSLOTSRANGE"];
    let () = asked
        .command(&[&add[..], &["0", &before, &after, "16383"]].concat())
        .await;
    let () = master.command(&[&add[..], &[&ours, &ours]].concat()).await;
    let () = asked
        .command(&["CLUSTER", "MEET", "127.0.0.1", port, bus])
        .await;
    for node in [asked, master] {
        eventually("the Cluster serves", async || {
            let told: String = node.try_command(&["CLUSTER", "INFO"]).await.ok()?;
            told.contains("cluster_state:ok").then_some(())
        })
        .await;
    }
    let url = format!("rediss+cluster://127.0.0.1:{asked_port}");
    works_and_believes(&authority, &url, master).await;
}

/// Every cause of an error, in words.
fn causes(error: &BusError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[tokio::test]
async fn an_authority_that_is_not_believed_is_refused_by_name() {
    let server = TlsServer::shared().await;
    let stranger = Authority::new();
    let ca = fs::read(stranger.certificate_file()).expect("it is there");
    let bus = RedisBus::open_believing(&server.url, "pressrun", &ca).expect("both are valid");
    let errors = [
        bus.meta().await.expect_err("commands"),
        bus.subscribe().await.map(drop).expect_err("subscriptions"),
        bus.snapshot().await.map(drop).expect_err("snapshots"),
    ];
    for error in errors {
        let causes = causes(&error);
        assert!(causes.contains("UnknownIssuer"), "{causes}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let server = TlsServer::shared().await;
    let ca = fs::read(server.authority.certificate_file()).expect("it is there");
    // Another way to write the same address, which the certificate does not name.
    let url = server.url.replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let bus = RedisBus::open_believing(&url, "pressrun", &ca).expect("both are valid");
    for error in [
        bus.meta().await.expect_err("commands"),
        bus.snapshot().await.map(drop).expect_err("snapshots"),
    ] {
        let causes = causes(&error);
        assert!(causes.contains("not valid for name"), "{causes}");
    }
}

#[tokio::test]
async fn a_file_of_authorities_must_have_one_and_needs_tls() {
    let authority = Authority::new();
    let ca = fs::read(authority.certificate_file()).expect("it is there");
    for (url, ca) in [
        ("redis://127.0.0.1", &ca[..]),
        ("rediss://127.0.0.1", b""),
        ("rediss://127.0.0.1", b"nonsense"),
        (
            "rediss://127.0.0.1",
            b"-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n",
        ),
    ] {
        assert!(
            RedisBus::open_believing(url, "pressrun", ca).is_err(),
            "{url}"
        );
    }
    let missing = std::path::Path::new("/nowhere/ca.pem");
    let error = RedisBus::open_by("rediss://127.0.0.1", Some(missing)).expect_err("no file");
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}
