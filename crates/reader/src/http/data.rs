//! The data plane: routes of documents and `/health`, nothing else.
//!
//! [`DataPlane::answer`] is the whole of it, a plain function; [`service()`] wraps it for a server.
//!
//! Budget on top of [`respond`](super::respond): an allocation where the key must be decoded. Only
//! requests that bear `Pressrun-At-Least` are awaited, see [`at_least`](super::at_least), and those
//! for what is not in memory, see [`fetch`](crate::fetch).

mod answer;
mod repeated;
mod route;
mod serving;

use std::{fmt, sync::Arc};

use http::HeaderValue;
use telemetry::Head;

use self::repeated::Repeated;
pub(super) use self::route::post_key;
pub(crate) use self::route::route_template;
pub use self::{route::TARGET_BYTES_MAX, serving::service};
use super::{DataResponse, DrainCheck, counters::ReadCounters, freshness::CacheControl};
use crate::{
    catalog::Catalog,
    fetch::Fetcher,
    hot::HotKeys,
    reached::{self, Reached},
};

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

impl DataPlane {
    /// `cache_control` is what documents bear, by default `no-cache`. `counters` should be the
    /// calling thread's own. No position is known of until [`Self::reaching`] says where from.
    pub fn new(
        catalog: Catalog,
        cache_control: HeaderValue,
        is_draining: DrainCheck,
        counters: Arc<ReadCounters>,
    ) -> Self {
        Self {
            catalog,
            cache_control: Arc::new(cache_control.into()),
            is_draining,
            counters,
            hot: HotKeys::default(),
            reached: reached::reached().1,
            fetcher: None,
            head: Head::OFF,
            repeated: Arc::new(Repeated::render()),
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
}

impl fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataPlane")
            .field("catalog", &self.catalog)
            .field("cache_control", &self.cache_control)
            .finish_non_exhaustive()
    }
}
