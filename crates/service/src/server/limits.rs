//! What one client, and all together, may make a server hold.

use std::time::Duration;

/// Upper bound on the header fields of a request; one more is answered 431. The parser's own
/// bound: raising it would cost an allocation with every request.
pub const HEADER_FIELDS_MAX: usize = 100;

/// Limits of a server. [`Self::STANDARD`] suits both planes of both services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once by one listener. More are answered 503 and closed, the first
    /// few; beyond those, closed. Standard 16,384.
    pub connections_max: usize,
    /// Connections that speak HTTP/2 at once, over all listeners; each may have 256 requests open.
    /// More are told to go away (GOAWAY, `ENHANCE_YOUR_CALM`) and closed. Standard 1,024.
    pub http2_connections_max: usize,
    /// Requests open at once over all of those. More are answered 503. Standard 16,384: as many as
    /// HTTP/1.1 has on a listener.
    pub http2_requests_max: usize,
    /// Octets of a request's head, from its method to its empty line. One more is answered 431,
    /// or 414 where the request line alone is too long; and the connection closes. Standard
    /// 32 KiB; at least 8 KiB and at most 64 KiB.
    pub head_bytes_max: usize,
    /// Octets of a request's target. One more is answered 414. Standard 8 KiB.
    pub target_bytes_max: usize,
    /// From a request's first octet to the end of its head; then 408, and the connection closes.
    /// A new connection may be silent for as long; then it closes without a word. Standard 10 s.
    pub head_timeout: Duration,
    /// How long a connection may be silent between requests. It closes without a word after this
    /// time at the earliest and twice this time at the latest. Standard 75 s, which is above the
    /// 60 s for which APISIX keeps its own idle connections: the side that sends should be the
    /// one that closes, or requests meet closed connections.
    pub idle_timeout: Duration,
    /// While the service waits for a request's content, each period of this length must bring
    /// [`Self::content_bytes_min`] or the rest; else 408, and the connection closes. Standard
    /// 10 s.
    pub content_timeout: Duration,
    /// See [`Self::content_timeout`]. Standard 16 KiB.
    pub content_bytes_min: u64,
    /// How long a client that does not take its response may keep it; then the connection is
    /// reset. The client must take what frees some of the kernel's send buffer within this time,
    /// which is not one octet but tens of kilobytes; so a trickle does not hold a connection.
    /// Responses that the send buffer has taken whole are watched by the kernel for twice as long
    /// (`TCP_USER_TIMEOUT`, on Linux). Standard 60 s.
    pub write_timeout: Duration,
}

impl Limits {
    /// What each field's documentation calls standard.
    pub const STANDARD: Self = Self {
        connections_max: 16_384,
        http2_connections_max: 1024,
        http2_requests_max: 16_384,
        head_bytes_max: 32 * 1024,
        target_bytes_max: 8 * 1024,
        head_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(75),
        content_timeout: Duration::from_secs(10),
        content_bytes_min: 16 * 1024,
        write_timeout: Duration::from_mins(1),
    };
}
