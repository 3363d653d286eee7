use std::{error::Error, fmt};

use crate::chain;

/// An error with these words and a cause.
#[derive(Debug)]
struct Told(&'static str, Option<Box<Self>>);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as &dyn Error)
    }
}

fn caused(words: &[&'static str]) -> Told {
    let mut words = words.iter().rev();
    let last = Told(words.next().unwrap(), None);
    words.fold(last, |cause, &words| Told(words, Some(Box::new(cause))))
}

#[test]
fn each_message_is_told_once() {
    for (words, expected) in [
        (&["reading failed"][..], "reading failed"),
        (
            &["reading failed", "connection refused"],
            "reading failed: connection refused",
        ),
        (
            &[
                "reading failed",
                "the server: connection refused",
                "connection refused",
            ],
            "reading failed: the server: connection refused",
        ),
        (
            &["reading failed", "refused", "refused", "no route"],
            "reading failed: refused: no route",
        ),
    ] {
        assert_eq!(chain(&caused(words)).to_string(), expected);
    }
}
