//! Numbers as people read them. Everything is measured in whole small units, so nothing is lost.

/// A number of thousandths with one decimal: 7,649 thousandths are `7.6`.
pub(crate) fn one_decimal(thousandths: u64) -> String {
    let tenths = (thousandths + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A number of thousandths with two decimals: 1,234 thousandths are `1.23`.
pub(crate) fn two_decimals(thousandths: u64) -> String {
    let hundredths = (thousandths + 5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A whole number with a comma between each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `part / whole` in thousandths; 0 where there is no whole.
pub(crate) fn ratio(part: u64, whole: u64) -> u64 {
    (part * 1000).checked_div(whole).unwrap_or(0)
}
