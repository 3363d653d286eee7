//! The documents of some buckets.

use std::{collections::BTreeMap, fmt::Write};

use super::{DigestError, DocumentState, position_line};
use crate::{
    EntityTag, Position, ResourceKey, Sequence, Timestamp, Version, entity_tag::TAG_BYTES,
};

/// The documents of some buckets, with their states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// How the set relates to history; its maker says how.
    pub position: Position,
    /// By key.
    pub documents: BTreeMap<ResourceKey, DocumentState>,
}

impl Listing {
    /// The text form.
    pub fn to_text(&self) -> String {
        let mut text = format!("position {}\n", self.position);
        for (key, state) in &self.documents {
            let expires_at = state.expires_at.map(|at| at.0.to_string());
            let expires_at = expires_at.as_deref().unwrap_or("-");
            let tag = state.tag.map(EntityTag::to_text);
            let tag = tag
                .as_ref()
                .and_then(|tag| str::from_utf8(tag).ok())
                .unwrap_or("-");
            let (sequence, version) = (state.sequence, state.version.0);
            // A String takes all that is written.
            let written = writeln!(text, "{sequence} {version} {expires_at} {tag} {key}");
            debug_assert!(written.is_ok());
        }
        text
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// The first line that is wrong, from 1.
    pub fn from_text(text: &str) -> Result<Self, DigestError> {
        // Keys may have any separator of lines but the control characters.
        let mut lines = (1..).zip(text.split_terminator('\n'));
        let position = position_line(lines.next())?;
        let documents = lines
            .map(|(number, line)| document_line(line).ok_or(DigestError(number)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            position,
            documents,
        })
    }
}

fn document_line(line: &str) -> Option<(ResourceKey, DocumentState)> {
    let mut words = line.splitn(5, ' ');
    let sequence = Sequence(words.next()?.parse().ok()?);
    let version = Version(words.next()?.parse().ok()?);
    let expires_at = match words.next()? {
        "-" => None,
        micros => Some(Timestamp(micros.parse().ok()?)),
    };
    let tag = match words.next()? {
        "-" => None,
        digits => Some(parse_tag(digits)?),
    };
    let key = ResourceKey::from_text(words.next()?).ok()?;
    let state = DocumentState {
        sequence,
        version,
        expires_at,
        tag,
    };
    Some((key, state))
}

fn parse_tag(digits: &str) -> Option<EntityTag> {
    let is_tag = digits.len() == 2 * TAG_BYTES && digits.bytes().all(|it| it.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| is_tag)?;
    Some(EntityTag(number.to_be_bytes()))
}
