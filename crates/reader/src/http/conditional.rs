//! Whether the client holds the answer already: If-None-Match, RFC 9110 §13.1.2.
//!
//! Budget: our tag is written as text and compared with the field; where that is not all of it, one
//! pass over the field, the same for each listed tag; no allocation. Without the field, nothing.

use shared::{
    EntityTag,
    entity_tag::{ListMember, TAG_FIELD_BYTES, list_members},
};

/// Whether If-None-Match names the representation that would be sent, so that 304 is due.
///
/// `tag` is that representation's. Tags are compared weakly, as this field is (§8.8.3.2). The tag of another coding of the same document is another tag: it names
/// other octets (§8.8.3). `*` as the only member names any.
///
/// A line is read up to its first malformed member; the rest of it is ignored, which costs the
/// client a full answer and never gives it a wrong one.
#[inline]
pub fn is_held<'a>(lines: impl IntoIterator<Item = &'a [u8]>, tag: EntityTag) -> bool {
    let mut members = 0_usize;
    let mut any = false;
    for line in lines {
        // What clients send that hold one answer: its tag, as it was sent to them.
        if line.len() == TAG_FIELD_BYTES && line == tag.to_field() {
            return true;
        }
        for member in list_members(line) {
            members += 1;
            match member {
                ListMember::Tag(listed) if tag.matches_weakly(&listed) => return true,
                ListMember::Any => any = true,
                ListMember::Tag(_) | ListMember::Malformed => {}
            }
        }
    }
    any && members == 1
}
