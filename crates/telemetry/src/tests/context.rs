use crate::{TRACEPARENT_BYTES, TraceParent};

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a_traceparent_is_read_and_written_alike() {
    let parent = TraceParent::parse(SAMPLED.as_bytes()).unwrap();
    assert_eq!(parent.to_string(), SAMPLED);
    assert_eq!(SAMPLED.len(), TRACEPARENT_BYTES);
}

#[test]
fn sampled_is_one_bit() {
    for (flags, sampled) in [
        ("00", false),
        ("01", true),
        ("02", false),
        ("03", true),
        ("ff", true),
    ] {
        let text = SAMPLED.replace("-01", &format!("-{flags}"));
        let parent = TraceParent::parse(text.as_bytes()).unwrap();
        assert_eq!(parent.is_sampled(), sampled, "{text}");
    }
}

#[test]
fn later_versions_may_be_longer() {
    let later = SAMPLED.replacen("00", "01", 1);
    for text in [later.clone(), format!("{later}-what-comes-next")] {
        let parent = TraceParent::parse(text.as_bytes()).unwrap();
        assert_eq!(parent.to_string(), SAMPLED, "{text}");
    }
    assert_eq!(TraceParent::parse(format!("{later}x").as_bytes()), None);
}

#[test]
fn what_is_no_context_is_none() {
    for text in [
        "",
        "nonsense",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c+b7ad6b7169203331-01",
        "ääääääääääääääääääääääääääääääää",
    ] {
        assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text:?}");
    }
}
