//! Answers as octets: the head from parts that lie ready, then the content.
//!
//! # Budget
//!
//! Copies only: no allocation (the buffer is reused), no formatting but of two numbers, by table.
//! A document that expires may have its Cache-Control formatted.

use futures_util::FutureExt;
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use shared::ContentCoding;

use crate::http::{
    DataResponse,
    freshness::CacheControl,
    respond::{ACCEPT_ENCODING, JSON, NOSNIFF},
    serve::Selected,
};

/// Content from this length on is written from where it lies; shorter content is copied behind
/// its head, so that both leave in one write. In octets.
pub(super) const COPY_BYTES_MAX: usize = 16 * 1024;

/// Octets of a date as HTTP writes it (RFC 9110 §5.6.7).
const DATE_BYTES: usize = 29;

const DATE_FIELD: &str = "\r\ndate: ";

/// What all answers of one kind begin with.
#[derive(Debug)]
struct Beginning {
    octets: Vec<u8>,
    date_at: usize,
}

impl Beginning {
    /// Status line, Date, and these fields.
    fn new<'a>(status: StatusCode, fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        let mut octets = format!("HTTP/1.1 {} {reason}{DATE_FIELD}", status.as_u16()).into_bytes();
        let date_at = octets.len();
        octets.extend_from_slice(&[b' '; DATE_BYTES]);
        octets.extend_from_slice(b"\r\n");
        for (name, value) in fields {
            put(&mut octets, &[name.as_bytes(), b": ", value, b"\r\n"]);
        }
        Self { octets, date_at }
    }

    fn set_date(&mut self, date: &str) {
        debug_assert_eq!(date.len(), DATE_BYTES, "{date} is a date");
        self.octets[self.date_at..self.date_at + DATE_BYTES].copy_from_slice(date.as_bytes());
    }
}

/// An answer that is the same each time but for its date.
#[derive(Debug)]
struct Repeated {
    head: Beginning,
    content: Vec<u8>,
}

impl Repeated {
    fn of(response: DataResponse) -> Self {
        let (parts, body) = response.into_parts();
        let fields = parts.headers.iter();
        let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let mut head = Beginning::new(parts.status, fields);
        head.octets.extend_from_slice(b"\r\n");
        // A whole body is there at once, and cannot fail.
        let content = body.collect().now_or_never().and_then(Result::ok);
        Self {
            head,
            content: content.map_or_else(Vec::new, |content| content.to_bytes().to_vec()),
        }
    }

    fn write(&self, is_head: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head.octets);
        if !is_head {
            out.extend_from_slice(&self.content);
        }
    }
}

/// Writes answers. Each lane has one.
#[derive(Debug)]
pub(super) struct Composer {
    cache_control: CacheControl,
    document: Beginning,
    not_modified: Beginning,
    absent: Repeated,
    not_ready: Repeated,
}

impl Composer {
    /// `absent` and `not_ready` are the answers where there is no document. No date is set yet.
    pub(super) fn new(
        cache_control: CacheControl,
        absent: DataResponse,
        not_ready: DataResponse,
    ) -> Self {
        let vary = (header::VARY.as_str(), ACCEPT_ENCODING);
        let document = [
            (header::CONTENT_TYPE.as_str(), JSON),
            (header::X_CONTENT_TYPE_OPTIONS.as_str(), NOSNIFF),
            vary.clone(),
        ];
        Self {
            cache_control,
            document: beginning(StatusCode::OK, &document),
            not_modified: beginning(StatusCode::NOT_MODIFIED, &[vary]),
            absent: Repeated::of(absent),
            not_ready: Repeated::of(not_ready),
        }
    }

    /// To be called when the second changes.
    pub(super) fn set_date(&mut self, date: &str) {
        for beginning in [
            &mut self.document,
            &mut self.not_modified,
            &mut self.absent.head,
            &mut self.not_ready.head,
        ] {
            beginning.set_date(date);
        }
    }

    /// 200. Says whether the content is in `out`, or left to be written from where it lies.
    pub(super) fn document(
        &self,
        selected: &Selected,
        is_head: bool,
        out: &mut Vec<u8>,
    ) -> Content {
        let content = selected.content().as_ref();
        out.extend_from_slice(&self.document.octets);
        self.common_fields(selected, out);
        if selected.coding() != ContentCoding::Identity {
            let token = selected.coding().token().as_bytes();
            put(out, &[b"content-encoding: ", token, b"\r\n"]);
        }
        let mut digits = itoa::Buffer::new();
        let length = digits.format(content.len()).as_bytes();
        put(out, &[b"content-length: ", length, b"\r\n\r\n"]);
        if is_head {
            return Content::Written;
        }
        if content.len() >= COPY_BYTES_MAX {
            return Content::Left;
        }
        out.extend_from_slice(content);
        Content::Written
    }

    /// 304.
    pub(super) fn not_modified(&self, selected: &Selected, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.not_modified.octets);
        self.common_fields(selected, out);
        out.extend_from_slice(b"\r\n");
    }

    /// 404.
    pub(super) fn absent(&self, is_head: bool, out: &mut Vec<u8>) {
        self.absent.write(is_head, out);
    }

    /// 503.
    pub(super) fn not_ready(&self, is_head: bool, out: &mut Vec<u8>) {
        self.not_ready.write(is_head, out);
    }

    /// As `http/respond` has them.
    fn common_fields(&self, selected: &Selected, out: &mut Vec<u8>) {
        let entry = selected.entry();
        let mut digits = itoa::Buffer::new();
        put(
            out,
            &[
                b"etag: \"",
                &selected.tag().to_text(),
                b"\"\r\npressrun-document-version: ",
                digits.format(entry.version().0).as_bytes(),
                b"\r\ncache-control: ",
            ],
        );
        let Some(remaining) = selected.remaining_seconds() else {
            return put(out, &[self.cache_control.as_bytes(), b"\r\n"]);
        };
        let cache_control = self.cache_control.field_for(remaining);
        put(
            out,
            &[
                cache_control.as_bytes(),
                b"\r\npressrun-expires-at: ",
                entry.expiry_text().unwrap_or_default(),
                b"\r\n",
            ],
        );
    }
}

/// Where an answer's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Behind its head, or there is none.
    Written,
    /// Still in the entry.
    Left,
}

fn beginning(status: StatusCode, fields: &[(&str, HeaderValue)]) -> Beginning {
    let fields = fields.iter();
    Beginning::new(
        status,
        fields.map(|(name, value)| (*name, value.as_bytes())),
    )
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}
