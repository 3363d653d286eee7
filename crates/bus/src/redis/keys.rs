//! The names of everything the bus keeps in Redis. They are made here only.
//!
//! All bear one hash tag, so that a Cluster puts them on one node and accepts the scripts. Scripts
//! that reach buckets or segments named by what they read in `meta` get a prefix and append a
//! decimal index to it.

use crate::{Build, BusError};

/// Upper bound on the octets of a namespace.
const NAMESPACE_BYTES_MAX: usize = 64;

/// Makes the keys of one namespace.
#[derive(Debug)]
pub(super) struct Keys {
    /// `{namespace}:`
    tag: String,
}

impl Keys {
    pub(super) fn new(namespace: &str) -> Result<Self, BusError> {
        // Also none of the characters that mean something in SCAN's patterns or in hash tags.
        let is_plain = namespace
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"_.-".contains(&octet));
        if is_plain && !namespace.is_empty() && namespace.len() <= NAMESPACE_BYTES_MAX {
            Ok(Self {
                tag: format!("{{{namespace}}}:"),
            })
        } else {
            Err(BusError::Unsuitable(format!(
                "a namespace is 1 to {NAMESPACE_BYTES_MAX} of a-z, A-Z, 0-9, _, . and -, not {namespace:?}"
            )))
        }
    }

    /// Hash: what the snapshot is and how far it goes.
    pub(super) fn meta(&self) -> String {
        format!("{}meta", self.tag)
    }

    /// Channel: the feed.
    pub(super) fn feed(&self) -> String {
        format!("{}feed", self.tag)
    }

    /// Hash: reader to nonce.
    pub(super) fn probes(&self) -> String {
        format!("{}probes", self.tag)
    }

    /// String: a reader's status.
    pub(super) fn reader(&self, reader: &str) -> String {
        format!("{}reader:{reader}", self.tag)
    }

    /// What SCAN is to look for to meet the statuses of all readers.
    pub(super) fn readers_pattern(&self) -> String {
        self.reader("*")
    }

    /// The reader whose status lies under this key.
    pub(super) fn reader_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.tag)?.strip_prefix("reader:")
    }

    /// Hash: slots ahead of their turn, with their links.
    pub(super) fn pending(&self, build: Build) -> String {
        format!("{}pending:{}", self.tag, build_text(build))
    }

    /// Hash: key to envelope; the field `""` holds the build.
    pub(super) fn bucket(&self, build: Build, index: u32) -> String {
        format!("{}{index}", self.bucket_prefix(build))
    }

    pub(super) fn bucket_prefix(&self, build: Build) -> String {
        format!("{}snap:{}:", self.tag, build_text(build))
    }

    /// Hash: slot to links and key.
    pub(super) fn log_segment(&self, build: Build, segment: u64) -> String {
        format!("{}{segment}", self.log_prefix(build))
    }

    pub(super) fn log_prefix(&self, build: Build) -> String {
        format!("{}log:{}:", self.tag, build_text(build))
    }

    /// What SCAN is to look for to meet the keys of all builds.
    pub(super) fn pattern(&self) -> String {
        format!("{}*", self.tag)
    }

    /// Whether a key belongs to a build, though not to this one.
    pub(super) fn is_of_other_build(&self, key: &[u8], build: Build) -> bool {
        let Some(rest) = key.strip_prefix(self.tag.as_bytes()) else {
            return false;
        };
        let build_text = build_text(build);
        [&b"snap:"[..], b"log:", b"pending:"]
            .iter()
            .find_map(|kind| rest.strip_prefix(*kind))
            .is_some_and(|rest| !rest.starts_with(build_text.as_bytes()))
    }
}

/// A build's name in keys, marks and meta.
pub(super) fn build_text(build: Build) -> String {
    format!("{:016x}", build.0)
}
