//! Lines at their limits, and how they are counted. What lines there are in any input, wherever its
//! chunks are cut, the crate `properties` tells.

use bytes::Bytes;

use crate::ndjson::{CUT_BYTES, Content, Line, Lines};

const LINE_BYTES_MAX: usize = 2000;

/// The lines of `input`, given in chunks of these lengths, the rest as one.
fn divide(input: &[u8], chunks: &[usize]) -> Vec<Line> {
    let mut lines = Lines::new(LINE_BYTES_MAX);
    let mut taken = Vec::new();
    let mut rest = input;
    for &len in chunks.iter().chain([&usize::MAX]) {
        let (chunk, after) = rest.split_at(len.min(rest.len()));
        rest = after;
        lines.push(Bytes::copy_from_slice(chunk));
        taken.extend(std::iter::from_fn(|| lines.take()));
    }
    taken.extend(lines.finish());
    assert_eq!(lines.taken(), taken.len() as u64);
    taken
}

#[test]
fn empty_input_has_no_line_and_an_lf_alone_is_a_blank_one() {
    assert_eq!(divide(b"", &[]), []);
    let lines = divide(b"\n\r\n \t\n", &[]);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line.content.is_blank()));
    assert!(!divide(b"x", &[])[0].content.is_blank());
}

#[test]
fn a_line_at_the_limit_is_whole_and_one_octet_more_is_too_long() {
    let at = "x".repeat(LINE_BYTES_MAX);
    let past = format!("{at}x");
    let cut = "x".repeat(CUT_BYTES);
    for ending in ["", "\n", "\nnext"] {
        for (line, content) in [
            (&at, Content::Whole(Bytes::from(at.clone()))),
            (&past, Content::TooLong(Bytes::from(cut.clone()))),
        ] {
            let input = format!("{line}{ending}");
            let end = line.len() + ending.len().min(1);
            let first = Line {
                number: 1,
                end: end as u64,
                content,
            };
            for chunk in [1, CUT_BYTES, LINE_BYTES_MAX, LINE_BYTES_MAX + 1] {
                let found = divide(input.as_bytes(), &[chunk]);
                assert_eq!(found[0], first, "{} {chunk} {ending:?}", line.len());
                assert_eq!(found.len(), 1 + usize::from(ending == "\nnext"));
            }
        }
    }
}

#[test]
fn counting_goes_on_where_it_was_left() {
    let mut lines = Lines::starting_at(LINE_BYTES_MAX, 7, 100);
    lines.push(Bytes::from_static(b"abc\n"));
    let line = lines.take().unwrap();
    assert_eq!((line.number, line.end), (8, 104));
}
