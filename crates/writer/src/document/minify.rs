//! JSON to minified JSON in one pass, without recursion.

use super::{BodyError, DEPTH_MAX, text};

/// How many octets of a name an error repeats.
const NAME_SHOWN_BYTES: usize = 64;

/// Checks the rules of the parent module and gives the octets to store: never more than
/// `content` has.
pub(super) fn minify(content: &[u8]) -> Result<Vec<u8>, BodyError> {
    if let Err(error) = str::from_utf8(content) {
        return Err(BodyError::NotUtf8 {
            at: error.valid_up_to(),
        });
    }
    let mut minifier = Minifier {
        input: content,
        at: 0,
        output: Vec::with_capacity(content.len()),
        open: Vec::new(),
        names: Vec::new(),
    };
    minifier.run()?;
    Ok(minifier.output)
}

struct Minifier<'a> {
    /// Valid UTF-8.
    input: &'a [u8],
    /// The next octet of `input`.
    at: usize,
    output: Vec<u8>,
    /// The objects and arrays around `at`, outermost first; at most [`DEPTH_MAX`].
    open: Vec<Open>,
    /// The names of all open objects, in order of appearance.
    names: Vec<Name>,
}

#[derive(Clone, Copy)]
enum Open {
    /// An object whose names begin at this index.
    Object(usize),
    Array,
}

/// Where a name stands in the output, quotes included, and in the input.
#[derive(Clone, Copy)]
struct Name {
    start: usize,
    end: usize,
    at: usize,
}

/// What the grammar allows next (RFC 8259 §2).
#[derive(Clone, Copy)]
enum Next {
    Value,
    /// After `{`.
    NameOrClose,
    /// After `[`.
    ValueOrClose,
    /// After a value inside of an object or an array.
    CommaOrClose,
}

impl Minifier<'_> {
    fn run(&mut self) -> Result<(), BodyError> {
        self.skip_space();
        let is_object = self.peek() == Some(b'{');
        let mut next = self.value()?;
        // Each turn consumes an octet or fails, so the loop ends.
        while !self.open.is_empty() {
            self.skip_space();
            next = match (next, self.peek()) {
                (Next::NameOrClose | Next::CommaOrClose, Some(b'}'))
                | (Next::ValueOrClose | Next::CommaOrClose, Some(b']')) => self.close()?,
                (Next::Value | Next::ValueOrClose, _) => self.value()?,
                (Next::NameOrClose, _) => self.name()?,
                (Next::CommaOrClose, Some(b',')) => self.comma()?,
                (Next::CommaOrClose, _) => return Err(self.malformed("a comma or a bracket")),
            };
        }
        self.skip_space();
        if self.at < self.input.len() {
            return Err(self.malformed("the end"));
        }
        if is_object {
            Ok(())
        } else {
            Err(BodyError::NotAnObject)
        }
    }

    /// A whole scalar, or the opening bracket of an object or an array.
    fn value(&mut self) -> Result<Next, BodyError> {
        match self.peek() {
            Some(b'{') => {
                self.enter(Open::Object(self.names.len()))?;
                return Ok(Next::NameOrClose);
            }
            Some(b'[') => {
                self.enter(Open::Array)?;
                return Ok(Next::ValueOrClose);
            }
            Some(b'"') => self.at = text::copy_string(self.input, self.at, &mut self.output)?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.malformed("a value")),
        }
        Ok(Next::CommaOrClose)
    }

    fn enter(&mut self, open: Open) -> Result<(), BodyError> {
        if self.open.len() == DEPTH_MAX {
            return Err(BodyError::TooDeep { at: self.at });
        }
        self.open.push(open);
        self.copy(1);
        Ok(())
    }

    /// The closing bracket at `at`, which must be the kind that is open.
    fn close(&mut self) -> Result<Next, BodyError> {
        match (self.open.pop(), self.peek()) {
            (Some(Open::Object(first)), Some(b'}')) => self.check_names(first)?,
            (Some(Open::Array), Some(b']')) => {}
            _ => return Err(self.malformed("the bracket that closes the innermost one")),
        }
        self.copy(1);
        Ok(Next::CommaOrClose)
    }

    fn comma(&mut self) -> Result<Next, BodyError> {
        self.copy(1);
        if matches!(self.open.last(), Some(Open::Array)) {
            return Ok(Next::Value);
        }
        self.skip_space();
        self.name()
    }

    /// A member's name and the colon after it.
    fn name(&mut self) -> Result<Next, BodyError> {
        if self.peek() != Some(b'"') {
            return Err(self.malformed("a name in quotes"));
        }
        let (start, at) = (self.output.len(), self.at);
        self.at = text::copy_string(self.input, at, &mut self.output)?;
        let end = self.output.len();
        self.names.push(Name { start, end, at });
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.malformed("a colon"));
        }
        self.copy(1);
        Ok(Next::Value)
    }

    /// Fails if two of the names from `first` on are equal, then forgets them.
    ///
    /// The output has one spelling per string, so names are equal if their octets are. Sorted
    /// rather than hashed: no allocation per name, and nobody can choose names that collide.
    fn check_names(&mut self, first: usize) -> Result<(), BodyError> {
        let output = &self.output;
        let spelled = |name: &Name| &output[name.start..name.end];
        let names = &mut self.names[first..];
        names.sort_unstable_by(|a, b| (spelled(a), a.at).cmp(&(spelled(b), b.at)));
        let twice = names
            .windows(2)
            .filter(|pair| spelled(&pair[0]) == spelled(&pair[1]))
            .min_by_key(|pair| pair[1].at);
        if let Some(pair) = twice {
            return Err(BodyError::DuplicateName {
                at: pair[1].at,
                name: shown(spelled(&pair[1])),
            });
        }
        self.names.truncate(first);
        Ok(())
    }

    fn literal(&mut self, literal: &'static str) -> Result<(), BodyError> {
        if !self.input[self.at..].starts_with(literal.as_bytes()) {
            return Err(self.malformed("a value"));
        }
        self.copy(literal.len());
        Ok(())
    }

    /// RFC 8259 §6: `[ minus ] int [ frac ] [ exp ]`, kept as it is spelled.
    fn number(&mut self) -> Result<(), BodyError> {
        self.copy_if(|octet| octet == b'-');
        if !self.copy_if(|octet| octet == b'0') {
            self.digits()?;
        }
        if self.copy_if(|octet| octet == b'.') {
            self.digits()?;
        }
        if self.copy_if(|octet| matches!(octet, b'e' | b'E')) {
            self.copy_if(|octet| matches!(octet, b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    /// One digit and more.
    fn digits(&mut self) -> Result<(), BodyError> {
        let rest = &self.input[self.at..];
        let len = rest.iter().take_while(|octet| octet.is_ascii_digit());
        match len.count() {
            0 => Err(self.malformed("a digit")),
            len => {
                self.copy(len);
                Ok(())
            }
        }
    }

    fn copy_if(&mut self, is_wanted: impl FnOnce(u8) -> bool) -> bool {
        let found = self.peek().is_some_and(is_wanted);
        if found {
            self.copy(1);
        }
        found
    }

    fn copy(&mut self, len: usize) {
        let end = self.at + len;
        self.output.extend_from_slice(&self.input[self.at..end]);
        self.at = end;
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn malformed(&self, expected: &'static str) -> BodyError {
        BodyError::Malformed {
            at: self.at,
            expected,
        }
    }
}

/// The beginning of a name as JSON, for people.
pub(super) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let end = text.floor_char_boundary(NAME_SHOWN_BYTES);
    if end == text.len() {
        text.into_owned()
    } else {
        format!("{}...", &text[..end])
    }
}
