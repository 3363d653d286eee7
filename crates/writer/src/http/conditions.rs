//! If-Match and If-None-Match (RFC 9110 §13.1).
//!
//! Other conditions are not evaluated: documents bear no modification date that a condition could
//! be about (§13.1.3 and 4).

use http::{HeaderMap, HeaderName, HeaderValue, header};
use service::{Kind, Problem};
use shared::{
    EntityTag,
    entity_tag::{ListMember, ListedTag, list_members},
};

/// The conditions of one request.
#[derive(Debug)]
pub(crate) struct Conditions {
    if_match: Option<Field>,
    if_none_match: Option<Field>,
}

/// A well-formed field value: `*`, or one entity tag and more.
#[derive(Debug)]
struct Field(Vec<u8>);

/// What a request's conditions ask for before anything is known of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// There are none.
    Nothing,
    /// No document, whatever its tags: `If-None-Match: *` alone.
    Absence,
    /// It takes the current entity tags to tell.
    Tags,
}

impl Conditions {
    /// The conditions in these header fields.
    ///
    /// # Errors
    /// 400 where one is not well formed: a write must not go through because its condition was
    /// misspelt.
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            if_match: Field::parse(headers, &header::IF_MATCH)?,
            if_none_match: Field::parse(headers, &header::IF_NONE_MATCH)?,
        })
    }

    /// What has to be known to judge them.
    pub(super) fn demand(&self) -> Demand {
        match (&self.if_match, &self.if_none_match) {
            (None, None) => Demand::Nothing,
            (None, Some(field)) if field.is_any() => Demand::Absence,
            _ => Demand::Tags,
        }
    }

    /// Whether there is an If-Match.
    pub(super) fn has_if_match(&self) -> bool {
        self.if_match.is_some()
    }

    /// Whether If-Match holds of a document with these tags (`None`: there is no document), by
    /// strong comparison (§13.1.1).
    pub(crate) fn if_match_holds(&self, current: Option<&[EntityTag]>) -> bool {
        self.if_match
            .as_ref()
            .is_none_or(|field| field.names_one_of(current, EntityTag::matches_strongly))
    }

    /// Whether If-None-Match holds, by weak comparison (§13.1.2).
    pub(crate) fn if_none_match_holds(&self, current: Option<&[EntityTag]>) -> bool {
        self.if_none_match
            .as_ref()
            .is_none_or(|field| !field.names_one_of(current, EntityTag::matches_weakly))
    }
}

impl Field {
    fn parse(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let lines: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if lines.is_empty() {
            return Ok(None);
        }
        // Several lines mean one list (§5.3).
        let field = Self(lines.join(&b','));
        if field.is_well_formed() {
            Ok(Some(field))
        } else {
            let detail = format!("{name} must be * or a list of entity tags in double quotes");
            Err(Problem::new(Kind::MalformedRequest, detail))
        }
    }

    fn is_well_formed(&self) -> bool {
        let mut members = list_members(&self.0);
        match members.next() {
            None | Some(ListMember::Malformed) => false,
            Some(ListMember::Any) => members.next().is_none(),
            Some(ListMember::Tag(_)) => members.all(|member| matches!(member, ListMember::Tag(_))),
        }
    }

    fn is_any(&self) -> bool {
        matches!(list_members(&self.0).next(), Some(ListMember::Any))
    }

    fn names_one_of(
        &self,
        current: Option<&[EntityTag]>,
        matches: impl Fn(EntityTag, &ListedTag<'_>) -> bool,
    ) -> bool {
        current.is_some_and(|tags| {
            list_members(&self.0).any(|member| match member {
                ListMember::Any => true,
                ListMember::Tag(listed) => tags.iter().any(|tag| matches(*tag, &listed)),
                ListMember::Malformed => false,
            })
        })
    }
}
