//! Requests on a connection: a lane's parser and hyper's.

mod replies;
mod sides;

use std::cell::RefCell;

use self::{replies::replies, sides::Sides};

thread_local! {
    /// Kept from one input to the next, as a lane keeps it from one connection to the next:
    /// whatever it remembers must change nothing.
    static SIDES: RefCell<Sides> = RefCell::new(Sides::start());
}

/// What a lane answers, hyper takes for the same requests and the data plane answers alike.
///
/// Wherever the octets are cut as they come, and whatever the lane has answered before, it says the
/// same. What it does not take is the server's, so there is nothing to compare.
pub fn requests(octets: &[u8]) {
    SIDES.with_borrow_mut(|sides| check(sides, octets));
}

fn check(sides: &mut Sides, octets: &[u8]) {
    let whole = sides.lane().answer(octets);
    assert!(whole.read <= octets.len());
    let sum = octets
        .iter()
        .fold(0, |sum: usize, octet| sum + usize::from(*octet));
    for cut in [octets.len() / 2, sum % (octets.len() + 1)] {
        let mut pieces = sides.lane().answer(&octets[..cut]);
        if !pieces.is_left {
            let rest = sides.lane().answer(&octets[pieces.read..]);
            pieces.answers.extend(rest.answers);
            pieces.read += rest.read;
            pieces.is_left = rest.is_left;
        }
        // What is left to the server may become so only once more of it is here, and no sooner.
        assert_eq!(pieces, whole, "cut at {cut}");
    }
    assert_eq!(sides.lane().answer(octets), whole, "asked again");
    if whole.read == 0 {
        assert!(whole.answers.is_empty());
        return;
    }
    let served = sides.serve(&octets[..whole.read]);
    let by_lane = replies(&whole.answers, &served.methods);
    let by_server = replies(&served.answers, &served.methods);
    assert_eq!(by_lane, by_server, "lane and server");
}
