//! Which requests a lane answers by itself, and what they ask. Pure.
//!
//! A request is *plain* where every reading of it agrees: HTTP/1.1, GET or HEAD, a document's
//! target in characters that stand for themselves, one Host, no content, nothing about the
//! connection but that it stays. Whatever else arrives, malformed or only rare, is hyper's, from
//! its first octet: nothing is judged twice by different rules, and what both would take for a
//! request both read alike, because hyper parses with the same httparse.

use std::mem::MaybeUninit;

use httparse::{Header, Request, Status};
use service::target::{self, Parts};

use crate::http::{data::TARGET_BYTES_MAX, negotiate::Preferences};

/// Header fields of a plain request, at most.
pub(crate) const FIELDS_MAX: usize = 32;

/// Where a request's fields are put while it is read. The caller's, so that they can be looked at
/// after that, at no cost to those who do not.
#[derive(Debug)]
pub(crate) struct Room<'a>([MaybeUninit<Header<'a>>; FIELDS_MAX]);

impl Room<'_> {
    /// Costs nothing: it is not filled.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; FIELDS_MAX])
    }
}

/// The octets at the front of what was read.
#[derive(Debug)]
pub(crate) enum Front<'room, 'a> {
    /// A whole plain request, of so many octets.
    Plain(Plain<'room, 'a>, usize),
    /// What may become one.
    Partial,
    /// Anything else.
    Other,
}

/// What a plain request asks.
#[derive(Debug)]
pub(crate) struct Plain<'room, 'a> {
    pub(crate) is_head: bool,
    pub(crate) key: Parts<'a>,
    pub(crate) fields: Fields<'a>,
    /// All fields as they stand there.
    pub(crate) section: &'room [Header<'a>],
    /// No part of what is remembered of a section; see [`super::traced`].
    pub(crate) traceparent: Option<&'a [u8]>,
}

/// What its header section says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    pub(crate) preferences: Preferences,
    pub(crate) if_none_match: Option<&'a [u8]>,
    pub(crate) at_least: Option<&'a [u8]>,
}

/// Reads the request at the front of `octets`.
pub(crate) fn front<'room, 'a>(octets: &'a [u8], room: &'room mut Room<'a>) -> Front<'room, 'a> {
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(octets, &mut room.0) {
        Ok(Status::Complete(len)) => match plain(request) {
            Some(plain) => Front::Plain(plain, len),
            None => Front::Other,
        },
        Ok(Status::Partial) if may_be_plain(&request) => Front::Partial,
        Ok(Status::Partial) | Err(_) => Front::Other,
    }
}

/// Whether nothing yet speaks against the request: others need not wait for their end.
fn may_be_plain(request: &Request<'_, '_>) -> bool {
    request
        .method
        .is_none_or(|method| is_read(method).is_some())
}

fn plain<'room, 'a>(request: Request<'room, 'a>) -> Option<Plain<'room, 'a>> {
    let Request {
        method,
        path,
        version,
        headers,
    } = request;
    let is_head = is_read(method?)? == Read::Head;
    if version != Some(1) {
        return None;
    }
    let key = key(path?)?;
    let section: &'room [Header<'a>] = headers;
    let (fields, traceparent) = fields(section)?;
    Some(Plain {
        is_head,
        key,
        fields,
        section,
        traceparent,
    })
}

fn fields<'a>(section: &[Header<'a>]) -> Option<(Fields<'a>, Option<&'a [u8]>)> {
    let (mut host, mut accept_encoding) = (None, None);
    let (mut if_none_match, mut at_least) = (None, None);
    let mut traceparent = None;
    for field in section {
        let slot = match Field::of(field.name) {
            Field::Host => &mut host,
            Field::AcceptEncoding => &mut accept_encoding,
            Field::IfNoneMatch => &mut if_none_match,
            Field::AtLeast => &mut at_least,
            Field::Traceparent => &mut traceparent,
            Field::Connection if field.value.eq_ignore_ascii_case(b"keep-alive") => continue,
            Field::Connection | Field::Framing => return None,
            Field::Ignored => continue,
        };
        if slot.replace(field.value).is_some() {
            return None;
        }
    }
    host?;
    let fields = Fields {
        preferences: Preferences::parse(accept_encoding),
        if_none_match,
        at_least,
    };
    Some((fields, traceparent))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Get,
    Head,
}

fn is_read(method: &str) -> Option<Read> {
    match method {
        "GET" => Some(Read::Get),
        "HEAD" => Some(Read::Head),
        _ => None,
    }
}

/// What a field means to a plain request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Host,
    AcceptEncoding,
    IfNoneMatch,
    AtLeast,
    Traceparent,
    Connection,
    /// Speaks of content, or asks for another protocol.
    Framing,
    Ignored,
}

impl Field {
    /// Names are compared by length first: most differ in it.
    pub(super) fn of(name: &str) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is("host") => Self::Host,
            6 if is("expect") => Self::Framing,
            7 if is("upgrade") || is("trailer") => Self::Framing,
            10 if is("connection") => Self::Connection,
            11 if is("traceparent") => Self::Traceparent,
            13 if is("if-none-match") => Self::IfNoneMatch,
            14 if is("content-length") => Self::Framing,
            15 if is("accept-encoding") => Self::AcceptEncoding,
            17 if is("transfer-encoding") => Self::Framing,
            17 if is("pressrun-at-least") => Self::AtLeast,
            _ => Self::Ignored,
        }
    }
}

/// The key that a target names, if it is one of a document and valid.
fn key(target: &str) -> Option<Parts<'_>> {
    if let Some(parts) = target
        .strip_prefix("/post?id=")
        .and_then(target::plain_post)
    {
        return Some(parts);
    }
    if target.len() > TARGET_BYTES_MAX || !target.bytes().all(stands_for_itself) {
        return None;
    }
    if let Some(query) = target.strip_prefix("/post?") {
        return target::post_parts(Some(query)).ok();
    }
    let path = target.split_once('?').map_or(target, |(path, _query)| path);
    let (collection, id) = path.strip_prefix("/v1/")?.split_once('/')?;
    let is_one_segment = !id.contains('/');
    is_one_segment
        .then(|| target::path_parts(collection, id).ok())
        .flatten()
}

/// What a path and a query may contain (RFC 3986 §3.3, §3.4), and `%`.
fn stands_for_itself(octet: u8) -> bool {
    const ALLOWED: [bool; 256] = {
        let mut table = [false; 256];
        let mut octet = 0;
        while octet < 128_u8 {
            let is_mark = matches!(
                octet,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b':'
                    | b'@'
                    | b'/'
                    | b'?'
                    | b'%'
            );
            table[octet as usize] = octet.is_ascii_alphanumeric() || is_mark;
            octet += 1;
        }
        table
    };
    ALLOWED[usize::from(octet)]
}
