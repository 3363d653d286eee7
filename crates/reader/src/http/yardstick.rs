//! Yardsticks: how the pattern that this reader answers would read, to measure `/post` against.
//!
//! `GET /post-redis?id=` asks Redis for the envelope on each request, as a service without a copy
//! in memory does. `GET /post-marshal?id=` takes the entry in memory, parses its JSON and
//! serialises it again on each request, as a service that keeps values rather than octets does.
//! Both follow the rules of `/post` for ids and errors.
//!
//! They are off unless `YARDSTICKS` is on, and then stand *before* the data plane: without them
//! a request meets nothing of this file. They negotiate nothing, know no preconditions, and leave
//! ETag, Vary and the version out, so their answers are a little smaller than those of `/post`.

use std::{convert::Infallible, future, sync::Arc};

use axum::body::Body;
use bus::Follower;
use bytes::Bytes;
use futures_util::future::Either;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use serde_json::Value;
use service::{Kind, Problem};
use shared::{Change, ContentCoding, ResourceKey};
use tower::{Service, service_fn};

use super::{
    DataResponse,
    counters::ReadOutcome,
    data::{DataPlane, post_key},
    problem_response,
};
use crate::catalog::Lookup;

/// The data plane of one serving thread with the yardsticks before it.
#[derive(Debug)]
pub struct Yardsticks {
    plane: DataPlane,
    bus: Arc<dyn Follower>,
}

#[derive(Debug, Clone, Copy)]
enum Yardstick {
    Redis,
    Marshal,
}

impl Yardsticks {
    /// `bus` should be the calling thread's own: it may connect on the runtime that first uses it.
    pub fn new(plane: DataPlane, bus: Arc<dyn Follower>) -> Self {
        Self { plane, bus }
    }

    /// Answers a request for a yardstick. Its content, if it has any, is not looked at.
    async fn answer(&self, yardstick: Yardstick, method: &Method, uri: &Uri) -> DataResponse {
        let mut response = match post_key(method, uri) {
            Err(problem) => self.plane.refuse(problem),
            Ok(key) => match yardstick {
                Yardstick::Redis => self.fetch(&key).await,
                Yardstick::Marshal => self.marshal(&key),
            },
        };
        if method == Method::HEAD {
            *response.body_mut() = Full::default();
        }
        response
    }

    /// Where Redis has lost the document this says that there is none, as the pattern does.
    async fn fetch(&self, key: &ResourceKey) -> DataResponse {
        let envelope = match self.bus.fetch(key).await {
            Ok(envelope) => envelope,
            Err(error) => {
                // Not a warning: one for each request would be a flood.
                tracing::debug!(%error, "a yardstick got nothing from the bus");
                self.plane.counters().add(ReadOutcome::NotReady);
                return problem_response(Problem::new(Kind::NotReady, "Redis does not answer"));
            }
        };
        let Some(Change::Put(representations)) = envelope.map(|envelope| envelope.change) else {
            return self.plane.absent();
        };
        let mut representations = representations.into_iter();
        match representations.find(|one| one.coding == ContentCoding::Identity) {
            Some(identity) => self.document(identity.octets),
            None => self.plane.absent(),
        }
    }

    fn marshal(&self, key: &ResourceKey) -> DataResponse {
        let entry = match self.plane.catalog().lookup(key) {
            Lookup::Hit(entry) => entry,
            Lookup::Absent => return self.plane.absent(),
            Lookup::Unknown => return self.plane.unfetched(),
            Lookup::NotReady => return self.plane.not_ready(),
        };
        let Some(identity) = entry.representations().next() else {
            return self.plane.absent();
        };
        let parsed: Result<Value, _> = serde_json::from_slice(identity.octets());
        match parsed.and_then(|value| serde_json::to_vec(&value)) {
            Ok(json) => self.document(Bytes::from(json)),
            Err(error) => {
                tracing::error!(%error, key = key.as_str(), "a document is not JSON");
                problem_response(Problem::new(Kind::Internal, "the document is not JSON"))
            }
        }
    }

    fn document(&self, octets: Bytes) -> DataResponse {
        self.plane.counters().add(ReadOutcome::Hit);
        let length = HeaderValue::from(octets.len());
        let mut response = DataResponse::new(Full::new(octets));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length);
        for (name, value) in [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl Yardstick {
    fn of(uri: &Uri) -> Option<Self> {
        match uri.path() {
            "/post-redis" => Some(Self::Redis),
            "/post-marshal" => Some(Self::Marshal),
            _ => None,
        }
    }
}

/// The data plane with the yardsticks, as a service. All other requests are answered as in
/// [`data::service`](super::data::service), so that the two can be compared.
pub fn service(
    yardsticks: Yardsticks,
) -> impl Service<Request<Body>, Response = DataResponse, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let yardsticks = Arc::new(yardsticks);
    service_fn(move |request: Request<Body>| {
        let (parts, _content) = request.into_parts();
        let Some(yardstick) = Yardstick::of(&parts.uri) else {
            let plane = &yardsticks.plane;
            let response = plane.answer(&parts.method, &parts.uri, &parts.headers);
            return Either::Left(future::ready(Ok(response)));
        };
        let yardsticks = Arc::clone(&yardsticks);
        Either::Right(async move {
            let answered = yardsticks.answer(yardstick, &parts.method, &parts.uri);
            Ok(answered.await)
        })
    })
}
