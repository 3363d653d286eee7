//! What a request is answered with: at once, or once a position is reached or a document is here.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use http_body_util::Full;
use service::{Kind, Problem, target::Parts};

use super::{
    DataPlane,
    route::{Route, document_key, route},
};
use crate::{
    catalog::KeyRef,
    fetch::{ATTEMPTS_MAX, Fetched},
    http::{
        DataResponse, at_least,
        counters::{ContentCounts, ReadOutcome},
        negotiate::Preferences,
        problem_response,
        respond::{document, not_modified},
        serve::{Answer, decide},
    },
};

/// Whether there is such a document is not known yet.
pub(super) struct Unknown;

impl DataPlane {
    /// Answers one request that bears `Pressrun-At-Least`: as [`Self::answer`], but not before the
    /// position is reached. Waits for [`WAIT_MAX`](crate::reached::WAIT_MAX) at most.
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
        let problem = match at_least::wait(&self.reached, headers).await {
            Ok(asked) => {
                let response = self.answer_fetching(method, uri, headers).await;
                match at_least::check(&self.reached, asked) {
                    Ok(()) => return response,
                    Err(problem) => problem,
                }
            }
            Err(problem) => problem,
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

    pub(super) fn answer_at_once(
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
    pub(in crate::http) fn refuse(&self, problem: Problem) -> DataResponse {
        self.counters.add(ReadOutcome::BadRequest);
        problem_response(problem)
    }

    /// Says that there is no such document.
    pub(in crate::http) fn absent(&self) -> DataResponse {
        self.counters.add(ReadOutcome::Absent);
        self.repeated.absent.clone()
    }

    /// Says that the documents are not here yet.
    pub(in crate::http) fn not_ready(&self) -> DataResponse {
        self.counters.add(ReadOutcome::NotReady);
        self.repeated.not_ready.clone()
    }

    /// Says that the document is not in memory, and could not be fetched.
    pub(in crate::http) fn unfetched(&self) -> DataResponse {
        self.counters.add(ReadOutcome::Unfetched);
        self.repeated.unknown.clone()
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

fn without_content_for(method: &Method, mut response: DataResponse) -> DataResponse {
    if method == Method::HEAD {
        *response.body_mut() = Full::default();
    }
    response
}

fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
}
