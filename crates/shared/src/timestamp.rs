//! Points in time, as numbers and as text. This crate never asks what time it is.

use std::{fmt, str::FromStr};

/// Microseconds since 1970-01-01T00:00:00Z. Ordered; negative before 1970.
///
/// Its text is that of RFC 3339 in UTC: `2026-10-01T12:00:00Z`, with six digits of a fraction
/// where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A text is not an instant of RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an instant of RFC 3339 in UTC, as 2026-10-01T12:00:00Z")]
pub struct TimestampError;

const MICROS: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Digits of a fraction that are read. Those after the sixth are dropped.
const FRACTION_DIGITS_MAX: usize = 9;

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads `YYYY-MM-DDTHH:MM:SS[.fraction]Z` (RFC 3339 §5.6), both letters in either case. No
    /// other offset and no leap second. Of a fraction of 1 to 9 digits, 6 are kept: what is told
    /// is never later than what was written.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let octets = text.as_bytes();
        let (fixed, rest) = octets.split_at_checked(19).ok_or(TimestampError)?;
        let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        let is_separated = separators.iter().all(|&(at, octet)| fixed[at] == octet)
            && fixed[10].eq_ignore_ascii_case(&b'T');
        if !is_separated {
            return Err(TimestampError);
        }
        let [year, month, day] = [
            number(&fixed[..4])?,
            number(&fixed[5..7])?,
            number(&fixed[8..10])?,
        ];
        let [hour, minute, second] = [
            number(&fixed[11..13])?,
            number(&fixed[14..16])?,
            number(&fixed[17..])?,
        ];
        let is_in_range = (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !is_in_range {
            return Err(TimestampError);
        }
        let seconds =
            days_before(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
        Ok(Self(seconds * MICROS + fraction(rest)?))
    }
}

/// The fraction and the `Z` after it, in microseconds.
fn fraction(rest: &[u8]) -> Result<i64, TimestampError> {
    let (zone, digits) = rest.split_last().ok_or(TimestampError)?;
    if !zone.eq_ignore_ascii_case(&b'Z') {
        return Err(TimestampError);
    }
    let digits = match digits {
        [] => return Ok(0),
        [b'.', digits @ ..] if (1..=FRACTION_DIGITS_MAX).contains(&digits.len()) => digits,
        _ => return Err(TimestampError),
    };
    // All are checked, though those after the sixth do not count.
    number(digits)?;
    let kept = &digits[..digits.len().min(6)];
    let missing = 6 - u32::try_from(kept.len()).or(Err(TimestampError))?;
    Ok(number(kept)? * 10_i64.pow(missing))
}

fn number(digits: &[u8]) -> Result<i64, TimestampError> {
    digits.iter().try_fold(0, |number, octet| match octet {
        b'0'..=b'9' => Ok(number * 10 + i64::from(octet - b'0')),
        _ => Err(TimestampError),
    })
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date. Years are counted from March here, so that the leap day is the
/// last, and in eras of 400 years, which are all equally long.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date so many days after 1970-01-01; see [`days_before`].
fn date_after(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(MICROS), self.0.rem_euclid(MICROS));
        let (year, month, day) = date_after(seconds.div_euclid(DAY_SECONDS));
        let second = seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        f.write_str("Z")
    }
}
