//! The data plane: routes of documents and `/health`, nothing else.
//!
//! [`DataPlane::answer`] is the whole of it, a plain function; [`service()`] wraps it for a server. It
//! does its own routing, of three routes, because ids are decoded once, by
//! [`service::target`], from segments as they stand in the URL.
//!
//! Budget on top of [`respond`](super::respond): an allocation where the key must be decoded. Only requests that bear
//! `Pressrun-At-Least` are awaited, see [`at_least`], and those for what is not in memory, see
//! [`fetch`](crate::fetch).

use std::{convert::Infallible, fmt, future, sync::Arc};

use axum::body::Body;
use futures_util::future::Either;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request};
use http_body_util::Full;
use service::{
    Kind, Problem,
    target::{self, Parts},
    traces,
};
use shared::ResourceKey;
use telemetry::{Head, Origin};
use tower::{Service, service_fn};

use super::{
    DataResponse, DrainCheck,
    at_least::{self, AT_LEAST},
    counters::{ContentCounts, ReadCounters, ReadOutcome},
    freshness::CacheControl,
    negotiate::Preferences,
    problem_response,
    respond::{document, not_modified},
    serve::{Answer, decide},
};
use crate::{
    catalog::{Catalog, KeyRef},
    fetch::{ATTEMPTS_MAX, Fetched, Fetcher},
    hot::HotKeys,
    reached::{self, Reached},
};

/// Upper bound on path and query of a request, in octets; longer ones are 414. RFC 9110 §4.1
/// recommends at least 8,000. The longest key, percent-encoded, needs 833.
pub const TARGET_BYTES_MAX: usize = 8192;

const ALLOWED: &str = "GET, HEAD";

/// What one serving thread answers with. Cloning it copies pointers.
#[derive(Clone)]
pub struct DataPlane {
    catalog: Catalog,
    cache_control: Arc<CacheControl>,
    is_draining: DrainCheck,
    counters: Arc<ReadCounters>,
    hot: HotKeys,
    reached: Reached,
    /// None where the set is always whole.
    fetcher: Option<Fetcher>,
    head: Head,
    repeated: Arc<Repeated>,
}

/// Answers without parts that differ, rendered once.
struct Repeated {
    absent: DataResponse,
    not_ready: DataResponse,
    unknown: DataResponse,
    healthy: DataResponse,
}

/// Whether there is such a document is not known yet.
struct Unknown;

enum Route<'a> {
    Health,
    Document(Result<Parts<'a>, Problem>),
}

impl DataPlane {
    /// `cache_control` is what documents bear, by default `no-cache`. `counters` should be the
    /// calling thread's own. No position is known of until [`Self::reaching`] says where from.
    pub fn new(
        catalog: Catalog,
        cache_control: HeaderValue,
        is_draining: DrainCheck,
        counters: Arc<ReadCounters>,
    ) -> Self {
        let absent = Problem::new(Kind::NoSuchDocument, "there is no such document");
        let not_ready = Problem::new(
            Kind::NotReady,
            "this reader does not hold the documents yet",
        );
        let unknown = Problem::new(
            Kind::Unfetched,
            "the document is not in memory and cannot be fetched now",
        );
        let mut healthy = DataResponse::new(Full::from(r#"{"status":"healthy"}"#));
        for (name, value) in [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_LENGTH, "20"),
        ] {
            let value = HeaderValue::from_static(value);
            healthy.headers_mut().insert(name, value);
        }
        Self {
            catalog,
            cache_control: Arc::new(cache_control.into()),
            is_draining,
            counters,
            hot: HotKeys::default(),
            reached: reached::reached().1,
            fetcher: None,
            head: Head::OFF,
            repeated: Arc::new(Repeated {
                absent: problem_response(absent),
                not_ready: problem_response(not_ready),
                unknown: problem_response(unknown),
                healthy,
            }),
        }
    }

    /// The same plane, for reads that wait for a position: this one.
    #[must_use]
    pub fn reaching(self, reached: Reached) -> Self {
        Self { reached, ..self }
    }

    /// The same plane, with its samples of what is asked for counted here.
    #[must_use]
    pub fn sampling(self, hot: HotKeys) -> Self {
        Self { hot, ..self }
    }

    /// The same plane, for documents that are not in memory: this asks for them.
    #[must_use]
    pub fn fetching(self, fetcher: Fetcher) -> Self {
        let fetcher = Some(fetcher);
        Self { fetcher, ..self }
    }

    /// The same plane, of which some reads are traced: as this decides.
    #[must_use]
    pub fn tracing(self, head: Head) -> Self {
        Self { head, ..self }
    }

    /// Answers one request that bears `Pressrun-At-Least`: as [`Self::answer`], but not before the
    /// position is reached. Waits for [`reached::WAIT_MAX`] at most.
    pub async fn answer_at_least(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> DataResponse {
        let is_read = matches!(route(method, uri), Ok(Route::Document(Ok(_))));
        if !is_read || !self.catalog.is_ready() {
            return self.answer(method, uri, headers);
        }
        let Err(problem) = at_least::wait(&self.reached, headers).await else {
            return self.answer_fetching(method, uri, headers).await;
        };
        self.counters.add(match problem.kind() {
            Kind::Behind => ReadOutcome::Behind,
            Kind::EpochEnded => ReadOutcome::EpochEnded,
            _ => ReadOutcome::BadRequest,
        });
        without_content_for(method, problem_response(problem))
    }

    /// Answers one request at once. Its content, if it has any, is not looked at. A document that is
    /// not in memory is refused.
    pub fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> DataResponse {
        match self.answer_at_once(method, uri, headers) {
            Ok(response) => response,
            Err(Unknown) => without_content_for(method, self.unfetched()),
        }
    }

    /// Answers one request as [`Self::answer`] does, but fetches what is not in memory. Waits for
    /// some seconds at most.
    pub async fn answer_fetching(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> DataResponse {
        // What was fetched may have gone again.
        for _ in 0..ATTEMPTS_MAX {
            if let Ok(response) = self.answer_at_once(method, uri, headers) {
                return response;
            }
            let (Some(fetcher), Some(key)) = (&self.fetcher, document_key(method, uri)) else {
                break;
            };
            match fetcher.fetch(key).await {
                Fetched::Held => {}
                Fetched::Absent => return without_content_for(method, self.absent()),
                Fetched::Refused => break,
            }
        }
        without_content_for(method, self.unfetched())
    }

    fn answer_at_once(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<DataResponse, Unknown> {
        let response = match route(method, uri) {
            Ok(Route::Health) => self.health(),
            Ok(Route::Document(Ok(key))) => self.read(&key, headers, method)?,
            Ok(Route::Document(Err(problem))) | Err(problem) => self.refuse(problem),
        };
        Ok(without_content_for(method, response))
    }

    fn read(
        &self,
        key: &Parts<'_>,
        headers: &HeaderMap,
        method: &Method,
    ) -> Result<DataResponse, Unknown> {
        let is_head = method == Method::HEAD;
        let key = KeyRef::from((&*key.0, &*key.1));
        self.hot.pass(key);
        let answer = decide(
            &self.catalog,
            key,
            || Preferences::parse(lines(headers, &header::ACCEPT_ENCODING)),
            lines(headers, &header::IF_NONE_MATCH),
        );
        Ok(match answer {
            Answer::Document(selected) => {
                self.counters.add(ReadOutcome::Hit);
                self.count_content(|counts| counts.document(&selected, is_head));
                document(&self.cache_control, &selected, method)
            }
            Answer::NotModified(selected) => {
                self.counters.add(ReadOutcome::NotModified);
                self.count_content(|counts| counts.not_modified(&selected, is_head));
                not_modified(&self.cache_control, &selected)
            }
            Answer::Absent => self.absent(),
            Answer::NotReady => self.not_ready(),
            Answer::Unknown => return Err(Unknown),
        })
    }

    fn count_content(&self, count: impl FnOnce(&mut ContentCounts)) {
        let mut counts = ContentCounts::default();
        count(&mut counts);
        self.counters.add_content(&counts);
    }

    /// Refuses a request that is wrong in itself.
    pub(super) fn refuse(&self, problem: Problem) -> DataResponse {
        self.counters.add(ReadOutcome::BadRequest);
        problem_response(problem)
    }

    /// Says that there is no such document.
    pub(super) fn absent(&self) -> DataResponse {
        self.counters.add(ReadOutcome::Absent);
        self.repeated.absent.clone()
    }

    /// Says that the documents are not here yet.
    pub(super) fn not_ready(&self) -> DataResponse {
        self.counters.add(ReadOutcome::NotReady);
        self.repeated.not_ready.clone()
    }

    /// Says that the document is not in memory, and could not be fetched.
    pub(super) fn unfetched(&self) -> DataResponse {
        self.counters.add(ReadOutcome::Unfetched);
        self.repeated.unknown.clone()
    }

    /// What documents bear.
    pub(crate) fn cache_control(&self) -> &CacheControl {
        &self.cache_control
    }

    /// The answer where there is no such document.
    pub(crate) fn absent_response(&self) -> DataResponse {
        self.repeated.absent.clone()
    }

    /// The answer where the documents are not here yet.
    pub(crate) fn not_ready_response(&self) -> DataResponse {
        self.repeated.not_ready.clone()
    }

    /// The answer where a document is not in memory and cannot be fetched.
    pub(crate) fn unfetched_response(&self) -> DataResponse {
        self.repeated.unknown.clone()
    }

    /// Where this plane asks for what is not in memory.
    pub(crate) fn fetcher(&self) -> Option<&Fetcher> {
        self.fetcher.as_ref()
    }

    /// The position that this plane has reached.
    pub(crate) fn reached(&self) -> &Reached {
        &self.reached
    }

    /// Which reads are traced.
    pub(crate) const fn head(&self) -> Head {
        self.head
    }

    /// Where this plane reads.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Where this plane counts.
    pub(super) fn counters(&self) -> &ReadCounters {
        &self.counters
    }

    /// 200 once the set is whole and unless draining. Never a matter of staleness: one outage of
    /// the bus would take every reader out of the gateway at once.
    fn health(&self) -> DataResponse {
        if (self.is_draining)() {
            problem_response(Problem::new(Kind::NotReady, "this reader is draining"))
        } else if self.catalog.is_ready() {
            self.repeated.healthy.clone()
        } else {
            self.repeated.not_ready.clone()
        }
    }
}

impl fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataPlane")
            .field("catalog", &self.catalog)
            .field("cache_control", &self.cache_control)
            .finish_non_exhaustive()
    }
}

fn without_content_for(method: &Method, mut response: DataResponse) -> DataResponse {
    if method == Method::HEAD {
        *response.body_mut() = Full::default();
    }
    response
}

/// The key of a read; none where the request is something else, or wrong.
fn document_key(method: &Method, uri: &Uri) -> Option<ResourceKey> {
    let Ok(Route::Document(Ok((collection, id)))) = route(method, uri) else {
        return None;
    };
    ResourceKey::parse(&collection, &id).ok()
}

/// Finds the route, then checks the method, then the key: so 405 only where another method works.
fn route<'a>(method: &Method, uri: &'a Uri) -> Result<Route<'a>, Problem> {
    check_length(uri)?;
    let is_read = method == Method::GET || method == Method::HEAD;
    let document_path = document_segments(uri.path());
    match uri.path() {
        "/post" | "/health" if !is_read => Err(Problem::method_not_allowed(ALLOWED)),
        "/post" => Ok(Route::Document(target::post_parts(uri.query()))),
        "/health" => Ok(Route::Health),
        _ => match document_path {
            Some(_) if !is_read => Err(Problem::method_not_allowed(ALLOWED)),
            Some((collection, id)) => Ok(Route::Document(target::path_parts(collection, id))),
            None => Err(Problem::new(Kind::NoSuchRoute, "there is no such route")),
        },
    }
}

/// The key of a request whose path has been found to be like that of `/post`.
///
/// # Errors
/// 405, 414, or 400 where `id` is missing, repeated or not valid.
pub(super) fn post_key(method: &Method, uri: &Uri) -> Result<ResourceKey, Problem> {
    check_length(uri)?;
    if method != Method::GET && method != Method::HEAD {
        return Err(Problem::method_not_allowed(ALLOWED));
    }
    target::post_from_query(uri.query())
}

fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
}

fn check_length(uri: &Uri) -> Result<(), Problem> {
    let target_len = uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target_len > TARGET_BYTES_MAX {
        return Err(Problem::new(
            Kind::UriTooLong,
            format!(
                "path and query have {target_len} octets; at most {TARGET_BYTES_MAX} are allowed"
            ),
        ));
    }
    Ok(())
}

/// The two segments of `/v1/{collection}/{id}`, still encoded: `%2F` divides nothing.
fn document_segments(path: &str) -> Option<(&str, &str)> {
    let (collection, id) = path.strip_prefix("/v1/")?.split_once('/')?;
    (!id.contains('/')).then_some((collection, id))
}

/// What answers a document, as the conventions write it.
pub(crate) fn route_template(path: &str) -> Option<&'static str> {
    match path {
        "/post" => Some("/post"),
        "/health" => Some("/health"),
        _ => document_segments(path).map(|_segments| "/v1/{collection}/{id}"),
    }
}

/// The data plane as a service.
///
/// It answers at once, unless a request bears `Pressrun-At-Least`, is for what is not in memory, or is
/// traced. A router would box each request's future and content, and copy the plane.
pub fn service(
    plane: DataPlane,
) -> impl Service<Request<Body>, Response = DataResponse, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let plane = Arc::new(plane);
    service_fn(move |request: Request<Body>| {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let origin = traces::decide(plane.head, headers);
        if origin.is_none()
            && !headers.contains_key(&AT_LEAST)
            && let Ok(response) = plane.answer_at_once(method, uri, headers)
        {
            return Either::Right(future::ready(Ok(response)));
        }
        let plane = Arc::clone(&plane);
        // Boxed, so that reads that do not wait are not the larger for it.
        Either::Left(Box::pin(async move {
            let response = match origin {
                None => answer_in_time(&plane, &request.into_parts().0).await,
                Some(origin) => answer_traced(&plane, &request.into_parts().0, origin).await,
            };
            Ok(response)
        }))
    })
}

async fn answer_in_time(plane: &DataPlane, request: &request::Parts) -> DataResponse {
    let (method, uri, headers) = (&request.method, &request.uri, &request.headers);
    if headers.contains_key(&AT_LEAST) {
        plane.answer_at_least(method, uri, headers).await
    } else {
        plane.answer_fetching(method, uri, headers).await
    }
}

async fn answer_traced(
    plane: &DataPlane,
    request: &request::Parts,
    origin: Origin,
) -> DataResponse {
    let (method, uri) = (&request.method, &request.uri);
    let route = route_template(uri.path());
    let span = traces::Asked::new(method, uri, request.version, route).begin(origin);
    let response = span.clone().around(answer_in_time(plane, request)).await;
    traces::answered(&span, response.status().as_u16());
    response
}
