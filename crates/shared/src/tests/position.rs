use crate::{
    Continuity, Epoch, Link, Position, Sequence, limits::NUMBER_MAX, position::PositionError,
};

fn at(epoch: u64, sequence: u64) -> Position {
    Position::new(Epoch(epoch), Sequence(sequence))
}

#[test]
fn positions_are_written_as_two_numbers() {
    let most = format!("{NUMBER_MAX}.{NUMBER_MAX}");
    let past = format!("1.{}", NUMBER_MAX + 1);
    for (text, expected) in [
        ("1.2", Ok(at(1, 2))),
        ("0.0", Ok(at(0, 0))),
        ("01.002", Ok(at(1, 2))),
        (&most, Ok(at(NUMBER_MAX, NUMBER_MAX))),
        (&past, Err(PositionError)),
        ("18446744073709551616.1", Err(PositionError)),
        ("", Err(PositionError)),
        (".", Err(PositionError)),
        ("1", Err(PositionError)),
        ("1.", Err(PositionError)),
        (".1", Err(PositionError)),
        ("1.2.3", Err(PositionError)),
        ("-1.2", Err(PositionError)),
        ("+1.2", Err(PositionError)),
        ("1. 2", Err(PositionError)),
        (" 1.2", Err(PositionError)),
        ("1.2e3", Err(PositionError)),
        ("١.٢", Err(PositionError)),
    ] {
        assert_eq!(text.parse(), expected, "{text:?}");
    }
    assert_eq!(at(1, 2).to_string(), "1.2");
}

#[test]
fn continuity_names_every_relation() {
    let held = at(5, 10);
    for (position, expected) in [
        (at(5, 11), Continuity::Next),
        (at(5, 12), Continuity::Gap),
        (at(5, 10), Continuity::Duplicate),
        (at(5, 9), Continuity::Duplicate),
        (at(5, 0), Continuity::Duplicate),
        (at(6, 11), Continuity::NewEpoch),
        (at(6, 0), Continuity::NewEpoch),
        (at(4, 11), Continuity::OldEpoch),
        (at(4, 99), Continuity::OldEpoch),
    ] {
        assert_eq!(held.continuity(position), expected, "{position}");
    }
}

#[test]
fn positions_are_ordered_by_epoch_first() {
    let mut all = [at(2, 1), at(1, 9), at(1, 2)];
    all.sort();
    assert_eq!(all, [at(1, 2), at(1, 9), at(2, 1)]);
    assert_eq!(Sequence::ZERO.next(), Sequence(1));
    assert_eq!(format!("{:?}", Link(0xab)), "Link(00000000000000ab)");
}
