//! Instants as text.

use proptest::prelude::*;

use crate::{Timestamp, timestamp::TimestampError};

#[test]
fn instants_of_rfc_3339_in_utc_are_read() {
    for (text, micros) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2000-02-29T12:00:00Z", 951_825_600_000_000),
        ("2026-10-01t12:00:00z", 1_790_856_000_000_000),
        ("2026-10-01T12:00:00.5Z", 1_790_856_000_500_000),
        ("2026-10-01T12:00:00.0000019Z", 1_790_856_000_000_001),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999),
    ] {
        assert_eq!(text.parse(), Ok(Timestamp(micros)), "{text}");
    }
}

#[test]
fn other_texts_are_refused() {
    for text in [
        "",
        "2026-10-01",
        "2026-10-01T12:00Z",
        "2026-10-01T12:00:00",
        "2026-10-01 12:00:00Z",
        "2026-10-01T12:00:00+00:00",
        "2026-10-01T12:00:00.Z",
        "2026-10-01T12:00:00.1234567890Z",
        "2026-10-01T12:00:00.00000xZ",
        "2026-10-01T12:00:00ZZ",
        "2026-10-01T24:00:00Z",
        "2026-10-01T12:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-00-01T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-10-00T12:00:00Z",
        "2026-10-32T12:00:00Z",
        "+026-10-01T12:00:00Z",
        "20261-10-01T12:00:00Z",
        "2026-10-01T12:00:0éZ",
        "1790856000",
        "Thu, 01 Oct 2026 12:00:00 GMT",
    ] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
    }
}

#[test]
fn numbers_beyond_four_digits_of_a_year_have_a_text() {
    assert_eq!(
        Timestamp(i64::MAX).to_string(),
        "294247-01-10T04:00:54.775807Z"
    );
    assert!(Timestamp(i64::MIN).to_string().starts_with('-'));
}

proptest! {
    #[test]
    fn text_is_read_back(micros in -62_167_219_200_000_000..=253_402_300_799_999_999_i64) {
        let text = Timestamp(micros).to_string();
        prop_assert_eq!(text.parse(), Ok(Timestamp(micros)));
    }
}
