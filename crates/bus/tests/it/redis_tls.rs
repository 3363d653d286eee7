//! The contract on Redis over TLS, and who is believed there.

use std::{error::Error, fs};

use bus::{BusError, Follower, Publisher, RedisBus};
use testkit::{
    Authority,
    redis::{RedisServer, namespace},
};
use tokio::sync::OnceCell;

use crate::{
    contract::subject::{LOG_SEGMENTS, Subject},
    redis::faults,
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
    let bus = server.open(&namespace).with_log_segments(LOG_SEGMENTS);
    Subject {
        publisher: Box::new(bus.clone()),
        follower: Box::new(bus),
        faults: faults(&server.server, &namespace),
    }
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
