//! Requests as traces show them, by OpenTelemetry's conventions for HTTP servers.

use std::borrow::Cow;

use http::{HeaderMap, Method, Uri, Version};
use telemetry::{Head, Kind, Origin, Span};

/// The header field that names the sender's step (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// Whether a request with these fields is traced, and from where.
pub fn decide(head: Head, fields: &HeaderMap) -> Option<Origin> {
    if head == Head::OFF {
        return None;
    }
    let mut values = fields.get_all(TRACEPARENT).iter();
    // Of two nobody knows which is meant.
    let only = values.next().filter(|_| values.next().is_none());
    head.decide(only.map(http::HeaderValue::as_bytes))
}

/// What is told of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method; other than the usual ones are told as `_OTHER`.
    pub method: &'a str,
    /// Its target's path.
    pub path: &'a str,
    /// Its target's query.
    pub query: Option<&'a str>,
    /// The route that answers it, if one does.
    pub route: Option<&'a str>,
    /// `1.1` or `2`.
    pub version: &'static str,
}

impl<'a> Asked<'a> {
    /// As a request of hyper's says.
    pub fn new(method: &'a Method, uri: &'a Uri, version: Version, route: Option<&'a str>) -> Self {
        Self {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query(),
            route,
            version: if version == Version::HTTP_2 {
                "2"
            } else {
                "1.1"
            },
        }
    }

    /// Begins the step in which it is answered.
    pub fn begin(&self, origin: Origin) -> Span {
        let span = Span::begin(origin, Kind::Server, self.name());
        self.describe(&span);
        span
    }

    /// What such a step is called.
    pub fn name(&self) -> Cow<'static, str> {
        let method = self.known_method().unwrap_or("HTTP");
        match self.route {
            Some(route) => Cow::Owned(format!("{method} {route}")),
            None => Cow::Borrowed(method),
        }
    }

    /// Notes what is asked.
    pub fn describe(&self, span: &Span) {
        let method = self.known_method().unwrap_or("_OTHER");
        span.set("http.request.method", method);
        span.set("url.scheme", "http");
        span.set("url.path", self.path.to_owned());
        if let Some(query) = self.query {
            span.set("url.query", query.to_owned());
        }
        if let Some(route) = self.route {
            span.set("http.route", route.to_owned());
        }
        span.set("network.protocol.version", self.version);
    }

    fn known_method(&self) -> Option<&'static str> {
        const KNOWN: [&str; 9] = [
            "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
        ];
        KNOWN.into_iter().find(|known| *known == self.method)
    }
}

/// Notes what was answered, and ends the step.
pub fn answered(span: &Span, status: u16) {
    span.set("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set("error.type", status.to_string());
        span.fail("");
    }
    span.end();
}
