use crate::ContentCoding;

#[test]
fn codings_have_tokens_and_numbers() {
    for (coding, token, number) in [
        (ContentCoding::Identity, "identity", 0),
        (ContentCoding::Gzip, "gzip", 1),
        (ContentCoding::Brotli, "br", 2),
        (ContentCoding::Zstd, "zstd", 3),
    ] {
        assert_eq!(coding.token(), token);
        assert_eq!(coding as u8, number);
        assert_eq!(ContentCoding::from_wire(number), Some(coding));
        assert_eq!(ContentCoding::from_token(token.as_bytes()), Some(coding));
        let loud = token.to_ascii_uppercase();
        assert_eq!(ContentCoding::from_token(loud.as_bytes()), Some(coding));
    }
    assert_eq!(
        ContentCoding::from_token(b"X-GZIP"),
        Some(ContentCoding::Gzip)
    );
    for token in [&b""[..], b"brotli", b"gzip ", b"*", b"deflate", b"\xff"] {
        assert_eq!(ContentCoding::from_token(token), None);
    }
    assert!((4..=255).all(|number| ContentCoding::from_wire(number).is_none()));
}
