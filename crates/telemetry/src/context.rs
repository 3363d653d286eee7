//! Trace context as it travels: the `traceparent` of W3C Trace Context, level 1.
//!
//! `tracestate` is not carried on: nobody here has anything to say in it.

use std::fmt;

use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceState},
};

/// Octets of a `traceparent` of version 00: `00-<32>-<16>-<2>`.
pub const TRACEPARENT_BYTES: usize = 55;

/// The span that a `traceparent` names, and whether its trace is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    is_sampled: bool,
}

impl TraceParent {
    /// Reads one; `None` of anything else, which counts as no `traceparent` at all. Later versions
    /// may be longer; only what version 00 has is read. Allocates nothing.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let (known, rest) = field.split_at_checked(TRACEPARENT_BYTES)?;
        let is_whole = match &known[..2] {
            b"ff" => false,
            b"00" => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        let is_divided = [2, 35, 52].iter().all(|&at| known[at] == b'-');
        if !is_whole || !is_divided {
            return None;
        }
        hexadecimal(&known[..2])?;
        let trace = hexadecimal(&known[3..35])?;
        let span = u64::try_from(hexadecimal(&known[36..52])?).ok()?;
        let flags = hexadecimal(&known[53..])?;
        (trace != 0 && span != 0).then_some(Self {
            trace: TraceId::from(trace),
            span: SpanId::from(span),
            is_sampled: flags & 1 == 1,
        })
    }

    /// Whether a field is one whose trace is recorded. Most that are not cost a look at one octet.
    pub fn asks(field: &[u8]) -> bool {
        let last_flags = field.get(TRACEPARENT_BYTES - 1);
        let may_ask = last_flags.is_some_and(|digit| {
            matches!(digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f')
        });
        may_ask && Self::parse(field).is_some_and(Self::is_sampled)
    }

    /// Whether its trace is recorded.
    pub const fn is_sampled(self) -> bool {
        self.is_sampled
    }

    pub(crate) fn of(context: &SpanContext) -> Option<Self> {
        context.is_valid().then(|| Self {
            trace: context.trace_id(),
            span: context.span_id(),
            is_sampled: context.is_sampled(),
        })
    }

    pub(crate) fn to_remote(self) -> SpanContext {
        let flags = TraceFlags::default().with_sampled(self.is_sampled);
        SpanContext::new(self.trace, self.span, flags, true, TraceState::NONE)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{}-{}-{flags:02x}", self.trace, self.span)
    }
}

/// Lower case only, as the format demands; at most 32 digits.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}
