//! Answers as octets: the head from parts that lie ready, then the content.
//!
//! # Budget
//!
//! Copies only: no allocation (the buffer is reused), no formatting but of two numbers, by table.
//! A document that expires may have its Cache-Control formatted.

use futures_util::FutureExt;
use http::{StatusCode, header};
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

/// What answers about a document begin with, up to the digits of its entity tag.
#[derive(Debug)]
struct Documents {
    /// 200, by [`ContentCoding`]'s discriminant.
    full: [Beginning; ContentCoding::ALL.len()],
    not_modified: Beginning,
}

impl Documents {
    fn new(cache_control: Option<&[u8]>) -> Self {
        let vary = ACCEPT_ENCODING;
        let mut shared = vec![(header::VARY.as_str(), vary.as_bytes())];
        shared.extend(cache_control.map(|value| (header::CACHE_CONTROL.as_str(), value)));
        let (json, nosniff) = (JSON, NOSNIFF);
        let full = ContentCoding::ALL.map(|coding| {
            let mut fields = vec![
                (header::CONTENT_TYPE.as_str(), json.as_bytes()),
                (header::X_CONTENT_TYPE_OPTIONS.as_str(), nosniff.as_bytes()),
            ];
            if coding != ContentCoding::Identity {
                let token = coding.token().as_bytes();
                fields.push((header::CONTENT_ENCODING.as_str(), token));
            }
            fields.extend(&shared);
            Self::beginning(StatusCode::OK, fields)
        });
        Self {
            full,
            not_modified: Self::beginning(StatusCode::NOT_MODIFIED, shared),
        }
    }

    fn beginning(status: StatusCode, fields: Vec<(&str, &[u8])>) -> Beginning {
        let mut beginning = Beginning::new(status, fields);
        beginning.octets.extend_from_slice(b"etag: \"");
        beginning
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Beginning> {
        self.full.iter_mut().chain([&mut self.not_modified])
    }
}

/// Writes answers. Each lane has one.
#[derive(Debug)]
pub(super) struct Composer {
    cache_control: CacheControl,
    /// Of documents that do not expire.
    lasting: Documents,
    /// Of those that do: without Cache-Control.
    expiring: Documents,
    absent: Repeated,
    not_ready: Repeated,
    unfetched: Repeated,
}

impl Composer {
    /// `absent`, `not_ready` and `unfetched` are the answers where there is no document. No date is set yet.
    pub(super) fn new(
        cache_control: CacheControl,
        absent: DataResponse,
        not_ready: DataResponse,
        unfetched: DataResponse,
    ) -> Self {
        Self {
            lasting: Documents::new(Some(cache_control.as_bytes())),
            expiring: Documents::new(None),
            cache_control,
            absent: Repeated::of(absent),
            not_ready: Repeated::of(not_ready),
            unfetched: Repeated::of(unfetched),
        }
    }

    /// To be called when the second changes.
    pub(super) fn set_date(&mut self, date: &str) {
        let documents = self.lasting.all_mut().chain(self.expiring.all_mut());
        let repeated = [&mut self.absent, &mut self.not_ready, &mut self.unfetched];
        let repeated = repeated.map(|one| &mut one.head);
        for beginning in documents.chain(repeated) {
            beginning.set_date(date);
        }
    }

    /// 200. Says whether the content is in `out`, or left to be written from where it lies.
    #[inline]
    pub(super) fn document(
        &self,
        selected: &Selected,
        is_head: bool,
        out: &mut Vec<u8>,
    ) -> Content {
        let content = selected.content().as_ref();
        let full = &self.documents(selected).full;
        out.extend_from_slice(&full[selected.coding() as usize].octets);
        self.common_fields(selected, out);
        out.extend_from_slice(b"\r\ncontent-length: ");
        put_number(content.len() as u64, out);
        out.extend_from_slice(b"\r\n\r\n");
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
        out.extend_from_slice(&self.documents(selected).not_modified.octets);
        self.common_fields(selected, out);
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// 404.
    pub(super) fn absent(&self, is_head: bool, out: &mut Vec<u8>) {
        self.absent.write(is_head, out);
    }

    /// 503.
    pub(super) fn not_ready(&self, is_head: bool, out: &mut Vec<u8>) {
        self.not_ready.write(is_head, out);
    }

    /// 503, of one document.
    pub(super) fn unfetched(&self, is_head: bool, out: &mut Vec<u8>) {
        self.unfetched.write(is_head, out);
    }

    fn documents(&self, selected: &Selected) -> &Documents {
        match selected.remaining_seconds() {
            None => &self.lasting,
            Some(_) => &self.expiring,
        }
    }

    /// As `http/respond` has them, from the digits of the entity tag on; the last one is not ended.
    #[inline]
    fn common_fields(&self, selected: &Selected, out: &mut Vec<u8>) {
        out.extend_from_slice(&selected.tag().to_text());
        out.extend_from_slice(b"\"\r\npressrun-document-version: ");
        put_number(selected.entry().version().0, out);
        if let Some(remaining) = selected.remaining_seconds() {
            self.expiry(selected, remaining, out);
        }
    }

    #[cold]
    fn expiry(&self, selected: &Selected, remaining: u64, out: &mut Vec<u8>) {
        let cache_control = self.cache_control.field_for(remaining);
        put(
            out,
            &[
                b"\r\ncache-control: ",
                cache_control.as_bytes(),
                b"\r\npressrun-expires-at: ",
                selected.entry().expiry_text().unwrap_or_default(),
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

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[inline]
fn put_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
