//! Texts to values.
//!
//! Each parser gives the value or what is wrong with it, as the end of a sentence that begins
//! with the value: `is not an address and port`. Complaints never repeat the value.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use super::RedactedUrl;

/// A value, or what is wrong with the text.
pub type Parsed<T> = Result<T, String>;

/// Units and what each is in the smallest one, the larger of two later.
type Units = [(&'static str, u64)];

const DURATION_UNITS: &Units = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZE_UNITS: &Units = &[
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// An address and port: `127.0.0.1:8080`, `[::]:8080`. Port 0 asks for any free one.
///
/// # Errors
/// The text is not one; names are not looked up.
pub fn address(text: &str) -> Parsed<SocketAddr> {
    text.parse()
        .map_err(|_parse| "is not an address and port, such as 127.0.0.1:8080".to_owned())
}

/// A duration with its unit: ms, s, m, h or d. A bare 0 is allowed.
///
/// # Errors
/// The text is not a whole number with such a unit, or is beyond 2^64 milliseconds.
pub fn duration(text: &str) -> Parsed<Duration> {
    scaled(text, DURATION_UNITS, str::eq)
        .map(Duration::from_millis)
        .ok_or_else(|| "is not a duration with its unit, such as 250ms, 5s or 2m".to_owned())
}

/// A [`duration`] within limits.
pub fn duration_in(limits: RangeInclusive<Duration>) -> impl Fn(&str) -> Parsed<Duration> {
    move |text| {
        let value = duration(text)?;
        if limits.contains(&value) {
            return Ok(value);
        }
        let millis = |limit: &Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Err(format!(
            "is not from {} to {}",
            written(millis(limits.start()), DURATION_UNITS),
            written(millis(limits.end()), DURATION_UNITS)
        ))
    }
}

/// A size in octets with its unit: B, kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB
/// (powers of 1024), in any case. A bare 0 is allowed.
///
/// # Errors
/// The text is not a whole number with such a unit, or is beyond 2^64 octets.
pub fn bytes(text: &str) -> Parsed<u64> {
    scaled(text, SIZE_UNITS, str::eq_ignore_ascii_case)
        .ok_or_else(|| "is not a size with its unit, such as 64KiB, 512MiB or 1GB".to_owned())
}

/// A size of [`bytes()`] within limits.
pub fn bytes_in(limits: RangeInclusive<u64>) -> impl Fn(&str) -> Parsed<u64> {
    move |text| {
        let value = bytes(text)?;
        if limits.contains(&value) {
            return Ok(value);
        }
        Err(format!(
            "is not from {} to {}",
            written(*limits.start(), SIZE_UNITS),
            written(*limits.end(), SIZE_UNITS)
        ))
    }
}

/// A whole number within limits.
pub fn count_in(limits: RangeInclusive<u64>) -> impl Fn(&str) -> Parsed<u64> {
    move |text| match number(text) {
        Some(value) if limits.contains(&value) => Ok(value),
        _ => Err(format!(
            "is not a whole number from {} to {}",
            limits.start(),
            limits.end()
        )),
    }
}

/// A share of all, 0 to 1, such as 0.01.
///
/// # Errors
/// The text is not a number within these.
pub fn share(text: &str) -> Parsed<f64> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "is not a number from 0 to 1".to_owned())
}

/// `true`, `yes`, `on`, `1`, or `false`, `no`, `off`, `0`, in any case.
///
/// # Errors
/// The text is none of them.
pub fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// One of these words, in any case.
pub fn one_of<T: Clone>(all: &[(&str, T)]) -> impl Fn(&str) -> Parsed<T> {
    move |text| {
        let found = all.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let words: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
            format!("is not one of: {}", words.join(", "))
        })
    }
}

/// Members between commas, each by a parser of its own; white space around them is dropped.
pub fn list_of<T>(member: impl Fn(&str) -> Parsed<T>) -> impl Fn(&str) -> Parsed<Vec<T>> {
    move |text| {
        text.split(',')
            .map(|one| {
                member(one.trim()).map_err(|complaint| format!("has a member that {complaint}"))
            })
            .collect()
    }
}

/// Any text.
///
/// # Errors
/// None; the form is that of the other parsers.
pub fn text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

/// A path; whether anything is there is not looked at.
///
/// # Errors
/// The text has a NUL, which no path may.
pub fn path(text: &str) -> Parsed<PathBuf> {
    if text.contains('\0') {
        return Err("has a NUL character".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// A URL of one of these schemes (without `://`), with something behind it. What that is, the
/// client that connects to it judges.
pub fn url_of(schemes: &[&str]) -> impl Fn(&str) -> Parsed<RedactedUrl> {
    move |text| {
        let allowed = text.split_once("://").is_some_and(|(scheme, rest)| {
            let known = schemes.iter().any(|one| one.eq_ignore_ascii_case(scheme));
            known && !rest.is_empty() && !rest.contains(char::is_whitespace)
        });
        if allowed {
            return Ok(RedactedUrl::new(text));
        }
        let forms: Vec<String> = schemes.iter().map(|one| format!("{one}://")).collect();
        Err(format!(
            "is not a URL that begins with {}",
            forms.join(" or ")
        ))
    }
}

fn number(text: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A whole number times its unit. Zero needs none.
fn scaled(text: &str, units: &Units, is_same: fn(&str, &str) -> bool) -> Option<u64> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let value = number(&text[..end])?;
    let unit = text[end..].trim_start();
    if unit.is_empty() && value == 0 {
        return Some(0);
    }
    let (_, factor) = units.iter().find(|(name, _)| is_same(name, unit))?;
    value.checked_mul(*factor)
}

/// As a setting would have it, in the largest unit that leaves a whole number.
fn written(value: u64, units: &Units) -> String {
    let whole = |(_, factor): &&(&str, u64)| value.is_multiple_of(*factor);
    match units.iter().rev().find(whole) {
        Some((name, factor)) if value > 0 => format!("{}{name}", value / factor),
        _ => value.to_string(),
    }
}
