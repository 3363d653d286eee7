//! What Redis answers, found in octets that come in pieces: against the library's parser.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use redis::Value;

use crate::redis::resp::{Beginning, Malformed, Pairs, Scan, Strings, beginning, strings};

/// The octets of an answer.
fn encode(value: &Value, octets: &mut Vec<u8>) {
    match value {
        Value::Int(number) => octets.extend_from_slice(format!(":{number}\r\n").as_bytes()),
        Value::BulkString(string) => {
            octets.extend_from_slice(format!("${}\r\n", string.len()).as_bytes());
            octets.extend_from_slice(string);
            octets.extend_from_slice(b"\r\n");
        }
        Value::Array(elements) => {
            octets.extend_from_slice(format!("*{}\r\n", elements.len()).as_bytes());
            for element in elements {
                encode(element, octets);
            }
        }
        Value::Okay => octets.extend_from_slice(b"+OK\r\n"),
        _ => octets.extend_from_slice(b"$-1\r\n"),
    }
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut octets = Vec::new();
    encode(value, &mut octets);
    octets
}

/// Any answer that a client of ours asks for, arrays in arrays among them.
fn answer() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        vec(any::<u8>(), 0..40).prop_map(Value::BulkString),
        Just(Value::Nil),
        Just(Value::Okay),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| vec(inner, 0..6).prop_map(Value::Array))
}

#[test]
fn what_is_no_answer_is_refused() {
    let long = [b"+".as_slice(), &vec![b'x'; 1024 * 1024]].concat();
    for octets in [
        b"hello\r\n".as_slice(),
        b"$x\r\n",
        b"$-2\r\n",
        b"$\r\n",
        b"$12345678901\r\n",
        b"$536870913\r\n",
        b"*99999999999\r\n",
        b"*1\n",
        b"\n",
        &long,
    ] {
        let end = Scan::new().end(octets);
        assert_eq!(end, Err(Malformed), "{:?}", octets.get(..20));
    }
}

#[test]
fn only_arrays_of_strings_give_strings() {
    for octets in [&b":1\r\n"[..], b"$1\r\na\r\n", b"*-1\r\n", b""] {
        assert!(strings(&Bytes::from_static(octets)).is_err());
    }
    let octets = Bytes::from_static(b"*3\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n");
    let given: Vec<_> = strings(&octets).unwrap().collect();
    assert_eq!(
        given,
        [Ok(Some(8..9)), Err(Malformed)],
        "nothing after an error"
    );
}

#[test]
fn only_arrays_of_pairs_of_strings_give_parts() {
    assert!(Pairs::new(3, 100).is_err());
    let mut pairs = Pairs::new(2, 100).unwrap();
    assert_eq!(pairs.part(b"$1\r\na\r\n:1\r\n"), Err(Malformed));
    let other = Ok(Some(Beginning::Other));
    assert_eq!(beginning(b"-ERR no such thing\r\n"), other);
    assert_eq!(beginning(b"$-1\r\n"), other);
    assert_eq!(beginning(b"*12\r"), Ok(None));
    assert_eq!(beginning(b"*12\r\n"), Ok(Some(Beginning::Array(12, 5))));
}

proptest! {
    #[test]
    fn parts_are_whole_pairs_however_they_come(
        pairs in vec((vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..60)), 0..20),
        after in vec(any::<u8>(), 0..10),
        steps in vec(1_usize..40, 1..20),
        part_bytes in 1_usize..200,
    ) {
        let expected: Vec<_> = pairs.iter().flat_map(|(field, value)| [field, value]).collect();
        let elements = expected.iter().map(|&one| Value::BulkString(one.clone())).collect();
        let octets = [encoded(&Value::Array(elements)), after.clone()].concat();
        let Ok(Some(Beginning::Array(strings, begun))) = beginning(&octets) else {
            panic!("an array");
        };
        let mut division = Pairs::new(strings, part_bytes).unwrap();
        let mut steps = steps.iter().cycle();
        let (mut given, mut at, mut come) = (Vec::new(), begun, begun);
        loop {
            let Some(part) = division.part(&octets[at..come]).unwrap() else {
                prop_assert!(come + division.missing(come - at) <= octets.len() - after.len());
                come = octets.len().min(come + steps.next().unwrap());
                continue;
            };
            let own = Bytes::copy_from_slice(&octets[at..at + part.len]);
            let first = given.len();
            for string in Strings::of(&own, part.strings) {
                given.push(own.slice(string.unwrap().unwrap()));
            }
            prop_assert_eq!((given.len() - first) % 2, 0, "whole pairs");
            let len_of = |one: &Bytes| encoded(&Value::BulkString(one.to_vec())).len();
            let last_pair: usize = given.iter().rev().take(2).map(len_of).sum();
            prop_assert!(part.len == 0 || part.len - last_pair < part_bytes, "no more than asked");
            at += part.len;
            if part.is_last {
                break;
            }
            prop_assert!(part_bytes <= part.len, "no less either");
        }
        prop_assert_eq!(given, expected);
        prop_assert_eq!(&octets[at..], &after, "nothing of what follows");
    }

    #[test]
    fn an_answer_ends_where_it_ends_however_it_comes(
        value in answer(),
        after in vec(any::<u8>(), 0..10),
        steps in vec(1_usize..30, 1..20),
    ) {
        let own = encoded(&value);
        prop_assert_eq!(redis::parse_redis_value(&own), Ok(value));
        let octets = [&own[..], &after].concat();
        let mut scan = Scan::new();
        let mut come = 0;
        for step in steps.iter().cycle() {
            let end = scan.end(&octets[..come]).unwrap();
            if own.len() <= come {
                prop_assert_eq!(end, Some(own.len()));
                break;
            }
            prop_assert_eq!(end, None);
            prop_assert!(come + scan.missing(come) <= own.len());
            come = octets.len().min(come + step);
        }
    }

    #[test]
    fn strings_are_those_of_the_array(
        elements in vec(proptest::option::of(vec(any::<u8>(), 0..40)), 0..20),
    ) {
        let value = |one: &Option<Vec<u8>>| one.clone().map_or(Value::Nil, Value::BulkString);
        let octets = encoded(&Value::Array(elements.iter().map(value).collect()));
        let octets = Bytes::from(octets);
        let given: Vec<Option<Vec<u8>>> = strings(&octets)
            .unwrap()
            .map(|string| string.unwrap().map(|range| octets[range].to_vec()))
            .collect();
        prop_assert_eq!(given, elements);
    }

    #[test]
    fn arbitrary_octets_never_panic(octets in vec(prop_oneof![
        Just(b'*'), Just(b'$'), Just(b'1'), Just(b'-'), Just(b'\r'), Just(b'\n'), any::<u8>(),
    ], 0..60)) {
        let octets = Bytes::from(octets);
        if let Ok(Some(end)) = Scan::new().end(&octets) {
            prop_assert!(end <= octets.len());
        }
        if let Ok(strings) = strings(&octets) {
            for string in strings.take(100).flatten().flatten() {
                prop_assert!(string.end <= octets.len());
            }
        }
    }
}
