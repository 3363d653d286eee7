use crate::{Head, Origin, TraceParent};

const SAMPLED: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

#[test]
fn who_sends_a_traceparent_decides() {
    let remote = Some(Origin::Remote(TraceParent::parse(SAMPLED).unwrap()));
    for ratio in [0.0, 1.0] {
        let head = Head::with_ratio(ratio);
        assert_eq!(head.decide(Some(SAMPLED)), remote);
        assert_eq!(head.decide(Some(UNSAMPLED)), None);
        assert!(head.is_asked_by(SAMPLED) && !head.is_asked_by(UNSAMPLED));
        assert!(!head.is_asked_by(b"nonsense"));
    }
}

#[test]
fn a_share_of_the_others_is_traced() {
    for field in [None, Some(&b"nonsense"[..])] {
        assert_eq!(Head::with_ratio(0.0).decide(field), None);
        assert_eq!(Head::with_ratio(1.0).decide(field), Some(Origin::Here));
    }
}

#[test]
fn where_traces_go_nowhere_nothing_is_traced() {
    assert_eq!(Head::OFF.decide(Some(SAMPLED)), None);
    assert_eq!(Head::OFF.decide(None), None);
    assert!(!Head::OFF.is_asked_by(SAMPLED));
}

/// How many of a million requests a countdown chooses.
fn chosen(head: Head) -> u64 {
    let mut countdown = head.countdown();
    let mut chosen = 0;
    for _ in 0..1_000_000 {
        if countdown.is_due() {
            chosen += 1;
            countdown.restart();
        }
    }
    chosen
}

#[test]
fn a_countdown_chooses_the_same_share() {
    assert_eq!(chosen(Head::OFF), 0);
    assert_eq!(chosen(Head::with_ratio(0.0)), 0);
    assert_eq!(chosen(Head::with_ratio(1.0)), 1_000_000);
    // Six standard deviations of a binomial distribution on either side.
    for (ratio, fewest, most) in [(0.5, 497_000, 503_000), (0.01, 9_403, 10_597)] {
        fastrand::seed(7);
        let chosen = chosen(Head::with_ratio(ratio));
        assert!((fewest..=most).contains(&chosen), "{ratio}: {chosen}");
    }
}

#[test]
fn what_is_postponed_is_next() {
    let mut countdown = Head::with_ratio(0.5).countdown();
    while !countdown.is_due() {}
    countdown.postpone();
    assert!(countdown.is_due());
}
