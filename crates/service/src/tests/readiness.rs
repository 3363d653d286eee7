use crate::Readiness;

#[test]
fn ready_once_every_part_has_let_go() {
    let (readiness, hydration) = Readiness::awaiting("hydration");
    let sockets = hydration.and("sockets");
    let again = hydration.and("hydration");
    assert_eq!(
        readiness.waiting_for(),
        ["hydration", "sockets", "hydration"]
    );
    hydration.release();
    assert!(!readiness.is_ready());
    assert_eq!(readiness.waiting_for(), ["sockets", "hydration"]);
    drop(sockets);
    drop(again);
    assert!(readiness.is_ready());
    assert!(readiness.waiting_for().is_empty());
}
