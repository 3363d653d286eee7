//! JSON strings to their shortest form.
//!
//! That form is the one `serde_json` writes: only `"`, `\` and the characters below U+0020 are
//! escaped, in two octets where JSON has such an escape.

use super::BodyError;

/// Copies the string whose opening quote stands at `input[start]`, quotes included, and gives the
/// place after its closing quote. `input` is valid UTF-8.
pub(super) fn copy_string(
    input: &[u8],
    start: usize,
    output: &mut Vec<u8>,
) -> Result<usize, BodyError> {
    let mut at = start + 1;
    output.push(b'"');
    loop {
        let rest = &input[at..];
        let is_plain = |octet: &&u8| !matches!(octet, b'"' | b'\\' | 0..=0x1f);
        let plain = rest.iter().take_while(is_plain).count();
        output.extend_from_slice(&rest[..plain]);
        at += plain;
        match input.get(at) {
            Some(b'"') => {
                output.push(b'"');
                return Ok(at + 1);
            }
            Some(b'\\') => at = copy_escape(input, at, output)?,
            Some(0) => return Err(BodyError::Nul { at }),
            Some(_) => return Err(malformed(at, "an escape instead of a control character")),
            None => return Err(malformed(at, "the closing quote of a string")),
        }
    }
}

/// Copies what the escape at `input[at]` means and gives the place after it.
fn copy_escape(input: &[u8], at: usize, output: &mut Vec<u8>) -> Result<usize, BodyError> {
    let meant = match input.get(at + 1) {
        Some(octet @ (b'"' | b'\\' | b'/')) => char::from(*octet),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return copy_unicode_escape(input, at, output),
        _ => return Err(malformed(at + 1, "an escape")),
    };
    push_char(meant, output);
    Ok(at + 2)
}

/// RFC 8259 §7: `\uXXXX`, or two of them for a character beyond U+FFFF.
fn copy_unicode_escape(input: &[u8], at: usize, output: &mut Vec<u8>) -> Result<usize, BodyError> {
    let high = code_unit(input, at)?;
    if high == 0 {
        return Err(BodyError::Nul { at });
    }
    if let Some(meant) = char::from_u32(high.into()) {
        push_char(meant, output);
        return Ok(at + 6);
    }
    let followed = input.get(at + 6..at + 8) == Some(b"\\u");
    if !followed || !(0xd800..0xdc00).contains(&high) {
        return Err(BodyError::LoneSurrogate { at });
    }
    let low = code_unit(input, at + 6)?;
    match char::decode_utf16([high, low]).next() {
        Some(Ok(meant)) => {
            push_char(meant, output);
            Ok(at + 12)
        }
        _ => Err(BodyError::LoneSurrogate { at }),
    }
}

/// The number of the escape `\uXXXX` at `input[at]`.
fn code_unit(input: &[u8], at: usize) -> Result<u16, BodyError> {
    let digits = input.get(at + 2..at + 6).unwrap_or_default();
    let number = digits.iter().try_fold(0, |number: u16, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(number << 4 | u16::try_from(value).ok()?)
    });
    match number {
        Some(number) if digits.len() == 4 => Ok(number),
        _ => Err(malformed(at + 2, "four hexadecimal digits")),
    }
}

fn push_char(meant: char, output: &mut Vec<u8>) {
    let escape = match meant {
        '"' => b'"',
        '\\' => b'\\',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\0'..'\u{20}' => {
            output.extend_from_slice(format!("\\u{:04x}", u32::from(meant)).as_bytes());
            return;
        }
        _ => {
            output.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
    };
    output.extend_from_slice(&[b'\\', escape]);
}

fn malformed(at: usize, expected: &'static str) -> BodyError {
    BodyError::Malformed { at, expected }
}
