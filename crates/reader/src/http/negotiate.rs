//! Which representation to send: Accept-Encoding, RFC 9110 §12.5.3.
//!
//! Budget: one pass over the field, no allocation, no look at any octets of a representation;
//! `tests/negotiate.rs` and `tests/serve.rs` hold it to that.

use shared::ContentCoding;

/// A weight in thousandths, 0 to 1000 (RFC 9110 §12.4.2). 0 excludes.
type Weight = u16;

const WEIGHT_MAX: Weight = 1000;

/// What a request says of the codings that exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preferences {
    /// By [`ContentCoding`]'s discriminant; `None`: not named.
    named: [Option<Weight>; ContentCoding::ALL.len()],
    /// The weight of `*`, which stands for every coding not named.
    any: Option<Weight>,
}

impl Preferences {
    /// Reads all Accept-Encoding lines of a request; together they are one list (§5.3).
    ///
    /// Members that are malformed or name unknown codings are ignored. A coding named more than
    /// once has its lowest weight, so that nothing brings an excluded one back.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut preferences = Self::default();
        for line in lines {
            for member in line.split(|&octet| octet == b',') {
                preferences.add(member.trim_ascii());
            }
        }
        preferences
    }

    fn add(&mut self, member: &[u8]) {
        let (name, weight) = match member.iter().position(|&octet| octet == b';') {
            None => (member, Some(WEIGHT_MAX)),
            Some(at) => (
                member[..at].trim_ascii_end(),
                parse_weight(member[at + 1..].trim_ascii_start()),
            ),
        };
        let Some(weight) = weight else { return };
        let slot = if name == b"*" {
            &mut self.any
        } else if let Some(coding) = ContentCoding::from_token(name) {
            &mut self.named[coding as usize]
        } else {
            return;
        };
        *slot = Some(slot.map_or(weight, |earlier| earlier.min(weight)));
    }

    /// How much a coding is wanted: 0 is not at all.
    ///
    /// Identity that neither its name nor `*` covers is acceptable (§12.5.3, rule 2), with the
    /// least weight there is, so that whatever the client names comes first. Any other coding must
    /// be covered. This holds without the field, too, where every coding would be acceptable:
    /// clients that decode nothing are the ones which send no field.
    pub fn weight(&self, coding: ContentCoding) -> Weight {
        match self.named[coding as usize].or(self.any) {
            Some(weight) => weight,
            None if coding == ContentCoding::Identity => 1,
            None => 0,
        }
    }
}

/// The offer that is wanted most; of those wanted alike, the one of the fewest octets. Where none
/// is acceptable: identity (§12.5.3), which must be the first offer.
///
/// `None` only without offers.
pub fn negotiate<T>(
    preferences: &Preferences,
    offers: impl Iterator<Item = T> + Clone,
    describe: impl Fn(&T) -> (ContentCoding, usize),
) -> Option<T> {
    let identity = offers.clone().next();
    let mut best = None;
    let mut best_weight = 0;
    let mut best_len = 0;
    for offer in offers {
        let (coding, len) = describe(&offer);
        let weight = preferences.weight(coding);
        if weight > best_weight || (weight == best_weight && weight > 0 && len < best_len) {
            (best, best_weight, best_len) = (Some(offer), weight, len);
        }
    }
    best.or(identity)
}

/// `q=` and a number from 0 to 1 with at most three decimals (§12.4.2).
fn parse_weight(parameter: &[u8]) -> Option<Weight> {
    let [b'q' | b'Q', b'=', number @ ..] = parameter else {
        return None;
    };
    let (whole, decimals) = match number {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut weight = Weight::from(whole - b'0') * WEIGHT_MAX;
    for (decimal, unit) in decimals.iter().zip([100, 10, 1]) {
        if !decimal.is_ascii_digit() {
            return None;
        }
        weight += Weight::from(decimal - b'0') * unit;
    }
    (weight <= WEIGHT_MAX).then_some(weight)
}
