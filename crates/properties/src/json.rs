//! JSON values, read by `serde_json`, with what it would lose by its own: how numbers are spelt,
//! the order of members, and names that come twice.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Json {
    /// A number as it is spelt; `true`, `false` or `null`.
    Word(String),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// The value that these octets are. Takes a frame of the stack for each depth.
    ///
    /// # Errors
    /// They are not JSON, or a string in them is half of a surrogate pair.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, serde_json::Error> {
        match octets.trim_ascii_start().first() {
            Some(b'"') => serde_json::from_slice(octets).map(Self::Text),
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_slice(octets)?;
                let elements = elements.into_iter().map(Self::of);
                elements.collect::<Result<_, _>>().map(Self::Array)
            }
            Some(b'{') => {
                let mut deserializer = serde_json::Deserializer::from_slice(octets);
                let members = deserializer.deserialize_map(Members)?;
                deserializer.end()?;
                Ok(Self::Object(members))
            }
            _ => {
                let word: &RawValue = serde_json::from_slice(octets)?;
                Ok(Self::Word(word.get().to_owned()))
            }
        }
    }

    fn of(raw: &RawValue) -> Result<Self, serde_json::Error> {
        Self::read(raw.get().as_bytes())
    }

    /// The member of that name, of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut found = members.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Json)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            members.push((name, Json::of(value).map_err(A::Error::custom)?));
        }
        Ok(members)
    }
}
