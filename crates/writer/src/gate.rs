//! A router that can be reached before what it needs is there.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use service::{Kind, Problem};
use tower::ServiceExt;

/// Hands requests to one router until it is opened, and to another from then on. Cheap to clone;
/// clones open together.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    closed: Router,
    opened: Arc<OnceLock<Router>>,
}

impl Gate {
    /// A gate that answers 503 to everything.
    pub(crate) fn new() -> Self {
        Self::before(Router::new())
    }

    /// A gate that answers 503 to everything but `/livez`: only a restart would help there.
    pub(crate) fn live() -> Self {
        Self::before(Router::new().route("/livez", get(async || "live\n")))
    }

    fn before(closed: Router) -> Self {
        Self {
            closed: closed.fallback(async || {
                Problem::new(Kind::StoreUnavailable, "the database is not there yet")
            }),
            opened: Arc::default(),
        }
    }

    /// Lets requests through to `router`, for good. Only the first call counts.
    pub(crate) fn open(&self, router: Router) {
        let _router = self.opened.get_or_init(|| router);
    }

    /// The gate as a router.
    pub(crate) fn router(&self) -> Router {
        Router::new().fallback(pass).with_state(self.clone())
    }
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    let router = gate.opened.get().unwrap_or(&gate.closed).clone();
    match router.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}
