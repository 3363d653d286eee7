//! The auditor, asking over TCP: one that answers what the bus holds, one that answers what it held
//! at first, one that accepts and never answers, and one that nobody listens for.

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU32};

use axum::{Router, extract::Path, routing::get};
use serde_json::json;
use shared::{
    ResourceKey, Version,
    digest::{DocumentState, Listing},
};
use tokio::net::{TcpListener, TcpSocket};
use writer::leader::audit::{AuditStatus, DELAYS, DelayStatus};

use super::*;
use crate::store::fixture::{delete, put};

/// Of a reader of the bus, or of one that has stopped at some state of it.
#[derive(Debug, Clone)]
enum Held {
    Bus(MemoryBus),
    State(Listing),
}

impl Held {
    async fn listing(&self, key: ResourceKey) -> Listing {
        match self {
            Self::State(listing) => listing.clone(),
            Self::Bus(bus) => {
                let meta = Publisher::meta(bus).await.unwrap().unwrap();
                let envelope = bus.fetch(&key).await.unwrap();
                let live = envelope.filter(|it| it.change != Change::Delete);
                let state = |envelope: Envelope| DocumentState {
                    sequence: envelope.position.sequence,
                    version: envelope.version,
                    expires_at: None,
                    tag: None,
                };
                Listing {
                    position: meta.position(),
                    documents: live.map(|it| (key, state(it))).into_iter().collect(),
                }
            }
        }
    }
}

async fn serve(held: Held) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |Path((collection, id)): Path<(String, String)>| async move {
        let key = ResourceKey::parse(&collection, &id).unwrap();
        held.listing(key).await.to_text()
    };
    let router = Router::new().route("/digest/{collection}/{id}", get(answer));
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

async fn register(bus: &MemoryBus, reader: &str, admin: SocketAddr) {
    let status = json!({"reader": reader, "admin_url": format!("http://{admin}")});
    bus.register(reader, &status.to_string()).await.unwrap();
}

/// Over an empty database and an empty bus, with an auditor.
async fn audited() -> Desk {
    let audit = Audit::new(NonZeroU32::new(20).unwrap()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let desk = Desk::start_with(Some(audit), directory, store, MemoryBus::new()).await;
    desk.until_settled().await;
    desk
}

impl Desk {
    fn audit(&self) -> AuditStatus {
        self.engine.parts().audit.as_ref().unwrap().status()
    }

    /// Writes and deletes until this is so of what was found at each delay.
    async fn write_until(&self, what: &str, found: fn(&DelayStatus) -> bool) -> AuditStatus {
        let writing = async {
            for number in 0_u32.. {
                let body = format!(r#"{{"n":{number}}}"#);
                self.write(put("a", &body)).await;
                self.write(put("b", &body)).await;
                self.write(delete("b")).await;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let finding = eventually(what, async || {
            let status = self.audit();
            status.delays.iter().all(found).then_some(status)
        });
        tokio::select! {
            () = writing => unreachable!("there is always another number"),
            status = finding => status,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_serve_what_was_committed_are_found_consistent() {
    let desk = audited().await;
    let right = serve(Held::Bus(desk.bus.clone())).await;
    register(&desk.bus, "right", right).await;
    let found = desk
        .write_until("answers at each delay", |delay| delay.consistent >= 10)
        .await;
    assert_eq!((found.readers, found.delays.len()), (1, DELAYS.len()));
    // Earlier ones may be stale on a machine that is slow enough, and any may be late.
    let last = found.delays.last().unwrap();
    assert_eq!((last.delay_ms, last.stale), (5000, 0));
    assert_eq!(last.asked, last.consistent + last.unanswered);
    assert!(last.nines >= Some(1.0), "{last:?}");
    desk.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_and_silent_readers_are_told_apart_and_cost_others_nothing() {
    let desk = audited().await;
    let first = desk.write(put("a", r#"{"n":"first"}"#)).await;
    let state = DocumentState {
        sequence: first.slot.position.sequence,
        version: Version(1),
        expires_at: None,
        tag: None,
    };
    let behind = serve(Held::State(Listing {
        position: first.slot.position,
        documents: BTreeMap::from([(key("a"), state)]),
    }))
    .await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Bound, so that nobody else gets the port, and not listening.
    let gone = TcpSocket::new_v4().unwrap();
    gone.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let right = serve(Held::Bus(desk.bus.clone())).await;
    register(&desk.bus, "behind", behind).await;
    register(&desk.bus, "silent", silent.local_addr().unwrap()).await;
    register(&desk.bus, "gone", gone.local_addr().unwrap()).await;
    register(&desk.bus, "right", right).await;

    let found = desk
        .write_until("all outcomes at each delay", |delay| {
            delay.stale >= 5 && delay.unanswered >= 10 && delay.consistent >= 5
        })
        .await;

    assert_eq!(found.readers, 4);
    for delay in found.delays {
        let sum = delay.consistent + delay.stale + delay.unanswered;
        assert_eq!(delay.asked, sum, "{delay:?}");
    }
    desk.finish().await;
}
