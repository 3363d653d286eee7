//! A whole writer but for its sockets, and short ways to ask it.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, body::Body};
use bus::MemoryBus;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use writer::{
    access::Access,
    commit::{Committed, Committer, outbox},
    http::{
        Backend, Inspect, Status,
        internal::{self, Internal},
    },
    render::{Codings, Renderer},
    store::{Store, Tip, sqlite::SqliteStore},
};

/// A writer on its own SQLite database.
pub(super) struct Site {
    pub(super) public: Router,
    pub(super) internal: Router,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: MemoryBus,
    pub(super) inspected: Arc<Inspected>,
    /// Held so that commits find their outbox open.
    _published: Committed,
    _directory: TempDir,
}

/// What the process says of itself; a test may change it.
#[derive(Debug, Default)]
pub(super) struct Inspected {
    pub(super) is_down: AtomicBool,
    pub(super) panics: AtomicBool,
}

impl Inspect for Inspected {
    fn ready(&self) -> Result<(), String> {
        assert!(
            !self.panics.load(Ordering::Relaxed),
            "expected in this test"
        );
        if self.is_down.load(Ordering::Relaxed) {
            Err("the writer is draining".to_owned())
        } else {
            Ok(())
        }
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }

    fn status(&self) -> Status {
        Status {
            release: "0.0.0",
            ready: true,
            draining: false,
            epoch: Some(7),
            head: Some(3),
            published_through: None,
            leader: true,
            term: Some(1),
            queue_depth: 0,
            queue_max: 4096,
            tokens: None,
            tokens_fault: None,
            audit: None,
        }
    }
}

pub(super) async fn site() -> Site {
    site_for(Access::Open).await
}

/// A writer to which only some may write.
pub(super) async fn site_for(access: Access) -> Site {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
    let (outbox, published) = outbox(1024);
    let (committer, commit_loop) = Committer::new(Arc::clone(&store), 64, None, outbox);
    tokio::spawn(commit_loop.run());
    let bus = MemoryBus::new();
    let (public, internal, inspected) = planes(Arc::clone(&store), committer, bus.clone(), access);
    Site {
        bus,
        public,
        internal,
        store,
        inspected,
        _published: published,
        _directory: directory,
    }
}

/// Both planes over a store and a committer, and what they ask the process.
pub(super) fn planes(
    store: Arc<dyn Store>,
    committer: Committer,
    bus: MemoryBus,
    access: Access,
) -> (Router, Router, Arc<Inspected>) {
    let renderer = Renderer::new(Codings::ALL, NonZeroUsize::MIN);
    let inspected = Arc::new(Inspected::default());
    let inspect: Arc<dyn Inspect> = Arc::<Inspected>::clone(&inspected);
    let public = writer::http::router(Backend {
        store: Arc::clone(&store),
        access,
        committer,
        renderer: renderer.clone(),
        inspect: Arc::clone(&inspect),
    });
    let internal = internal::router(Internal {
        store,
        renderer,
        bus: Arc::new(bus),
        inspect,
    });
    (public, internal, inspected)
}

impl Site {
    pub(super) async fn get(&self, path: &str) -> Answer {
        send(&self.public, request("GET", path, &[], "")).await
    }

    pub(super) async fn put(&self, path: &str, content: &str) -> Answer {
        self.put_if(path, &[], content).await
    }

    /// A put with more header fields.
    pub(super) async fn put_if(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        content: &str,
    ) -> Answer {
        let mut fields = fields.to_vec();
        fields.push(("content-type", "application/json"));
        send(
            &self.public,
            request("PUT", path, &fields, content.to_owned()),
        )
        .await
    }

    pub(super) async fn post(&self, path: &str, content: &str) -> Answer {
        let fields = [("content-type", "application/json")];
        send(
            &self.public,
            request("POST", path, &fields, content.to_owned()),
        )
        .await
    }

    pub(super) async fn delete_if(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        send(&self.public, request("DELETE", path, fields, "")).await
    }

    pub(super) async fn ask_internal(&self, path: &str) -> Answer {
        send(&self.internal, request("GET", path, &[], "")).await
    }

    pub(super) async fn tip(&self) -> Tip {
        self.store.feed().await.unwrap().tip
    }
}

pub(super) fn request(
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    content: impl Into<Body>,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(content.into()).unwrap()
}

pub(super) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let content = body.collect().await.unwrap().to_bytes();
    Answer(Response::from_parts(parts, content))
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(super) struct Answer(Response<Bytes>);

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// A header field; empty where it is missing.
    pub(super) fn field(&self, name: &str) -> &str {
        let field = self.0.headers().get(name);
        field.map_or("", |field| field.to_str().unwrap())
    }

    pub(super) fn content(&self) -> &Bytes {
        self.0.body()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(self.0.body()).unwrap()
    }

    /// The last part of a problem's type. Checks what every problem has on the way.
    #[track_caller]
    pub(super) fn problem(&self) -> String {
        assert_eq!(self.field("content-type"), "application/problem+json");
        assert_eq!(self.field("cache-control"), "no-store");
        let problem = self.json();
        assert_eq!(problem["status"], self.status().as_u16());
        let name = problem["type"].as_str().unwrap();
        name.strip_prefix("urn:pressrun:problem:")
            .unwrap()
            .to_owned()
    }

    #[track_caller]
    pub(super) fn check_problem(&self, status: u16, name: &str) {
        assert_eq!(
            (self.status().as_u16(), self.problem().as_str()),
            (status, name)
        );
    }
}
